"""API tokens: each acts for a user, within its own scopes and those of the user's present role."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from domain.access import Role, Scope

_SEEN_EVERY_S = 60
_HOLDS = "enabled AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > clock_timestamp())"
_COLUMNS = f"""token_id, label, user_name, scopes, role, api_tokens.created_at, expires_at, last_used_at, revoked_at,
    {_HOLDS} AS holds"""
_FROM = "FROM api_tokens JOIN users ON name = user_name"
_INSERT = text("""
    INSERT INTO api_tokens (label, user_name, token_hash, scopes, expires_at)
    VALUES (:label, :user_name, :token_hash, cast(:scopes AS jsonb), clock_timestamp() + make_interval(days => :days))
    RETURNING token_id
""")
_FIND = text(f"""
    WITH found AS (
        SELECT {_COLUMNS} {_FROM} WHERE token_hash = :token_hash AND {_HOLDS}
    ), used AS (
        UPDATE api_tokens SET last_used_at = clock_timestamp() FROM found
        WHERE api_tokens.token_id = found.token_id AND (
            api_tokens.last_used_at IS NULL
            OR api_tokens.last_used_at <= clock_timestamp() - make_interval(secs => :seen_every_s)
        )
    )
    SELECT * FROM found
""")


class TokenUnknown(ValueError):
    """No token has that id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """Token without its secret; `holds` is whether it is valid now: enabled, not revoked, not expired."""

    token_id: UUID
    label: str
    user_name: str
    scopes: frozenset[Scope]
    role: Role
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None
    holds: bool

    @property
    def effective(self) -> frozenset[Scope]:
        """The scopes it grants now: its own, limited to those of its user's present role."""
        return self.scopes & self.role.scopes


def add(
    session: Session, user_name: str, *, label: str, token_hash: str, scopes: Collection[Scope], days: int | None
) -> UUID:
    """Store a new token of a user, valid for `days` or (None) until it is revoked; return its id."""
    scope_names = json.dumps([scope.value for scope in Scope if scope in scopes])
    parameters = {"label": label, "user_name": user_name, "token_hash": token_hash, "scopes": scope_names, "days": days}
    token_id = session.execute(_INSERT, parameters).scalar_one()
    assert isinstance(token_id, UUID)  # noqa: S101 - the column's type
    return token_id


def find(session: Session, token_hash: str) -> ApiToken | None:
    """Return the valid token with this SHA-256 and record its use, at most once a minute; None when there is none."""
    parameters = {"token_hash": token_hash, "seen_every_s": _SEEN_EVERY_S}
    row = session.execute(_FIND, parameters).mappings().one_or_none()
    return _build_token(row) if row is not None else None


def load_active_hashes(session: Session) -> frozenset[str]:
    """Return the SHA-256 of every valid token."""
    return frozenset(session.execute(text(f"SELECT token_hash {_FROM} WHERE {_HOLDS}")).scalars())


def list_all(session: Session, *, user_name: str | None = None) -> list[ApiToken]:
    """Return the tokens of one user, or of all users, newest first."""
    where = "WHERE user_name = :user_name" if user_name is not None else ""
    query = text(f"SELECT {_COLUMNS} {_FROM} {where} ORDER BY api_tokens.created_at DESC, token_id")
    parameters = {"user_name": user_name} if user_name is not None else {}
    return [_build_token(row) for row in session.execute(query, parameters).mappings()]


def revoke(session: Session, token_id: UUID, *, user_name: str | None = None) -> str:
    """Revoke a token (only of `user_name`, when given) and return its label; revoking it again changes nothing.

    Raises:
        TokenUnknown: when there is none.
    """
    owned = "AND user_name = :user_name" if user_name is not None else ""
    query = text(f"""
        UPDATE api_tokens SET revoked_at = coalesce(revoked_at, clock_timestamp())
        WHERE token_id = :token_id {owned} RETURNING label
    """)
    parameters = {"token_id": token_id} | ({"user_name": user_name} if user_name is not None else {})
    label = session.execute(query, parameters).scalar_one_or_none()
    if label is None:
        raise TokenUnknown(str(token_id))
    return str(label)


def _build_token(row: RowMapping) -> ApiToken:
    return ApiToken(**dict(row) | {"scopes": frozenset(map(Scope, row["scopes"])), "role": Role(row["role"])})
