"""People who may come in: their roles, their passwords' hashes, and how often somebody failed to give the right one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from domain.access import Role

MOST_FAILURES = 5
_LONGEST_LOCK_S = 3600
_COLUMNS = """name, role, password_hash, enabled, failures, locked_until, password_set_at, created_at,
    coalesce(locked_until > clock_timestamp(), false) AS is_locked"""
_INSERT = text("""
    INSERT INTO users (name, role, password_hash) VALUES (:name, :role, :password_hash)
    ON CONFLICT (name) DO NOTHING RETURNING name
""")
# A failure while the name is locked counts for nothing: who locks somebody out cannot keep them out by going on.
_FAILED = text("""
    UPDATE users SET failures = failures + 1, locked_until = CASE WHEN failures + 1 >= :most
        THEN clock_timestamp()
            + make_interval(secs => least(:longest_s, 60 * power(2, least(failures + 1 - :most, 20)))::double precision)
        END
    WHERE name = :name AND (locked_until IS NULL OR locked_until <= clock_timestamp())
    RETURNING failures, locked_until
""")
_PASSED = text("""
    UPDATE users SET failures = 0, locked_until = NULL
    WHERE name = :name AND enabled AND (locked_until IS NULL OR locked_until <= clock_timestamp())
        AND password_hash = :password_hash
    RETURNING name
""")


class UserExists(ValueError):
    """There is a user of that name."""


class UserUnknown(ValueError):
    """There is no user of that name."""


class LastAdmin(ValueError):
    """The user is the last enabled admin, without whom nobody could let others in."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """A person, with the Argon2id hash of the password; `is_locked` is as of the database's clock."""

    name: str
    role: Role
    password_hash: str
    enabled: bool
    failures: int
    locked_until: datetime | None
    is_locked: bool
    password_set_at: datetime
    created_at: datetime


def add(session: Session, name: str, *, role: Role, password_hash: str) -> None:
    """Store a new user.

    Raises:
        UserExists: when the name is taken.
    """
    given = {"name": name, "role": role.value, "password_hash": password_hash}
    if session.execute(_INSERT, given).one_or_none() is None:
        raise UserExists(name)


def has_users(session: Session) -> bool:
    """Say whether there is any user."""
    return bool(session.execute(text("SELECT FROM users LIMIT 1")).all())


def list_all(session: Session) -> list[User]:
    """Return every user, ordered by name."""
    return [_user(row) for row in session.execute(text(f"SELECT {_COLUMNS} FROM users ORDER BY name")).mappings()]


def find(session: Session, name: str) -> User | None:
    """Return the user of that name, enabled or not; None when there is none."""
    query = text(f"SELECT {_COLUMNS} FROM users WHERE name = :name")
    row = session.execute(query, {"name": name}).mappings().one_or_none()
    return _user(row) if row is not None else None


def by_name(session: Session, name: str) -> User:
    """Return the user of that name, enabled or not.

    Raises:
        UserUnknown: when there is none.
    """
    found = find(session, name)
    if found is None:
        raise UserUnknown(name)
    return found


def set_role(session: Session, name: str, role: Role) -> None:
    """Give a user another role.

    Raises:
        UserUnknown, LastAdmin
    """
    if role is not Role.ADMIN:
        _require_another_admin(session, name)
    _change(session, name, "role = :value", value=role.value)


def set_enabled(session: Session, name: str, *, enabled: bool) -> None:
    """Let a user in, or no longer.

    Raises:
        UserUnknown, LastAdmin
    """
    if not enabled:
        _require_another_admin(session, name)
    _change(session, name, "enabled = :value", value=enabled)


def set_password(session: Session, name: str, password_hash: str) -> None:
    """Give a user another password; a lock is lifted.

    Raises:
        UserUnknown: when there is no such user.
    """
    assignment = "password_hash = :value, password_set_at = clock_timestamp(), failures = 0, locked_until = NULL"
    _change(session, name, assignment, value=password_hash)


def replace_hash(session: Session, name: str, *, before: str, after: str) -> None:
    """Put another hash of the same password in the place of the one before, unless the password was changed."""
    query = text("UPDATE users SET password_hash = :after WHERE name = :name AND password_hash = :before")
    session.execute(query, {"name": name, "before": before, "after": after})


def record_failed_login(session: Session, name: str) -> datetime | None:
    """Count a wrong password and return until when that locks the name, None when it does not.

    Five in a row lock it for a minute, each further one for twice as long, an hour at most.
    """
    given = {"name": name, "most": MOST_FAILURES, "longest_s": _LONGEST_LOCK_S}
    row = session.execute(_FAILED, given).one_or_none()
    return row.locked_until if row is not None else None


def record_successful_login(session: Session, name: str, *, password_hash: str) -> bool:
    """Forget the wrong passwords of a user who gave the right one; False when the user is locked out or disabled.

    `password_hash` is what the given one was compared with; when it was changed since, the answer is False too.
    """
    return session.execute(_PASSED, {"name": name, "password_hash": password_hash}).one_or_none() is not None


def _require_another_admin(session: Session, name: str) -> None:
    query = text("SELECT name FROM users WHERE role = 'admin' AND enabled ORDER BY name FOR UPDATE")
    if session.execute(query).scalars().all() == [name]:
        raise LastAdmin(name)


def _change(session: Session, name: str, assignment: str, *, value: str | bool) -> None:
    query = text(f"UPDATE users SET {assignment} WHERE name = :name RETURNING name")
    if session.execute(query, {"name": name, "value": value}).one_or_none() is None:
        raise UserUnknown(name)


def _user(row: RowMapping) -> User:
    return User(**dict(row) | {"role": Role(row["role"])})
