"""Identification of the requester: by a bearer token, else by the session cookie."""

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


def make_identifier(settings: Settings, database: Database, *, within_s: float) -> Callable[[], Principal | None]:
    """Return a function that returns the principal of the present request, None without valid credentials.

    It queries `database` on a thread of its own, for `within_s` at most, and holds no transaction open afterwards. It
    raises werkzeug's ServiceUnavailable when the database does not answer, and TooManyRequests when too many wrong
    tokens came from the same origin.
    """
    credentials = _Credentials(database, within_s=within_s)

    def identify() -> Principal | None:
        token = read_bearer_token()
        if token is not None:
            return _identify_environment(settings, token) or _identify_token(
                credentials, token, origin=request_origin(settings)
            )
        cookie = cookies.read_session(current_app, request)
        return None if cookie is None else _identify_session(credentials, cookie)

    return identify


def read_bearer_token() -> str | None:
    """Return the token of the request's Authorization header, None when there is none."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" and token.strip() else None


def request_origin(settings: Settings) -> str:
    """Return the name under which failed attempts from the sender of the present request are counted."""
    return limits.origin_of(request.environ, trusted_proxies=settings.trusted_proxies or 0)


def session_hash() -> str:
    """Return the SHA-256 of the present request's session cookie, of the empty text without one."""
    return tokens.hash_token(cookies.read_session(current_app, request) or "")


class _Credentials:
    """Look-ups of stored tokens and sessions, each within the deadline."""

    def __init__(self, database: Database, *, within_s: float) -> None:
        self._database = database
        self._within_s = within_s
        self._lookups: SerialCalls[object] = SerialCalls("identity")
        self._hashes = KnownHashes(lambda: self._run_query(api_tokens.load_active_hashes))
        self.failures = Failures(_FAILURES_A_MINUTE)

    def find_token(self, token_hash: str) -> ApiToken | None:
        return self._run_query(lambda session: api_tokens.find(session, token_hash))

    def find_visitor(self, session_hash: str) -> SessionUser | None:
        return self._run_query(lambda session: web_sessions.find(session, session_hash))

    def is_known(self, token_hash: str) -> bool:
        return self._hashes.contain(token_hash)

    def _run_query(self, query: Callable[[Session], T]) -> T:
        """Run a query within the deadline; raise ServiceUnavailable on an outage."""

        def run() -> T:
            with self._database.transaction() as session:
                return query(session)

        try:
            return self._lookups.run(run, within_s=self._within_s)  # type: ignore[return-value]  # the result of the query
        except (SQLAlchemyError, DeadlineMissed) as error:
            log.warning("identity.unavailable", error=type(error).__name__)
            raise ServiceUnavailable from None


def _identify_environment(settings: Settings, token: str) -> Principal | None:
    """Return the principal of API_TOKEN, which has every scope; hashes are compared in constant time."""
    if settings.api_token is None:
        return None
    is_equal = hmac.compare_digest(tokens.hash_token(token), tokens.hash_token(settings.api_token.reveal()))
    if not is_equal:
        return None
    return Principal(name=THE_ENVIRONMENT, scopes=frozenset(Scope), by=By.ENVIRONMENT, has_stepped_up=False)


def _identify_token(credentials: _Credentials, token: str, *, origin: str) -> Principal | None:
    """Return the principal of a valid token; a wrong one is counted, and beyond the limit no longer looked up."""
    digest = tokens.hash_token(token)
    are_too_many = credentials.failures.are_too_many(origin)
    may_look_up = len(token) <= _LONGEST_TOKEN and (not are_too_many or credentials.is_known(digest))
    stored = credentials.find_token(digest) if may_look_up else None
    if stored is not None:
        name = f"{stored.user_name}/{stored.label}"
        return Principal(name=name, scopes=stored.effective, by=By.TOKEN, has_stepped_up=False)
    credentials.failures.count(origin)
    if are_too_many:
        raise too_many_requests(credentials.failures.refusal(origin))
    return None


def _identify_session(credentials: _Credentials, cookie: str) -> Principal | None:
    """Return the principal of a session cookie; None when the session is unknown or has ended."""
    visitor = credentials.find_visitor(tokens.hash_token(cookie))
    if visitor is None:
        return None
    return Principal(
        name=visitor.user_name, scopes=visitor.role.scopes, by=By.SESSION, has_stepped_up=visitor.has_stepped_up
    )


def too_many_requests(failures: TooManyFailures) -> TooManyRequests:
    """Return the HTTP error 429 with the time of the next attempt."""
    log.info("identity.too_many_failures")
    return TooManyRequests(retry_after=failures.retry_after_s)
