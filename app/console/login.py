"""Logging in and out, and giving the password once more before what matters."""

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

DOORS = "orchestrator.doors"
_FAILURES_A_MINUTE = 20
_OURS = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*\Z")
_LONGEST_PATH = 1000

T = TypeVar("T")
log = structlog.get_logger()
blueprint = Blueprint("access", __name__)
rendering.refusals_of(blueprint)


class Doors:
    """What logins need: the database, a thread that waits for it, and the count of failures by address.

    Passwords are checked on that thread too, so that a process spends 64 MB on that, however many log in at once.
    """

    def __init__(self, database: Database, *, within_s: float) -> None:
        self._within_s = within_s
        self.failures = Failures(_FAILURES_A_MINUTE)
        self.strangers = LoginSlots()
        self._database = database
        self._acts: SerialCalls[object] = SerialCalls("access")

    def act(self, act: Callable[[Database], T]) -> T:
        """Return what the act returns.

        Raises:
            ServiceUnavailable: when the database does not answer in time, or too many are waiting.
        """
        try:
            done = self._acts.run(lambda: act(self._database), within_s=self._within_s)
        except (SQLAlchemyError, DeadlineMissed) as error:
            log.warning("access.unavailable", error=type(error).__name__)
            raise ServiceUnavailable from None
        return done  # type: ignore[return-value]  # what the act returned


@blueprint.get("/login")
def login_page() -> ResponseReturnValue:
    """Ask for name and password; who is logged in goes on."""
    if rendering.reader() is not None:
        return redirect(_wanted(), 303)
    return _form("login.html")


@blueprint.post("/login", endpoint="login")
def login_() -> ResponseReturnValue:
    """Begin a session, always a new one, and go where the visitor wanted to."""
    origin, doors = _origin(), the_doors()
    if doors.failures.are_too_many(origin):
        raise identity.too_many_requests(doors.failures.refusal(origin))
    with doors.strangers.hold_slot(origin):
        return _logged_in(doors, origin)


def _logged_in(doors: Doors, origin: str) -> Response:
    try:
        csrf.require_token()
    except FormRefused:
        return _form("login.html", error="This page was too old. Try again.", status=400)
    begun = _begin(request.form.get("name", "").strip(), request.form.get("password", ""))
    if begun is None:
        doors.failures.count(origin)
        return _form("login.html", error=login.REFUSED, status=401)
    return with_session(redirect(_wanted(), 303), begun)


@blueprint.post("/logout")
@permissions.needs(Scope.READ)
def logout() -> ResponseReturnValue:
    """End the session."""
    digest = identity.session_hash()
    the_doors().act(lambda database: _end(database, digest))
    answer = current_app.make_response(redirect(url_for("access.login_page"), 303))
    cookies.delete_session(current_app, answer)
    return answer


@blueprint.get("/step-up")
@permissions.needs(Scope.READ)
def step_up_page() -> ResponseReturnValue:
    """Ask for the password once more."""
    the_owner()
    return _form("step_up.html")


@blueprint.post("/step-up")
@permissions.needs(Scope.READ)
def step_up() -> ResponseReturnValue:
    """Let the session do for five minutes what needs the password."""
    digest = identity.session_hash()
    if not gave_password(request.form.get("password", "")):
        return _form("step_up.html", error="This is not your password, or your name is locked for a while.", status=401)
    the_doors().act(lambda database: _note_step_up(database, digest))
    return redirect(_wanted(), 303)


def the_doors() -> Doors:
    """Return what logins need."""
    doors = current_app.extensions[DOORS]
    assert isinstance(doors, Doors)  # noqa: S101 - the factory's wiring
    return doors


def the_owner() -> Principal:
    """Return who is logged in.

    Raises:
        Forbidden: when it is a program that asks.
    """
    who = permissions.principal()
    if who is None or who.by is not By.SESSION:
        raise Forbidden("this is for people who are logged in")
    return who


def gave_password(password: str) -> bool:
    """Say whether this is the password of who is logged in; a wrong one counts as at a login."""
    who, origin, doors = the_owner(), _origin(), the_doors()
    if doors.failures.are_too_many(origin):
        raise identity.too_many_requests(doors.failures.refusal(origin))
    address = the_browser().address
    if doors.act(lambda database: login.check_password_again(database, who.name, password, address=address)):
        return True
    doors.failures.count(origin)
    return False


def the_browser() -> Browser:
    """Return where the present request comes from."""
    address = allowed_senders.client_address(request.environ, trusted_proxies=_settings().trusted_proxies or 0)
    return Browser(address=str(address or UNKNOWN_ORIGIN), user_agent=request.headers.get("User-Agent", ""))


def with_session(answer: ResponseReturnValue, begun: str) -> Response:
    """Let the answer bring a new session's cookie."""
    made = current_app.make_response(answer)
    cookies.set_session(current_app, made, begun)
    return made


def _begin(name: str, password: str) -> str | None:
    browser, held = the_browser(), cookies.read_session(current_app, request)

    def begin(database: Database) -> str | None:
        begun = login.log_in(database, name, password, browser=browser)
        if begun is not None and held is not None:
            _end(database, tokens.hash_token(held))
        return begun

    return the_doors().act(begin)


def _end(database: Database, session_hash: str) -> None:
    with database.transaction() as session:
        web_sessions.end(session, session_hash)


def _note_step_up(database: Database, session_hash: str) -> None:
    with database.transaction() as session:
        web_sessions.record_step_up(session, session_hash)


def _form(template: str, *, error: str | None = None, status: int = 200) -> Response:
    rendered = rendering.render_template(
        template,
        form_token=csrf.make_token(),
        wanted=_wanted(),
        error=error,
    )
    return rendering.html(rendered, status)


def _wanted() -> str:
    """Return where the visitor wanted to go, when that is a path of ours; else the front page."""
    wanted = request.values.get("next", "")
    return wanted if len(wanted) <= _LONGEST_PATH and _OURS.match(wanted) else "/"


def _origin() -> str:
    return identity.request_origin(_settings())


def _settings() -> Settings:
    settings = current_app.config["SETTINGS"]
    assert isinstance(settings, Settings)  # noqa: S101 - the factory's wiring
    return settings
