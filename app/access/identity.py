"""Finding out who asks, by what the request brings with it."""

from __future__ import annotations

import hmac
from collections.abc import Callable

from flask import request

from app import secrets
from app.access.gate import By, Principal
from config.settings import Settings
from domain.access import Scope

THE_ENVIRONMENT = "api"


def identifier(settings: Settings) -> Callable[[], Principal | None]:
    """Return what finds out who sent the present request; None for a stranger."""

    def identify() -> Principal | None:
        given = bearer()
        return None if given is None else _by_environment(settings, given)

    return identify


def bearer() -> str | None:
    """Return the token of the request's Authorization header, None when there is none."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" and given.strip() else None


def _by_environment(settings: Settings, given: str) -> Principal | None:
    """Take API_TOKEN, which may do everything; compared in constant time, whatever the lengths."""
    if settings.api_token is None:
        return None
    is_it = hmac.compare_digest(secrets.hash_token(given), secrets.hash_token(settings.api_token.reveal()))
    if not is_it:
        return None
    return Principal(name=THE_ENVIRONMENT, scopes=frozenset(Scope), by=By.ENVIRONMENT, has_stepped_up=False)
