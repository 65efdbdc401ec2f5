"""What is done about people: adding and changing them, each change with its entry in the audit log."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from config import tokens
from db import api_tokens, audit, users, web_sessions
from db.core.session import Database, Session
from domain.access import Role, Scope
from domain.passwords import require_good
from operations import password_hashing

LONGEST_LABEL, MOST_DAYS = 100, 3650
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@-]{0,62}\Z")
_RESERVED = frozenset({"api", "environment"})  # the audit log means others by these


class NameRefused(ValueError):
    """A name that no user can have; the message says what would be right."""


class TokenRefused(ValueError):
    """A token that cannot be made; the message names what is wrong and says what would be right."""


def add(database: Database, name: str, *, role: Role, password: str, actor: str) -> None:
    """Make a user.

    Raises:
        NameRefused, domain.passwords.PasswordRefused, db.users.UserExists
    """
    if not is_name(name):
        raise NameRefused(
            "must be 1 to 63 letters, digits, dots, dashes, underscores or @, the first a letter or digit"
        )
    if name.lower() in _RESERVED:
        raise NameRefused(f"must be another than {name!r}, which the audit log uses")
    require_good(password, name=name)
    password_hash = password_hashing.hashed(password)
    with database.transaction() as session:
        users.add(session, name, role=role, password_hash=password_hash)
        note(session, "user.added", name, actor=actor, role=role.value)


def is_name(text: str) -> bool:
    """Say whether a user may be called so."""
    return _NAME.match(text) is not None


def set_password(database: Database, name: str, *, password: str, actor: str) -> None:
    """Give a user another password and end the user's sessions.

    Raises:
        db.users.UserUnknown, domain.passwords.PasswordRefused
    """
    require_good(password, name=name)
    password_hash = password_hashing.hashed(password)
    with database.transaction() as session:
        users.set_password(session, name, password_hash)
        web_sessions.end_all(session, name)
        note(session, "user.password_set", name, actor=actor)


def set_role(database: Database, name: str, *, role: Role, actor: str) -> None:
    """Give a user another role, which holds at once for sessions and tokens.

    Raises:
        db.users.UserUnknown, db.users.LastAdmin
    """
    with database.transaction() as session:
        before = users.by_name(session, name).role
        users.set_role(session, name, role)
        note(session, "user.role_set", name, actor=actor, role=role.value, before=before.value)


def enable(database: Database, name: str, *, enabled: bool, actor: str) -> None:
    """Let a user in again, or end the user's sessions and let neither the user nor the user's tokens in.

    Raises:
        db.users.UserUnknown, db.users.LastAdmin
    """
    with database.transaction() as session:
        users.set_enabled(session, name, enabled=enabled)
        if not enabled:
            web_sessions.end_all(session, name)
        note(session, "user.enabled" if enabled else "user.disabled", name, actor=actor)


def add_token(
    database: Database, user_name: str, *, label: str, scopes: Collection[Scope], days: int | None, actor: str
) -> tuple[UUID, str]:
    """Make a token that acts for a user; return its id and the token, which is stored nowhere and not shown again.

    Raises:
        TokenRefused: when the label, a scope or the number of days cannot be; db.users.UserUnknown
    """
    _require_token(label, scopes, days)
    token = tokens.new_token()
    with database.transaction() as session:
        missing = set(scopes) - users.by_name(session, user_name).role.scopes
        if missing:
            raise TokenRefused(f"scope: the role of {user_name!r} has no {' and no '.join(_sorted(missing))}")
        token_id = api_tokens.add(
            session, user_name, label=label, token_hash=tokens.hash_token(token), scopes=scopes, days=days
        )
        detail = {"user": user_name, "label": label, "scopes": _sorted(scopes), "days": days}
        note(session, "token.added", str(token_id), actor=actor, **detail)
    return token_id, token


def revoke_token(database: Database, token_id: UUID, *, actor: str, user_name: str | None = None) -> None:
    """End a token; with `user_name` only one of that user's.

    Raises:
        db.api_tokens.TokenUnknown
    """
    with database.transaction() as session:
        label = api_tokens.revoke(session, token_id, user_name=user_name)
        note(session, "token.revoked", str(token_id), actor=actor, label=label)


def note(session: Session, action: str, subject: str, *, actor: str, **detail: Any) -> None:
    """Write an entry into the audit log about a person or a token."""
    at = datetime.now(UTC)
    audit.append(session, actor=actor, action=action, subject=subject, reason="", detail=detail, at=at)


def _require_token(label: str, scopes: Collection[Scope], days: int | None) -> None:
    if not label.strip() or not label.isprintable() or len(label) > LONGEST_LABEL:
        raise TokenRefused(f"label: must be a line of 1 to {LONGEST_LABEL} printable characters")
    if not scopes:
        raise TokenRefused(f"scope: must be at least one of {', '.join(one.value for one in Scope)}")
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise TokenRefused(f"days: must be 1 to {MOST_DAYS}")


def _sorted(scopes: Collection[Scope]) -> list[str]:
    return [one.value for one in Scope if one in scopes]
