"""Operations on API tokens: adding and revoking one; and tokens as documents."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from config import tokens
from db import api_tokens, users
from db.api_tokens import ApiToken
from db.core.session import Database, Session
from domain.access import Scope
from operations.audit_entry import AuditContext

LONGEST_LABEL, MOST_DAYS = 100, 3650


class TokenRefused(ValueError):
    """The token cannot be added; the message names the field and says what would be right."""


def list_tokens(session: Session) -> list[dict[str, Any]]:
    """Return the document of every token, newest first, without the secrets."""
    return [document(token) for token in api_tokens.list_all(session)]


def add(
    database: Database, user_name: str, *, label: str, scopes: Collection[Scope], days: int | None, audit: AuditContext
) -> dict[str, str]:
    """Add a token that acts for a user; it ends after so many days, with None when it is revoked.

    Returns:
        `token_id`, and the secret `token`, of which only a hash is stored.

    Raises:
        TokenRefused: when the label, a scope or the number of days is not allowed; db.users.UserUnknown
    """
    _require_valid(label, scopes, days)
    token = tokens.new_token()
    with database.transaction() as session:
        _require_scopes_of_role(session, user_name, scopes)
        token_id = api_tokens.add(
            session, user_name, label=label, token_hash=tokens.hash_token(token), scopes=scopes, days=days
        )
        audit.write_entry(
            session, "token.added", str(token_id), user=user_name, label=label, scopes=_sorted_values(scopes), days=days
        )
    return {"token_id": str(token_id), "token": token}


def revoke(database: Database, token_id: UUID, *, audit: AuditContext, user_name: str | None = None) -> dict[str, str]:
    """Revoke a token for good, with `user_name` only a token of that user; return its id and label.

    Raises:
        db.api_tokens.TokenUnknown
    """
    with database.transaction() as session:
        label = api_tokens.revoke(session, token_id, user_name=user_name)
        audit.write_entry(session, "token.revoked", str(token_id), label=label)
    return {"token_id": str(token_id), "label": label}


def document(token: ApiToken) -> dict[str, Any]:
    """Return a token as a document, without its secret; `effective` are the scopes that its user's role allows."""
    times = {name: getattr(token, name) for name in ("created_at", "expires_at", "last_used_at", "revoked_at")}
    return {
        "token_id": str(token.token_id),
        "user": token.user_name,
        "label": token.label,
        "scopes": _sorted_values(token.scopes),
        "effective": _sorted_values(token.effective) if token.holds else [],
        "holds": token.holds,
    } | {name: at.isoformat() if at is not None else None for name, at in times.items()}


def _require_valid(label: str, scopes: Collection[Scope], days: int | None) -> None:
    if not label.strip() or not label.isprintable() or len(label) > LONGEST_LABEL:
        raise TokenRefused(f"label: must be a line of 1 to {LONGEST_LABEL} printable characters")
    if not scopes:
        raise TokenRefused(f"scope: must be at least one of {', '.join(scope.value for scope in Scope)}")
    if days is not None and not 1 <= days <= MOST_DAYS:
        raise TokenRefused(f"days: must be 1 to {MOST_DAYS}")


def _require_scopes_of_role(session: Session, user_name: str, scopes: Collection[Scope]) -> None:
    missing = set(scopes) - users.by_name(session, user_name).role.scopes
    if missing:
        raise TokenRefused(f"scope: the role of {user_name!r} has no {' and no '.join(_sorted_values(missing))}")


def _sorted_values(scopes: Collection[Scope]) -> list[str]:
    """Return the scopes' names in the order of `Scope`."""
    return [scope.value for scope in Scope if scope in scopes]
