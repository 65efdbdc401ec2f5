"""Operations on users: add, change the password or the role, disable, enable; and users as documents."""

from __future__ import annotations

import re
from typing import Any

from db import users, web_sessions
from db.core.session import Database, Session
from db.users import User
from domain.access import Role
from domain.passwords import require_good
from operations import password_hashing
from operations.audit_entry import AuditContext

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,62}\Z")
_RESERVED = frozenset({"api", "environment"})  # actors of the audit log that are no users


class NameRefused(ValueError):
    """No user can have this name; the message says which names are allowed."""


def list_users(session: Session) -> list[dict[str, Any]]:
    """Return the document of every user, ordered by name."""
    return [document(user) for user in users.list_all(session)]


def add(database: Database, name: str, *, role: Role, password: str, audit: AuditContext) -> dict[str, Any]:
    """Add a user and return the user's document.

    Raises:
        NameRefused, domain.passwords.PasswordRefused, db.users.UserExists
    """
    _require_name(name)
    require_good(password, name=name)
    password_hash = password_hashing.hash_password(password)
    with database.transaction() as session:
        users.add(session, name, role=role, password_hash=password_hash)
        audit.write_entry(session, "user.added", name, role=role.value)
        return document(users.by_name(session, name))


def is_name(text: str) -> bool:
    """Return whether the text has the form of a user's name."""
    return _NAME.match(text) is not None


def set_password(database: Database, name: str, *, password: str, audit: AuditContext) -> dict[str, Any]:
    """Change a user's password, end the user's sessions and return the user's document.

    Raises:
        db.users.UserUnknown, domain.passwords.PasswordRefused
    """
    require_good(password, name=name)
    password_hash = password_hashing.hash_password(password)
    with database.transaction() as session:
        users.set_password(session, name, password_hash)
        web_sessions.end_all(session, name)
        audit.write_entry(session, "user.password_set", name)
        return document(users.by_name(session, name))


def set_role(database: Database, name: str, *, role: Role, audit: AuditContext) -> dict[str, Any]:
    """Change a user's role, at once for open sessions and tokens too, and return the user's document.

    Raises:
        db.users.UserUnknown, db.users.LastAdmin
    """
    with database.transaction() as session:
        before = users.by_name(session, name).role
        users.set_role(session, name, role)
        audit.write_entry(session, "user.role_set", name, role=role.value, before=before.value)
        return document(users.by_name(session, name))


def enable(database: Database, name: str, *, audit: AuditContext) -> dict[str, Any]:
    """Let a disabled user log in again and return the user's document.

    Raises:
        db.users.UserUnknown
    """
    with database.transaction() as session:
        users.set_enabled(session, name, enabled=True)
        audit.write_entry(session, "user.enabled", name)
        return document(users.by_name(session, name))


def disable(database: Database, name: str, *, audit: AuditContext) -> dict[str, Any]:
    """Refuse a user's logins and tokens, end the user's sessions and return the user's document.

    Raises:
        db.users.UserUnknown, db.users.LastAdmin
    """
    with database.transaction() as session:
        users.set_enabled(session, name, enabled=False)
        web_sessions.end_all(session, name)
        audit.write_entry(session, "user.disabled", name)
        return document(users.by_name(session, name))


def document(user: User) -> dict[str, Any]:
    """Return a user as a document, without the password's hash."""
    return {
        "name": user.name,
        "role": user.role.value,
        "enabled": user.enabled,
        "locked": user.is_locked,
        "password_set_at": user.password_set_at.isoformat(),
        "created_at": user.created_at.isoformat(),
    }


def _require_name(name: str) -> None:
    if not is_name(name):
        raise NameRefused(
            "must be 1 to 63 letters, digits, dots, dashes, underscores or @, the first a letter or digit"
        )
    if name.lower() in _RESERVED:
        raise NameRefused(f"must be another than {name!r}, which the audit log uses")
