"""Accounts at venues: their names, their venues and their encrypted keys."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

_COLUMNS = "name, venue, key_encrypted, secret_encrypted, enabled, created_at"
_INSERT = text("""
    INSERT INTO accounts (name, venue, key_encrypted, secret_encrypted) VALUES (:name, :venue, :key, :secret)
    ON CONFLICT (name) DO NOTHING RETURNING name
""")


class AccountExists(ValueError):
    """An account of that name exists already."""


class AccountUnknown(ValueError):
    """No account has that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedKeys:
    """An account's key and secret, encrypted."""

    key: bytes = field(repr=False)
    secret: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAccount:
    """Account as it is stored; without `keys` it uses those of the environment."""

    name: str
    venue: str
    keys: SealedKeys | None
    enabled: bool
    created_at: datetime


def add(session: Session, name: str, *, venue: str, keys: SealedKeys | None) -> None:
    """Store a new account.

    Raises:
        AccountExists: when its name is taken.
    """
    parameters = {"name": name, "venue": venue, "key": keys and keys.key, "secret": keys and keys.secret}
    if session.execute(_INSERT, parameters).one_or_none() is None:
        raise AccountExists(name)


def list_all(session: Session) -> list[StoredAccount]:
    """Return every account, ordered by name."""
    rows = session.execute(text(f"SELECT {_COLUMNS} FROM accounts ORDER BY name")).mappings()
    return [_build_account(row) for row in rows]


def by_name(session: Session, name: str) -> StoredAccount:
    """Return the account of that name, whether enabled or disabled.

    Raises:
        AccountUnknown: when there is none.
    """
    query = text(f"SELECT {_COLUMNS} FROM accounts WHERE name = :name")
    row = session.execute(query, {"name": name}).mappings().one_or_none()
    if row is None:
        raise AccountUnknown(name)
    return _build_account(row)


def disable(session: Session, name: str) -> None:
    """Disable an account, so that it can no longer be used.

    Raises:
        AccountUnknown: when there is none.
    """
    query = text("UPDATE accounts SET enabled = false WHERE name = :name RETURNING name")
    if session.execute(query, {"name": name}).one_or_none() is None:
        raise AccountUnknown(name)


def _build_account(row: RowMapping) -> StoredAccount:
    """Build the account of a row; keys only where both are stored."""
    key, secret = row["key_encrypted"], row["secret_encrypted"]
    keys = SealedKeys(key=bytes(key), secret=bytes(secret)) if key is not None and secret is not None else None
    return StoredAccount(
        name=row["name"], venue=row["venue"], keys=keys, enabled=row["enabled"], created_at=row["created_at"]
    )
