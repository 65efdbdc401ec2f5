"""Tokens for programs: each acts for a person, within its own scopes and what that person's role allows now."""

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
    """There is no such token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """A token without its secret; `holds` says whether it still lets somebody in."""

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
        """What it may do: its scopes, as far as its person's present role still has them."""
        return self.scopes & self.role.scopes


def add(
    session: Session, user_name: str, *, label: str, token_hash: str, scopes: Collection[Scope], days: int | None
) -> UUID:
    """Store a new token of a person, good for some days or (None) until it is revoked; return its id."""
    written = json.dumps([one.value for one in Scope if one in scopes])
    given = {"label": label, "user_name": user_name, "token_hash": token_hash, "scopes": written, "days": days}
    made = session.execute(_INSERT, given).scalar_one()
    assert isinstance(made, UUID)  # noqa: S101 - the column's type
    return made


def find(session: Session, token_hash: str) -> ApiToken | None:
    """Return the token that holds and has this SHA-256, and note once a minute at most that it was used."""
    given = {"token_hash": token_hash, "seen_every_s": _SEEN_EVERY_S}
    row = session.execute(_FIND, given).mappings().one_or_none()
    return _token(row) if row is not None else None


def load_active_hashes(session: Session) -> frozenset[str]:
    """Return the SHA-256 of every token that holds."""
    return frozenset(session.execute(text(f"SELECT token_hash {_FROM} WHERE {_HOLDS}")).scalars())


def list_all(session: Session, *, user_name: str | None = None) -> list[ApiToken]:
    """Return the tokens of a person, or of all; the newest first."""
    where = "WHERE user_name = :user_name" if user_name is not None else ""
    query = text(f"SELECT {_COLUMNS} {_FROM} {where} ORDER BY api_tokens.created_at DESC, token_id")
    given = {"user_name": user_name} if user_name is not None else {}
    return [_token(row) for row in session.execute(query, given).mappings()]


def revoke(session: Session, token_id: UUID, *, user_name: str | None = None) -> str:
    """End a token (of that person, when one is named) and return its label; once revoked it stays so.

    Raises:
        TokenUnknown: when there is none.
    """
    owned = "AND user_name = :user_name" if user_name is not None else ""
    query = text(f"""
        UPDATE api_tokens SET revoked_at = coalesce(revoked_at, clock_timestamp())
        WHERE token_id = :token_id {owned} RETURNING label
    """)
    given = {"token_id": token_id} | ({"user_name": user_name} if user_name is not None else {})
    label = session.execute(query, given).scalar_one_or_none()
    if label is None:
        raise TokenUnknown(str(token_id))
    return str(label)


def _token(row: RowMapping) -> ApiToken:
    return ApiToken(**dict(row) | {"scopes": frozenset(map(Scope, row["scopes"])), "role": Role(row["role"])})
