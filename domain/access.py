"""Permissions: the roles of users, and the scopes that a role grants and a token can be narrowed to."""

from __future__ import annotations

from enum import Enum


class Scope(Enum):
    """A permission: to read, to operate the running product, to change its configuration, or to read metrics."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"
    METRICS = "metrics"


class Role(Enum):
    """A user's role; each role has all the scopes of the one before it."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def scopes(self) -> frozenset[Scope]:
        """Return the scopes that the role grants."""
        match self:
            case Role.VIEWER:
                return frozenset({Scope.READ, Scope.METRICS})
            case Role.OPERATOR:
                return Role.VIEWER.scopes | {Scope.OPERATE}
            case Role.ADMIN:
                return frozenset(Scope)
