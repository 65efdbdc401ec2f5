"""The page `/account`: the user's own sessions, API tokens and password."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import identity, login, permissions
from app.console import rendering
from app.console.login import confirm_password, console_services, request_browser, require_user, set_session_cookie
from db import api_tokens, users, web_sessions
from db.api_tokens import TokenUnknown
from db.core.session import Database
from domain.access import Scope
from domain.passwords import MAX_LENGTH, MIN_LENGTH, PasswordRefused
from operations import api_tokens as token_operations
from operations import users as user_operations
from operations.api_tokens import MOST_DAYS, TokenRefused
from operations.audit_entry import AuditContext

_DAYS = 90
_SESSION_ID = re.compile(r"[0-9a-f]{16}\Z")
_FIELDS: dict[str, str | None] = dict.fromkeys(("label", "scope", "days", "present", "new", "again"))

blueprint = Blueprint("account", __name__)
rendering.register_error_pages(blueprint)


@blueprint.get("/account")
@permissions.needs(Scope.READ)
def account() -> ResponseReturnValue:
    """Show the user's sessions and tokens, and forms to end them, to add a token and to change the password."""
    return _render_account({})


@blueprint.post("/account/sessions/<shown_id>/end")
@permissions.needs(Scope.READ)
def end_session(shown_id: str) -> ResponseReturnValue:
    """End one of the user's own sessions."""
    name = require_user().name

    def end(database: Database) -> bool:
        with database.transaction() as session:
            return web_sessions.end_by_shown_id(session, name, shown_id)

    if not (_SESSION_ID.match(shown_id) and console_services().run(end)):
        return rendering.message_page(404, "No such session", "None of your open sessions has this id.")
    return redirect(url_for("account.account"), 303)


@blueprint.post("/account/tokens")
@permissions.needs(Scope.READ, step_up=True)
def add_token() -> ResponseReturnValue:
    """Add a token and show it, this once."""
    name, label, days = require_user().name, request.form.get("label", ""), _parse_days(request.form.get("days", ""))
    scopes = [scope for scope in Scope if scope.value in request.form.getlist("scope")]
    audit = _audit_context()
    try:
        added = console_services().run(
            lambda database: token_operations.add(database, name, label=label, scopes=scopes, days=days, audit=audit)
        )
    except TokenRefused as refused:
        field, _, why = str(refused).partition(": ")
        return _render_account({field: why}, status=422)
    return _render_account({}, token=added["token"])


@blueprint.post("/account/tokens/<uuid:token_id>/revoke")
@permissions.needs(Scope.READ)
def revoke_token(token_id: UUID) -> ResponseReturnValue:
    """Revoke one of the user's own tokens."""
    name, audit = require_user().name, _audit_context()
    try:
        console_services().run(
            lambda database: token_operations.revoke(database, token_id, audit=audit, user_name=name)
        )
    except TokenUnknown:
        return rendering.message_page(404, "No such token", "None of your tokens has this id.")
    return redirect(url_for("account.account"), 303)


@blueprint.post("/account/password")
@permissions.needs(Scope.READ)
def set_password() -> ResponseReturnValue:
    """Change the password; all sessions of the user end, and this browser gets a new one."""
    name, browser, new_password = require_user().name, request_browser(), request.form.get("new", "")
    if new_password != request.form.get("again", ""):
        return _render_account({"again": "is not the same as the new one"}, status=422)
    if not confirm_password(request.form.get("present", "")):
        return _render_account({"present": "is not your password, or your name is locked for a while"}, status=422)
    try:
        audit = _audit_context()
        console_services().run(
            lambda database: user_operations.set_password(database, name, password=new_password, audit=audit)
        )
    except PasswordRefused as refused:
        return _render_account({"new": str(refused)}, status=422)
    session_token = console_services().run(lambda database: login.log_in(database, name, new_password, browser=browser))
    response = redirect(url_for("account.account"), 303)
    return set_session_cookie(response, session_token) if session_token is not None else response


def _render_account(errors: dict[str, str], *, token: str | None = None, status: int = 200) -> Response:
    """Render the page with errors by form field, and with a new token when one was added."""
    name, present = require_user().name, identity.session_hash()
    account_data = console_services().run(lambda database: _load_account(database, name))
    rendered = rendering.render_page(
        "account.html",
        errors=_FIELDS | errors,
        token=token,
        present=present,
        days=_DAYS,
        most_days=MOST_DAYS,
        shortest=MIN_LENGTH,
        longest=MAX_LENGTH,
        **account_data,
    )
    return rendering.html_response(rendered, status)


def _load_account(database: Database, name: str) -> dict[str, Any]:
    """Load role, scopes, open sessions and valid tokens of a user."""
    with database.transaction() as session:
        role = users.by_name(session, name).role
        return {
            "role": role.value,
            "scopes": [scope.value for scope in Scope if scope in role.scopes],
            "sessions": web_sessions.list_open(session, name),
            "tokens": [token for token in api_tokens.list_all(session, user_name=name) if token.holds],
        }


def _audit_context() -> AuditContext:
    return AuditContext(actor=require_user().name, at=datetime.now(UTC))


def _parse_days(text: str) -> int:
    """Return the number of days in a form's field; 0, which is refused as a lifetime, when it is no number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MOST_DAYS)) else 0
