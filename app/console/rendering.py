"""What the console's pages have in common: who reads them, and how somebody who is not let in is answered."""

from __future__ import annotations

from functools import cache
from typing import Any

from flask import Blueprint, Response, g, redirect, request, url_for
from flask.typing import ResponseReturnValue
from jinja2 import Environment
from werkzeug.exceptions import Forbidden, HTTPException, ServiceUnavailable, TooManyRequests, Unauthorized

from app.access import csrf, permissions
from app.access.csrf import FormRefused
from app.access.login_slots import TooManyLogins
from app.access.permissions import By, StepUpNeeded
from reporting import page
from reporting.page import PageReader

_TITLES: dict[type[HTTPException], tuple[str, str]] = {
    Forbidden: ("Not for you", "Your role does not allow this. An admin can give you another one."),
    FormRefused: ("This page was too old", "It was made for another session. Go back, load it again, and try again."),
    TooManyLogins: ("Too many at once", "Too many are logging in right now. Try again in a moment."),
    ServiceUnavailable: ("The database cannot be read", "So there is nothing to show. The log says why."),
    TooManyRequests: ("Too many attempts", "Too many attempts failed from your address. Try again in a minute."),
}


def refusals_of(blueprint: Blueprint) -> None:
    """Let the pages of a blueprint answer in pages: a stranger is sent to log in, a 403 and its like are said."""
    blueprint.register_error_handler(Unauthorized, lambda _: _sent_to("access.login_page"))
    blueprint.register_error_handler(StepUpNeeded, lambda _: _sent_to("access.step_up_page"))
    for kind in _TITLES:
        blueprint.register_error_handler(kind, _told)


def html(rendered: str, status: int = 200) -> Response:
    """Return a rendered page as an answer."""
    return Response(rendered, status=status, content_type="text/html; charset=utf-8")


def render_template(name: str, **values: Any) -> str:
    """Return a page of the console, with the stylesheet and whoever is logged in."""
    return page.render_template(name, stylesheet_url=stylesheet(), reader=reader(), templates=_templates(), **values)


@cache
def _templates() -> Environment:
    return page.make_environment("app.console")


def message(status: int, title: str, text: str) -> Response:
    """Return a page that says one thing."""
    rendered = page.render_message(
        title, text, stylesheet_url=stylesheet(), reader=reader() if "principal" in g else None
    )
    return html(rendered, status)


def reader() -> PageReader | None:
    """Return who is logged in; None for a stranger and for a program."""
    who = permissions.principal()
    if who is None or who.by is not By.SESSION:
        return None
    return PageReader(name=who.name, form_token=csrf.make_token())


def stylesheet() -> str:
    """Return the path of the pages' stylesheet."""
    return url_for("console.static", filename=page.STYLESHEET)


def _sent_to(endpoint: str) -> ResponseReturnValue:
    """Send somebody to a form of ours and, for a page that was only to be read, back to it afterwards."""
    asked = request.full_path.rstrip("?") if request.method == "GET" else request.args.get("next")
    wanted = None if asked in (None, "/") else asked
    return redirect(url_for(endpoint, next=wanted), 303)


def _told(error: HTTPException) -> ResponseReturnValue:
    title, text = next(told for kind, told in _TITLES.items() if isinstance(error, kind))
    answer = message(error.code or 500, title, text)
    if isinstance(error, TooManyRequests | TooManyLogins) and error.retry_after is not None:
        answer.headers["Retry-After"] = str(error.retry_after)
    return answer
