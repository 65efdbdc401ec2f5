"""The front page `/`: the newest study's report from the database, to be read only."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import resources

import structlog
from flask import Blueprint, Response, current_app

from app.access import permissions
from app.console import rendering
from db.core.errors import SQLAlchemyError
from db.core.session import Database
from db.queries import reports
from db.queries.reports import StudyUnknown
from domain.access import Scope
from reporting import charts, document, page

blueprint = Blueprint(
    "console", __name__, static_folder=str(resources.files("reporting") / "static"), static_url_path="/console/static"
)
rendering.refusals_of(blueprint)

log = structlog.get_logger()


@blueprint.get("/")
@permissions.needs(Scope.READ)
def front_page() -> Response:
    """Show the report; an error is shown as an error, never as rows that are not there."""
    try:
        return _report()
    except StudyUnknown as unknown:
        return rendering.message(200, "No study yet", str(unknown))
    except SQLAlchemyError as error:
        log.exception("console.database_unreadable", error=type(error).__name__)
        return rendering.message(503, "The database cannot be read", "So there is nothing to show. The log says why.")


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
    rendered = page.render_report(
        document.build_report(record),
        charts.build_charts(record),
        stylesheet_url=rendering.stylesheet(),
        age=age_of(record.stored_at, now=datetime.now(UTC)),
        reader=rendering.reader(),
    )
    return rendering.html(rendered)


def _duration(age: timedelta) -> str:
    seconds = max(int(age.total_seconds()), 0)
    for length, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "less than a minute"
