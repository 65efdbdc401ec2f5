"""The front page `/`: the newest study's report from the database, to be read only."""

from __future__ import annotations

import ipaddress
from datetime import UTC, datetime, timedelta

import structlog
from flask import Blueprint, Response, current_app, request, url_for

from app.reporting import charts, document, page
from db import reports
from db.errors import SQLAlchemyError
from db.reports import StudyUnknown
from db.session import Database

blueprint = Blueprint("console", __name__, static_folder="static", static_url_path="/console/static")

log = structlog.get_logger()


@blueprint.get("/")
def front_page() -> Response:
    """Show the report; an error is shown as an error, never as rows that are not there."""
    if not _is_private():
        return _message(
            403, "Not shown here", "The console has no logins yet, so it is shown on this machine's own address only."
        )
    try:
        return _report()
    except StudyUnknown as unknown:
        return _message(200, "No study yet", str(unknown))
    except SQLAlchemyError as error:
        log.exception("console.database_unreadable", error=type(error).__name__)
        return _message(503, "The database cannot be read", "So there is nothing to show. The log says why.")


def age_of(stored_at: datetime | None, *, now: datetime) -> str:
    """Say how old the newest signal is; both times are aware."""
    if stored_at is None:
        return "No signal has come yet."
    return f"The newest signal was stored {_duration(now - stored_at)} ago, at {stored_at:%Y-%m-%d %H:%M} UTC."


def _report() -> Response:
    database = current_app.config["DATABASE"]
    assert isinstance(database, Database)  # noqa: S101 - the factory's wiring
    with database.snapshot() as session:
        record = reports.load(session)
    rendered = page.render(
        document.build(record),
        charts.draw(record),
        stylesheet_url=_stylesheet(),
        age=age_of(record.stored_at, now=datetime.now(UTC)),
    )
    return Response(rendered, content_type="text/html; charset=utf-8")


def _message(status: int, title: str, text: str) -> Response:
    rendered = page.render_message(title, text, stylesheet_url=_stylesheet())
    return Response(rendered, status=status, content_type="text/html; charset=utf-8")


def _is_private() -> bool:
    """Say whether this server is bound to the loopback address and was asked for by it, not through a tunnel."""
    host = request.host.rpartition(":")[0] if ":" in request.host.rpartition("]")[2] else request.host
    return _is_loopback(current_app.config["SETTINGS"].bind) and _is_loopback(host.strip("[]"))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _stylesheet() -> str:
    return url_for("console.static", filename=page.STYLESHEET)


def _duration(age: timedelta) -> str:
    seconds = max(int(age.total_seconds()), 0)
    for length, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "less than a minute"
