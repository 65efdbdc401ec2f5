"""`/account`: one's own sessions, tokens and password."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, redirect, request, url_for
from flask.typing import ResponseReturnValue

from app.access import identity, login, permissions
from app.console import rendering
from app.console.login import gave_password, the_browser, the_doors, the_owner, with_session
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
_SHOWN_ID = re.compile(r"[0-9a-f]{16}\Z")
_FIELDS: dict[str, str | None] = dict.fromkeys(("label", "scope", "days", "present", "new", "again"))

blueprint = Blueprint("account", __name__)
rendering.refusals_of(blueprint)


@blueprint.get("/account")
@permissions.needs(Scope.READ)
def account() -> ResponseReturnValue:
    """Show one's sessions and tokens, with ways to end them, to make a token, and to change the password."""
    return _shown({})


@blueprint.post("/account/sessions/<shown_id>/end")
@permissions.needs(Scope.READ)
def end_session(shown_id: str) -> ResponseReturnValue:
    """End one of one's sessions."""
    name = the_owner().name

    def end(database: Database) -> bool:
        with database.transaction() as session:
            return web_sessions.end_by_shown_id(session, name, shown_id)

    if not (_SHOWN_ID.match(shown_id) and the_doors().act(end)):
        return rendering.message(404, "No such session", "None of your open sessions has this id.")
    return redirect(url_for("account.account"), 303)


@blueprint.post("/account/tokens")
@permissions.needs(Scope.READ, step_up=True)
def add_token() -> ResponseReturnValue:
    """Make a token and show it, this once."""
    name, label, days = the_owner().name, request.form.get("label", ""), _days(request.form.get("days", ""))
    scopes = [one for one in Scope if one.value in request.form.getlist("scope")]
    audit = _audit_context()
    try:
        added = the_doors().act(
            lambda database: token_operations.add(database, name, label=label, scopes=scopes, days=days, audit=audit)
        )
    except TokenRefused as refused:
        field, _, why = str(refused).partition(": ")
        return _shown({field: why}, status=422)
    return _shown({}, token=added["token"])


@blueprint.post("/account/tokens/<uuid:token_id>/revoke")
@permissions.needs(Scope.READ)
def revoke_token(token_id: UUID) -> ResponseReturnValue:
    """End one of one's tokens for good."""
    name, audit = the_owner().name, _audit_context()
    try:
        the_doors().act(lambda database: token_operations.revoke(database, token_id, audit=audit, user_name=name))
    except TokenUnknown:
        return rendering.message(404, "No such token", "None of your tokens has this id.")
    return redirect(url_for("account.account"), 303)


@blueprint.post("/account/password")
@permissions.needs(Scope.READ)
def set_password() -> ResponseReturnValue:
    """Change one's password; all one's sessions end, and this browser is given a new one."""
    name, browser, wanted = the_owner().name, the_browser(), request.form.get("new", "")
    if wanted != request.form.get("again", ""):
        return _shown({"again": "is not the same as the new one"}, status=422)
    if not gave_password(request.form.get("present", "")):
        return _shown({"present": "is not your password, or your name is locked for a while"}, status=422)
    try:
        audit = _audit_context()
        the_doors().act(lambda database: user_operations.set_password(database, name, password=wanted, audit=audit))
    except PasswordRefused as refused:
        return _shown({"new": str(refused)}, status=422)
    begun = the_doors().act(lambda database: login.log_in(database, name, wanted, browser=browser))
    answer = redirect(url_for("account.account"), 303)
    return with_session(answer, begun) if begun is not None else answer


def _shown(errors: dict[str, str], *, token: str | None = None, status: int = 200) -> Response:
    name, present = the_owner().name, identity.session_hash()
    found = the_doors().act(lambda database: _load(database, name))
    rendered = rendering.render_template(
        "account.html",
        errors=_FIELDS | errors,
        token=token,
        present=present,
        days=_DAYS,
        most_days=MOST_DAYS,
        shortest=MIN_LENGTH,
        longest=MAX_LENGTH,
        **found,
    )
    return rendering.html(rendered, status)


def _load(database: Database, name: str) -> dict[str, Any]:
    with database.transaction() as session:
        role = users.by_name(session, name).role
        return {
            "role": role.value,
            "scopes": [one.value for one in Scope if one in role.scopes],
            "sessions": web_sessions.list_open(session, name),
            "tokens": [one for one in api_tokens.list_all(session, user_name=name) if one.holds],
        }


def _audit_context() -> AuditContext:
    return AuditContext(actor=the_owner().name, at=datetime.now(UTC))


def _days(written: str) -> int:
    """Return the number that was written, 0 (which no token can have) when it is none."""
    return int(written) if written.isascii() and written.isdigit() and len(written) <= len(str(MOST_DAYS)) else 0
