"""Forms of ours: each write that comes by cookie shows that a page we made for this very visitor sent it.

flask-wtf keeps a value in Flask's session and signs it into each form. Here that session is not stored: its value is
derived from the visitor's cookie, so that a form made before a login is worth nothing after it.
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
_GOOD_FOR_S = 12 * 3600
_FORMS = ("application/x-www-form-urlencoded", "multipart/")
_LARGEST = 4 * 64 * 1024  # a message as large as the webhook takes, every byte of it escaped
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_ELSEWHERE = ("/webhook/", "/healthz", "/readyz")

log = structlog.get_logger()


class FormRefused(BadRequest):
    """A write that does not show that a page of ours sent it, or whose page was made for another session."""

    description = "this did not come from a page that was made for this session; load the page again"


class _Visit(dict[str, Any], SessionMixin):
    """What flask-wtf finds in Flask's session; `fresh_cookie` is what to give to a visitor who has none."""

    fresh_cookie: str | None = None


class _Visits(SessionInterface):
    """Derives the session from the cookies; what has no forms has no session either."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def open_session(self, app: Flask, request: Request) -> _Visit | None:
        if request.path.startswith(_ELSEWHERE):
            return None
        if request.mimetype.startswith(_FORMS):
            request.max_content_length = _LARGEST
        made = _Visit()
        known = cookies.session_of(app, request) or cookies.visitor_of(app, request)
        if known is None:
            known = made.fresh_cookie = tokens.new_token()
        made[FIELD] = hmac.digest(self._key, tokens.hash_token(known).encode(), "sha256").hex()
        return made

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        if isinstance(session, _Visit) and session.fresh_cookie is not None and FIELD in g:
            cookies.give_visitor(app, response, session.fresh_cookie)


def install(app: Flask, settings: Settings) -> None:
    """Set the application up for forms; without SECRET_KEY they hold for as long as this process lives."""
    key = vault.derive_form_key(settings.secret_key or random.token_hex(32))
    app.config["WTF_CSRF_SECRET_KEY"] = key.hex()
    app.config["WTF_CSRF_TIME_LIMIT"] = _GOOD_FOR_S
    app.session_interface = _Visits(key)


def token() -> str:
    """Return what a form, or the header X-CSRF-Token, must hold to be taken from the present visitor."""
    made: str = csrf.generate_csrf()
    return made


def require_ours() -> None:
    """Return when the present request changes nothing, or shows that a page of ours sent it.

    Raises:
        FormRefused
    """
    if request.method in _SAFE:
        return
    try:
        csrf.validate_csrf(request.headers.get(HEADER) or request.form.get(FIELD))
    except ValidationError as error:
        log.info("form.refused", why=str(error))
        raise FormRefused from None
