"""Rendering of the console's pages: the logged-in reader, and pages and redirects for refused requests."""

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
    Forbidden: ("Not for you", "Your role does not allow this. An admin can change your role."),
    FormRefused: ("This page was too old", "It belongs to another session. Go back, load it again, and try again."),
    TooManyLogins: ("Too many at once", "Too many are logging in right now. Try again in a moment."),
    ServiceUnavailable: ("The database cannot be read", "So there is nothing to show. The log says why."),
    TooManyRequests: ("Too many attempts", "Too many attempts failed from your address. Try again in a minute."),
}


def register_error_pages(blueprint: Blueprint) -> None:
    """Answer refused requests of a blueprint's pages in HTML: a redirect to the login or step-up form, or a page."""
    blueprint.register_error_handler(Unauthorized, lambda _: _redirect_to_form("access.login_page"))
    blueprint.register_error_handler(StepUpNeeded, lambda _: _redirect_to_form("access.step_up_page"))
    for kind in _TITLES:
        blueprint.register_error_handler(kind, _error_page)


def html_response(rendered: str, status: int = 200) -> Response:
    """Return a response with a rendered page."""
    return Response(rendered, status=status, content_type="text/html; charset=utf-8")


def render_page(name: str, **values: Any) -> str:
    """Render a template of the console, with the stylesheet and the logged-in reader."""
    return page.render_template(
        name, stylesheet_url=stylesheet_url(), reader=current_reader(), templates=_templates(), **values
    )


@cache
def _templates() -> Environment:
    return page.make_environment("app.console")


def message_page(status: int, title: str, text: str) -> Response:
    """Return a response with a page that has a title and one sentence."""
    rendered = page.render_message(
        title, text, stylesheet_url=stylesheet_url(), reader=current_reader() if "principal" in g else None
    )
    return html_response(rendered, status)


def current_reader() -> PageReader | None:
    """Return the logged-in user for the page's frame; None without a session."""
    principal = permissions.principal()
    if principal is None or principal.by is not By.SESSION:
        return None
    return PageReader(name=principal.name, form_token=csrf.make_token())


def stylesheet_url() -> str:
    """Return the path of the stylesheet."""
    return url_for("console.static", filename=page.STYLESHEET)


def _redirect_to_form(endpoint: str) -> ResponseReturnValue:
    """Redirect to the login or step-up form, which leads back to the requested page or to a write's `next` path."""
    requested = request.full_path.rstrip("?") if request.method == "GET" else request.args.get("next")
    next_path = None if requested in (None, "/") else requested
    return redirect(url_for(endpoint, next=next_path), 303)


def _error_page(error: HTTPException) -> ResponseReturnValue:
    """Return the page for a refused request."""
    title, text = next(texts for kind, texts in _TITLES.items() if isinstance(error, kind))
    response = message_page(error.code or 500, title, text)
    if isinstance(error, TooManyRequests | TooManyLogins) and error.retry_after is not None:
        response.headers["Retry-After"] = str(error.retry_after)
    return response
