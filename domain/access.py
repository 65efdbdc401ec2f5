"""Who may do what: the roles of people, and the scopes that a token can be narrowed to."""

from __future__ import annotations

from enum import Enum


class Scope(Enum):
    """A kind of act: to see, to operate what runs, to change what is set up, and to scrape the metrics."""

    READ = "read"
    OPERATE = "operate"
    ADMIN = "admin"
    METRICS = "metrics"


class Role(Enum):
    """What a person is here for; each role may do what the one before it may."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    @property
    def scopes(self) -> frozenset[Scope]:
        """Return all that a person of this role may do."""
        match self:
            case Role.VIEWER:
                return frozenset({Scope.READ, Scope.METRICS})
            case Role.OPERATOR:
                return Role.VIEWER.scopes | {Scope.OPERATE}
            case Role.ADMIN:
                return frozenset(Scope)
