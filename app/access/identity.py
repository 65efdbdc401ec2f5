"""Finding out who asks, by what the request brings with it: a bearer's token, else the cookie of a session."""

from __future__ import annotations

import hmac
from collections.abc import Callable
from typing import TypeVar

import structlog
from flask import current_app, request
from werkzeug.exceptions import ServiceUnavailable, TooManyRequests

from app.access import cookies, limits
from app.access.limits import Failures, KnownHashes, TooManyFailures
from app.access.permissions import By, Principal
from app.web.deadlines import DeadlineMissed, SerialCalls
from config import tokens
from config.settings import Settings
from db import api_tokens, web_sessions
from db.api_tokens import ApiToken
from db.core.errors import SQLAlchemyError
from db.core.session import Database, Session
from db.web_sessions import SessionUser
from domain.access import Scope

THE_ENVIRONMENT = "api"
_FAILURES_A_MINUTE = 20
_LONGEST_TOKEN = 200

T = TypeVar("T")
log = structlog.get_logger()


def identifier(settings: Settings, database: Database, *, within_s: float) -> Callable[[], Principal | None]:
    """Return what finds out who sent the present request; None for a stranger.

    It looks up with `database`, on a thread of its own and for `within_s` at most, and holds nothing open afterwards.
    What it returns raises werkzeug's ServiceUnavailable when the database does not answer, and TooManyRequests when
    too many wrong tokens came from where this one comes from.
    """
    known = _Known(database, within_s=within_s)

    def identify() -> Principal | None:
        given = bearer()
        if given is not None:
            return _by_environment(settings, given) or _by_token(known, given, origin=origin(settings))
        held = cookies.session_of(current_app, request)
        return None if held is None else _by_session(known, held)

    return identify


def bearer() -> str | None:
    """Return the token of the request's Authorization header, None when there is none."""
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    return given.strip() if scheme.lower() == "bearer" and given.strip() else None


def origin(settings: Settings) -> str:
    """Return what failures of whoever sent the present request count under."""
    return limits.origin(request.environ, trusted_proxies=settings.trusted_proxies or 0)


def session_hash() -> str:
    """Return the SHA-256 by which the session of the present request is stored; of nothing when it has none."""
    return tokens.hash_token(cookies.session_of(current_app, request) or "")


class _Known:
    """The tokens and sessions that there are, looked up in the time there is."""

    def __init__(self, database: Database, *, within_s: float) -> None:
        self._database = database
        self._within_s = within_s
        self._lookups: SerialCalls[object] = SerialCalls("identity")
        self._hashes = KnownHashes(lambda: self._read(api_tokens.load_active_hashes))
        self.failures = Failures(_FAILURES_A_MINUTE)

    def token(self, token_hash: str) -> ApiToken | None:
        return self._read(lambda session: api_tokens.find(session, token_hash))

    def visitor(self, session_hash: str) -> SessionUser | None:
        return self._read(lambda session: web_sessions.find(session, session_hash))

    def is_known(self, token_hash: str) -> bool:
        return self._hashes.hold(token_hash)

    def _read(self, read: Callable[[Session], T]) -> T:
        def reading() -> T:
            with self._database.transaction() as session:
                return read(session)

        try:
            return self._lookups.run(reading, within_s=self._within_s)  # type: ignore[return-value]  # what reading returns
        except (SQLAlchemyError, DeadlineMissed) as error:
            log.warning("identity.unavailable", error=type(error).__name__)
            raise ServiceUnavailable from None


def _by_environment(settings: Settings, given: str) -> Principal | None:
    """Take API_TOKEN, which may do everything; compared in constant time, whatever the lengths."""
    if settings.api_token is None:
        return None
    is_it = hmac.compare_digest(tokens.hash_token(given), tokens.hash_token(settings.api_token.reveal()))
    if not is_it:
        return None
    return Principal(name=THE_ENVIRONMENT, scopes=frozenset(Scope), by=By.ENVIRONMENT, has_stepped_up=False)


def _by_token(known: _Known, given: str, *, origin: str) -> Principal | None:
    """Take a token that holds; a wrong one counts against where it comes from, and is not looked up beyond a limit."""
    digest = tokens.hash_token(given)
    are_too_many = known.failures.are_too_many(origin)
    is_worth_looking = len(given) <= _LONGEST_TOKEN and (not are_too_many or known.is_known(digest))
    found = known.token(digest) if is_worth_looking else None
    if found is not None:
        name = f"{found.user_name}/{found.label}"
        return Principal(name=name, scopes=found.effective, by=By.TOKEN, has_stepped_up=False)
    known.failures.count(origin)
    if are_too_many:
        raise too_many(known.failures.refusal(origin))
    return None


def _by_session(known: _Known, held: str) -> Principal | None:
    visitor = known.visitor(tokens.hash_token(held))
    if visitor is None:
        return None
    return Principal(
        name=visitor.user_name, scopes=visitor.role.scopes, by=By.SESSION, has_stepped_up=visitor.has_stepped_up
    )


def too_many(failures: TooManyFailures) -> TooManyRequests:
    """Return the HTTP error that says when to try again."""
    log.info("identity.too_many_failures")
    return TooManyRequests(retry_after=failures.retry_after_s)
