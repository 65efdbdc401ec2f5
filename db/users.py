"""Users: their roles, the hashes of their passwords, and their failed logins."""

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
# Failures while the name is locked are not counted, so that an attacker cannot prolong the lock by going on.
_RECORD_FAILED_LOGIN = text("""
    UPDATE users SET failures = failures + 1, locked_until = CASE WHEN failures + 1 >= :most
        THEN clock_timestamp()
            + make_interval(secs => least(:longest_s, 60 * power(2, least(failures + 1 - :most, 20)))::double precision)
        END
    WHERE name = :name AND (locked_until IS NULL OR locked_until <= clock_timestamp())
    RETURNING failures, locked_until
""")
_RECORD_SUCCESSFUL_LOGIN = text("""
    UPDATE users SET failures = 0, locked_until = NULL
    WHERE name = :name AND enabled AND (locked_until IS NULL OR locked_until <= clock_timestamp())
        AND password_hash = :password_hash
    RETURNING name
""")


class UserExists(ValueError):
    """A user of that name exists already."""


class UserUnknown(ValueError):
    """No user has that name."""


class LastAdmin(ValueError):
    """The user is the last enabled admin, without whom nobody could administer users."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """User with the Argon2id hash of the password; `is_locked` is by the database's clock."""

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
    parameters = {"name": name, "role": role.value, "password_hash": password_hash}
    if session.execute(_INSERT, parameters).one_or_none() is None:
        raise UserExists(name)


def has_users(session: Session) -> bool:
    """Return whether any user exists."""
    return bool(session.execute(text("SELECT FROM users LIMIT 1")).all())


def list_all(session: Session) -> list[User]:
    """Return every user, ordered by name."""
    return [_build_user(row) for row in session.execute(text(f"SELECT {_COLUMNS} FROM users ORDER BY name")).mappings()]


def find(session: Session, name: str) -> User | None:
    """Return the user of that name, enabled or not; None when there is none."""
    query = text(f"SELECT {_COLUMNS} FROM users WHERE name = :name")
    row = session.execute(query, {"name": name}).mappings().one_or_none()
    return _build_user(row) if row is not None else None


def by_name(session: Session, name: str) -> User:
    """Return the user of that name, enabled or not.

    Raises:
        UserUnknown: when there is none.
    """
    user = find(session, name)
    if user is None:
        raise UserUnknown(name)
    return user


def set_role(session: Session, name: str, role: Role) -> None:
    """Give a user another role.

    Raises:
        UserUnknown: when no user has that name; LastAdmin: when no enabled admin would be left.
    """
    if role is not Role.ADMIN:
        _require_another_admin(session, name)
    _update(session, name, "role = :value", value=role.value)


def set_enabled(session: Session, name: str, *, enabled: bool) -> None:
    """Enable or disable a user; a disabled one cannot log in.

    Raises:
        UserUnknown: when no user has that name; LastAdmin: when no enabled admin would be left.
    """
    if not enabled:
        _require_another_admin(session, name)
    _update(session, name, "enabled = :value", value=enabled)


def set_password(session: Session, name: str, password_hash: str) -> None:
    """Set the password of a user and lift a lock.

    Raises:
        UserUnknown: when no user has that name.
    """
    assignment = "password_hash = :value, password_set_at = clock_timestamp(), failures = 0, locked_until = NULL"
    _update(session, name, assignment, value=password_hash)


def replace_hash(session: Session, name: str, *, before: str, after: str) -> None:
    """Replace a hash by another one of the same password, unless the password was changed meanwhile."""
    query = text("UPDATE users SET password_hash = :after WHERE name = :name AND password_hash = :before")
    session.execute(query, {"name": name, "before": before, "after": after})


def record_failed_login(session: Session, name: str) -> datetime | None:
    """Count a wrong password; return the time until which the user is locked now, None when it is not.

    Five in a row lock the user for a minute, each further one for twice as long, at most an hour.
    """
    parameters = {"name": name, "most": MOST_FAILURES, "longest_s": _LONGEST_LOCK_S}
    row = session.execute(_RECORD_FAILED_LOGIN, parameters).one_or_none()
    return row.locked_until if row is not None else None


def record_successful_login(session: Session, name: str, *, password_hash: str) -> bool:
    """Reset the count of wrong passwords after a right one; return False when the user is locked or disabled.

    `password_hash` is the hash with which the password was compared; when it was changed since, this returns False.
    """
    return (
        session.execute(_RECORD_SUCCESSFUL_LOGIN, {"name": name, "password_hash": password_hash}).one_or_none()
        is not None
    )


def _require_another_admin(session: Session, name: str) -> None:
    """Raise LastAdmin when the user is the only enabled admin; locks the admins until the transaction ends."""
    query = text("SELECT name FROM users WHERE role = 'admin' AND enabled ORDER BY name FOR UPDATE")
    if session.execute(query).scalars().all() == [name]:
        raise LastAdmin(name)


def _update(session: Session, name: str, assignment: str, *, value: str | bool) -> None:
    """Apply the SQL assignment, which uses `:value`, to a user; raise UserUnknown when no user has that name."""
    query = text(f"UPDATE users SET {assignment} WHERE name = :name RETURNING name")
    if session.execute(query, {"name": name, "value": value}).one_or_none() is None:
        raise UserUnknown(name)


def _build_user(row: RowMapping) -> User:
    return User(**dict(row) | {"role": Role(row["role"])})
