"""CSRF tokens: session-authenticated writes need one that was issued to the same visitor.

flask-wtf keeps a value in Flask's session and signs it into each form. Here that session is not stored: its value is
derived from the visitor's or session's cookie, so that a form from before a login is invalid after it.
"""

from __future__ import annotations

import hmac
import secrets as random
from typing import Any

import structlog
from flask import Flask, Request, Response, g, request
from flask.sessions import SessionInterface, SessionMixin
from flask_wtf import csrf
from werkzeug.exceptions import BadRequest
from wtforms import ValidationError

from app.access import cookies
from config import tokens, vault
from config.settings import Settings

FIELD, HEADER = "csrf_token", "X-CSRF-Token"
_VALID_FOR_S = 12 * 3600
_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/")
_MAX_FORM_BYTES = 4 * 64 * 1024  # a message as large as the webhook takes, every byte of it escaped
_SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_WITHOUT_SESSION = ("/webhook/", "/healthz", "/readyz")

log = structlog.get_logger()


class FormRefused(BadRequest):
    """A write without a CSRF token, or with one of another session."""

    description = "this did not come from a page that was made for this session; load the page again"


class _DerivedSession(dict[str, Any], SessionMixin):
    """Flask's session as flask-wtf reads it; `fresh_cookie` is set for a visitor who has no cookie yet."""

    fresh_cookie: str | None = None


class _DerivedSessions(SessionInterface):
    """Derives Flask's session from the cookies; paths without forms have none."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def open_session(self, app: Flask, request: Request) -> _DerivedSession | None:
        """Return the session derived from the cookies, with a new visitor cookie where there is none."""
        if request.path.startswith(_WITHOUT_SESSION):
            return None
        if request.mimetype.startswith(_FORM_TYPES):
            request.max_content_length = _MAX_FORM_BYTES
        session = _DerivedSession()
        cookie = cookies.read_session(app, request) or cookies.read_visitor(app, request)
        if cookie is None:
            cookie = session.fresh_cookie = tokens.new_token()
        session[FIELD] = hmac.digest(self._key, tokens.hash_token(cookie).encode(), "sha256").hex()
        return session

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if isinstance(session, _DerivedSession) and session.fresh_cookie is not None and FIELD in g:
            cookies.set_visitor(app, response, session.fresh_cookie)


def install(app: Flask, settings: Settings) -> None:
    """Set up CSRF tokens; without SECRET_KEY they are signed with a key of this process and end with it."""
    key = vault.derive_form_key(settings.secret_key or random.token_hex(32))
    app.config["WTF_CSRF_SECRET_KEY"] = key.hex()
    app.config["WTF_CSRF_TIME_LIMIT"] = _VALID_FOR_S
    app.session_interface = _DerivedSessions(key)


def make_token() -> str:
    """Return the CSRF token that a form or the header X-CSRF-Token of this visitor must have."""
    signed: str = csrf.generate_csrf()
    return signed


def require_token() -> None:
    """Require a valid CSRF token of the present request, unless its method changes nothing.

    Raises:
        FormRefused
    """
    if request.method in _SAFE_METHODS:
        return
    try:
        csrf.validate_csrf(request.headers.get(HEADER) or request.form.get(FIELD))
    except ValidationError as error:
        log.info("form.refused", why=str(error))
        raise FormRefused from None
