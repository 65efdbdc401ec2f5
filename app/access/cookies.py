"""The two cookies: a logged-in user's session, and a visitor's id, which a form is bound to before the login."""

from __future__ import annotations

from flask import Flask, Request, Response

from config.settings import Settings

_MAX_LENGTH = 200
_SESSION, _VISITOR = "session", "visitor"


def read_session(app: Flask, request: Request) -> str | None:
    """Return the value of the session cookie, None without one."""
    return _read_cookie(app, request, _SESSION)


def read_visitor(app: Flask, request: Request) -> str | None:
    """Return the value of the visitor cookie, None without one."""
    return _read_cookie(app, request, _VISITOR)


def set_session(app: Flask, response: Response, value: str) -> None:
    """Set the session cookie, which the browser drops when it is closed."""
    _set_cookie(app, response, _SESSION, value)


def set_visitor(app: Flask, response: Response, value: str) -> None:
    """Set the visitor cookie, which forms are bound to before a login."""
    _set_cookie(app, response, _VISITOR, value)


def delete_session(app: Flask, response: Response) -> None:
    """Delete the session cookie."""
    response.delete_cookie(_cookie_name(app, _SESSION), secure=_is_https(app), httponly=True, samesite="Lax")


def _read_cookie(app: Flask, request: Request, kind: str) -> str | None:
    value = request.cookies.get(_cookie_name(app, kind), "")
    return value if 0 < len(value) <= _MAX_LENGTH else None


def _set_cookie(app: Flask, response: Response, kind: str, value: str) -> None:
    response.set_cookie(_cookie_name(app, kind), value, path="/", secure=_is_https(app), httponly=True, samesite="Lax")


def _cookie_name(app: Flask, kind: str) -> str:
    """Return the cookie's name; by HTTPS with the prefix `__Host-`, which binds it to this host and to HTTPS."""
    return f"__Host-{kind}" if _is_https(app) else f"orchestrator-{kind}"


def _is_https(app: Flask) -> bool:
    settings = app.config["SETTINGS"]
    return isinstance(settings, Settings) and (settings.public_url or "").startswith("https://")
