"""Our two cookies: the session of who is logged in, and a visitor's, to whom a form was shown before."""

from __future__ import annotations

from flask import Flask, Request, Response

from config.settings import Settings

_LONGEST = 200
_SESSION, _VISITOR = "session", "visitor"


def session_of(app: Flask, request: Request) -> str | None:
    """Return what the session's cookie holds, None when there is none."""
    return _read(app, request, _SESSION)


def visitor_of(app: Flask, request: Request) -> str | None:
    """Return what the visitor's cookie holds, None when there is none."""
    return _read(app, request, _VISITOR)


def give_session(app: Flask, response: Response, value: str) -> None:
    """Let the browser keep a session until it is closed."""
    _give(app, response, _SESSION, value)


def give_visitor(app: Flask, response: Response, value: str) -> None:
    """Let the browser keep what its forms are bound to."""
    _give(app, response, _VISITOR, value)


def take_session(app: Flask, response: Response) -> None:
    """Let the browser forget its session."""
    response.delete_cookie(_name(app, _SESSION), secure=_is_https(app), httponly=True, samesite="Lax")


def _read(app: Flask, request: Request, kind: str) -> str | None:
    value = request.cookies.get(_name(app, kind), "")
    return value if 0 < len(value) <= _LONGEST else None


def _give(app: Flask, response: Response, kind: str, value: str) -> None:
    response.set_cookie(_name(app, kind), value, path="/", secure=_is_https(app), httponly=True, samesite="Lax")


def _name(app: Flask, kind: str) -> str:
    """With the prefix `__Host-` a browser takes the cookie from this very host by HTTPS only."""
    return f"__Host-{kind}" if _is_https(app) else f"orchestrator-{kind}"


def _is_https(app: Flask) -> bool:
    settings = app.config["SETTINGS"]
    return isinstance(settings, Settings) and (settings.public_url or "").startswith("https://")
