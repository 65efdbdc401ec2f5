"""The front page `/`: the report of the newest study."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from importlib import resources

import structlog
from flask import Blueprint, Response, current_app

from app.access import permissions
from app.console import rendering, sources
from db.core.errors import SQLAlchemyError
from db.core.session import Database
from db.queries import reports
from db.queries.reports import StudyUnknown
from domain.access import Scope
from operations import known_bars
from reporting import charts, document, page

blueprint = Blueprint(
    "console", __name__, static_folder=str(resources.files("reporting") / "static"), static_url_path="/console/static"
)
rendering.register_error_pages(blueprint)

log = structlog.get_logger()


@blueprint.get("/")
@permissions.needs(Scope.READ)
def front_page() -> Response:
    """Show the report; when the database cannot be read, an error page and never an empty report."""
    try:
        return _render_report()
    except StudyUnknown as unknown:
        return rendering.message_page(200, "No study yet", str(unknown))
    except SQLAlchemyError as error:
        log.exception("console.database_unreadable", error=type(error).__name__)
        return rendering.message_page(
            503, "The database cannot be read", "So there is nothing to show. The log says why."
        )


def describe_age(stored_at: datetime | None, *, now: datetime) -> str:
    """Return a sentence with the age of the newest signal; both times are aware."""
    if stored_at is None:
        return "No signal has come yet."
    return f"The newest signal was stored {_format_duration(now - stored_at)} ago, at {stored_at:%Y-%m-%d %H:%M} UTC."


def _render_report() -> Response:
    """Load the newest study and render its report."""
    database = current_app.config["DATABASE"]
    assert isinstance(database, Database)  # noqa: S101 - the factory's wiring
    with database.snapshot() as session:
        record = reports.load(session)
    rendered = page.render_report(
        document.build_report(record),
        charts.build_charts(record),
        stylesheet_url=rendering.stylesheet_url(),
        age=describe_age(record.stored_at, now=datetime.now(UTC)),
        notices=known_bars.list_missing(sources.load_known_bars()),
        reader=rendering.current_reader(),
    )
    return rendering.html_response(rendered)


def _format_duration(age: timedelta) -> str:
    """Return a duration in its largest whole unit, such as `3 hours`."""
    seconds = max(int(age.total_seconds()), 0)
    for length, unit in ((86_400, "day"), (3_600, "hour"), (60, "minute")):
        if seconds >= length:
            count = seconds // length
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "less than a minute"
