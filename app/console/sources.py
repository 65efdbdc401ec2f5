"""`/sources`: who may post alerts, what to paste into TradingView, and what a message would be read as."""

from __future__ import annotations

from typing import Any

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import ServiceUnavailable

from alerts.understand import understand
from app.access import permissions
from app.console import rendering
from app.console.login import the_doors, the_owner
from app.webhook.receiver import MAX_BODY
from config.settings import Settings
from db import sources
from db.core.session import Database
from db.source_health import activity
from db.sources import StoredSource
from domain.access import Scope
from domain.books import STANDING_BOOKS
from operations import explain_message, source_links
from operations import sources as source_operations
from operations.source_links import NoSecretKey, SourceLinks

blueprint = Blueprint("sources", __name__)
rendering.refusals_of(blueprint)


@blueprint.get("/sources")
@permissions.needs(Scope.READ)
def list_sources() -> Response:
    """Show the sources of the standing books, what each does, and what to paste."""
    return _shown()


@blueprint.post("/sources/read")
@permissions.needs(Scope.OPERATE)
def read_message() -> Response:
    """Show what a message would be read as; nothing is stored, and the message is not shown again."""
    the_owner()
    name, written = request.form.get("source", ""), request.form.get("message", "")
    found = {one.source.name: one for one in _load()[0]}
    if name not in found:
        return _shown(error="Choose one of the sources.", status=422)
    body = written.encode(errors="replace")
    if not body.strip() or len(body) > MAX_BODY:
        return _shown(error=f"Paste a message of at most {MAX_BODY} bytes.", status=422)
    readings = [explain_message.describe_reading(one) for one in understand(body, found[name].source)]
    return _shown(readings=readings, chosen=name)


def _shown(
    *,
    readings: list[dict[str, Any]] | None = None,
    chosen: str | None = None,
    error: str | None = None,
    status: int = 200,
) -> Response:
    the_owner()
    found, doing = _load()
    links = _links()
    rendered = rendering.render_template(
        "sources.html",
        messages=source_operations.alert_messages(),
        sources=[
            (one, links.build_url(one) if links is not None else None, doing.get(one.source.name)) for one in found
        ],
        readings=readings,
        chosen=chosen,
        error=error,
        may_try=_may(Scope.OPERATE),
        may_see_urls=_may(Scope.ADMIN),
    )
    return rendering.html(rendered, status)


def _load() -> tuple[list[StoredSource], dict[str, activity.SourceActivity]]:
    def load(database: Database) -> tuple[list[StoredSource], dict[str, activity.SourceActivity]]:
        with database.transaction() as session:
            found = [one for one in sources.list_all(session) if one.source.book in STANDING_BOOKS]
            return found, {one.name: one for one in activity.load(session)}

    return the_doors().act(load)


def _may(scope: Scope) -> bool:
    return scope in the_owner().scopes


def _links() -> SourceLinks | None:
    """Return the links for administrators; None for everybody else: whoever has a URL can post alerts."""
    if not _may(Scope.ADMIN):
        return None
    try:
        return source_links.make_links(_settings(), fallback_base=request.host_url if request.host else None)
    except NoSecretKey:
        raise ServiceUnavailable from None


def _settings() -> Settings:
    settings = current_app.config["SETTINGS"]
    assert isinstance(settings, Settings)  # noqa: S101 - the factory's wiring
    return settings
