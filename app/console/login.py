"""The pages `/login`, `/logout` and `/step-up`, and the helpers of all pages for logged-in users."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

import structlog
from flask import Blueprint, Response, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from werkzeug.exceptions import Forbidden, ServiceUnavailable

from app.access import cookies, csrf, identity, login, permissions
from app.access.csrf import FormRefused
from app.access.limits import UNKNOWN_ORIGIN, Failures
from app.access.login import Browser
from app.access.login_slots import LoginSlots
from app.access.permissions import By, Principal
from app.console import rendering
from app.web import allowed_senders
from app.web.deadlines import DeadlineMissed, SerialCalls
from config import tokens
from config.settings import Settings
from db import web_sessions
from db.core.errors import SQLAlchemyError
from db.core.session import Database
from domain.access import Scope

CONSOLE_SERVICES = "orchestrator.services"
_FAILURES_A_MINUTE = 20
_OWN_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*\Z")
_MAX_PATH_LENGTH = 1000

T = TypeVar("T")
log = structlog.get_logger()
blueprint = Blueprint("access", __name__)
rendering.register_error_pages(blueprint)


class ConsoleServices:
    """The console's database access, its counter of failed logins, and its slots for concurrent logins.

    All calls run on one thread. Passwords are hashed there too, so that a process needs 64 MB for hashing, however many
    users log in at once.
    """

    def __init__(self, database: Database, *, within_s: float) -> None:
        self._within_s = within_s
        self.failures = Failures(_FAILURES_A_MINUTE)
        self.login_slots = LoginSlots()
        self._database = database
        self._calls: SerialCalls[object] = SerialCalls("access")

    def run(self, work: Callable[[Database], T]) -> T:
        """Run work on the database and return its result.

        Raises:
            ServiceUnavailable: when the database does not answer in time, or too many calls are waiting.
        """
        try:
            result = self._calls.run(lambda: work(self._database), within_s=self._within_s)
        except (SQLAlchemyError, DeadlineMissed) as error:
            log.warning("access.unavailable", error=type(error).__name__)
            raise ServiceUnavailable from None
        return result  # type: ignore[return-value]  # the result of the work


@blueprint.get("/login")
def login_page() -> ResponseReturnValue:
    """Show the login form; a logged-in user is redirected."""
    if rendering.current_reader() is not None:
        return redirect(_next_path(), 303)
    return _render_form("login.html")


@blueprint.post("/login", endpoint="login")
def login_() -> ResponseReturnValue:
    """Begin a new session and redirect to the requested page."""
    origin, services = _origin(), console_services()
    if services.failures.are_too_many(origin):
        raise identity.too_many_requests(services.failures.refusal(origin))
    with services.login_slots.hold_slot(origin):
        return _log_in(services, origin)


def _log_in(services: ConsoleServices, origin: str) -> Response:
    """Check the form and the password; redirect with a session, or show the form with the error."""
    try:
        csrf.require_token()
    except FormRefused:
        return _render_form("login.html", error="This page was too old. Try again.", status=400)
    token = _begin_session(request.form.get("name", "").strip(), request.form.get("password", ""))
    if token is None:
        services.failures.count(origin)
        return _render_form("login.html", error=login.REFUSED, status=401)
    return set_session_cookie(redirect(_next_path(), 303), token)


@blueprint.post("/logout")
@permissions.needs(Scope.READ)
def logout() -> ResponseReturnValue:
    """End the session."""
    digest = identity.session_hash()
    console_services().run(lambda database: _end_session(database, digest))
    response = current_app.make_response(redirect(url_for("access.login_page"), 303))
    cookies.delete_session(current_app, response)
    return response


@blueprint.get("/step-up")
@permissions.needs(Scope.READ)
def step_up_page() -> ResponseReturnValue:
    """Show the form that asks for the password once more."""
    require_user()
    return _render_form("step_up.html")


@blueprint.post("/step-up")
@permissions.needs(Scope.READ)
def step_up() -> ResponseReturnValue:
    """Check the password; for five minutes the session may then use routes that need it."""
    digest = identity.session_hash()
    if not confirm_password(request.form.get("password", "")):
        return _render_form(
            "step_up.html", error="This is not your password, or your name is locked for a while.", status=401
        )
    console_services().run(lambda database: _record_step_up(database, digest))
    return redirect(_next_path(), 303)


def console_services() -> ConsoleServices:
    """Return the services of the current application."""
    services = current_app.extensions[CONSOLE_SERVICES]
    assert isinstance(services, ConsoleServices)  # noqa: S101 - the factory's wiring
    return services


def require_user() -> Principal:
    """Return the logged-in user.

    Raises:
        Forbidden: when the request is authenticated by a token.
    """
    principal = permissions.principal()
    if principal is None or principal.by is not By.SESSION:
        raise Forbidden("this page is for logged-in users")
    return principal


def confirm_password(password: str) -> bool:
    """Return whether this is the logged-in user's password; a wrong one is counted like a failed login."""
    user, origin, services = require_user(), _origin(), console_services()
    if services.failures.are_too_many(origin):
        raise identity.too_many_requests(services.failures.refusal(origin))
    address = request_browser().address
    if services.run(lambda database: login.check_password_again(database, user.name, password, address=address)):
        return True
    services.failures.count(origin)
    return False


def request_browser() -> Browser:
    """Return the address and the browser of the present request."""
    address = allowed_senders.client_address(request.environ, trusted_proxies=_settings().trusted_proxies or 0)
    return Browser(address=str(address or UNKNOWN_ORIGIN), user_agent=request.headers.get("User-Agent", ""))


def set_session_cookie(answer: ResponseReturnValue, token: str) -> Response:
    """Return the answer as a response that sets the cookie of a new session."""
    response = current_app.make_response(answer)
    cookies.set_session(current_app, response, token)
    return response


def _begin_session(name: str, password: str) -> str | None:
    """Log in and end the browser's previous session; return the new session's token, None when refused."""
    browser, previous = request_browser(), cookies.read_session(current_app, request)

    def begin(database: Database) -> str | None:
        token = login.log_in(database, name, password, browser=browser)
        if token is not None and previous is not None:
            _end_session(database, tokens.hash_token(previous))
        return token

    return console_services().run(begin)


def _end_session(database: Database, session_hash: str) -> None:
    with database.transaction() as session:
        web_sessions.end(session, session_hash)


def _record_step_up(database: Database, session_hash: str) -> None:
    with database.transaction() as session:
        web_sessions.record_step_up(session, session_hash)


def _render_form(template: str, *, error: str | None = None, status: int = 200) -> Response:
    """Render the login or step-up form."""
    rendered = rendering.render_page(
        template,
        form_token=csrf.make_token(),
        wanted=_next_path(),
        error=error,
    )
    return rendering.html_response(rendered, status)


def _next_path() -> str:
    """Return the path in the parameter `next` when it is on this host, else the front page."""
    path = request.values.get("next", "")
    return path if len(path) <= _MAX_PATH_LENGTH and _OWN_PATH.match(path) else "/"


def _origin() -> str:
    return identity.request_origin(_settings())


def _settings() -> Settings:
    settings = current_app.config["SETTINGS"]
    assert isinstance(settings, Settings)  # noqa: S101 - the factory's wiring
    return settings
