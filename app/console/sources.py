"""The page `/sources`: senders of alerts, texts to paste into TradingView, and a trial reading of a message."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from flask import Blueprint, Response, current_app, request
from werkzeug.exceptions import ServiceUnavailable

from alerts.understand import understand_all
from app.access import permissions
from app.console import rendering
from app.console.login import console_services, require_user
from app.webhook.receiver import MAX_BODY
from config.settings import Settings
from db import sources
from db.core.session import Database
from db.source_health import activity
from db.sources import StoredSource
from domain.access import Scope
from domain.books import STANDING_BOOKS
from operations import explain_message, known_bars, source_links
from operations import sources as source_operations
from operations.source_links import NoSecretKey, SourceLinks

blueprint = Blueprint("sources", __name__)
rendering.register_error_pages(blueprint)


@blueprint.get("/sources")
@permissions.needs(Scope.READ)
def list_sources() -> Response:
    """Show the sources of the standing books, their activity, and the texts to paste into TradingView."""
    return _render_sources()


@blueprint.post("/sources/read")
@permissions.needs(Scope.OPERATE)
def read_message() -> Response:
    """Show the signals that a message would be read as; nothing is stored, and the message is not shown again."""
    require_user()
    name, message = request.form.get("source", ""), request.form.get("message", "")
    stored_sources = {stored.source.name: stored for stored in _load_sources()[0]}
    if name not in stored_sources:
        return _render_sources(error="Choose one of the sources.", status=422)
    body = message.encode(errors="replace")
    if not body.strip() or len(body) > MAX_BODY:
        return _render_sources(error=f"Paste a message of at most {MAX_BODY} bytes.", status=422)
    readings = [explain_message.describe_reading(part) for part in understand_all(body, stored_sources[name].source)]
    return _render_sources(readings=readings, chosen=name)


def _render_sources(
    *,
    readings: list[dict[str, Any]] | None = None,
    chosen: str | None = None,
    error: str | None = None,
    status: int = 200,
) -> Response:
    """Render the page, with the readings of a pasted message or an error about it."""
    require_user()
    stored_sources, activities = _load_sources()
    bars, links = load_known_bars(), _links()
    rendered = rendering.render_page(
        "sources.html",
        messages=source_operations.alert_messages(),
        sources=[
            (stored, links.build_url(stored) if links is not None else None, activities.get(stored.source.name))
            for stored in stored_sources
        ],
        bars=[(market, known_bars.format_known_bars(market)) for market in bars],
        market_data=known_bars.describe_market_data(_settings()),
        readings=readings,
        chosen=chosen,
        error=error,
        may_try=_has_scope(Scope.OPERATE),
        may_see_urls=_has_scope(Scope.ADMIN),
    )
    return rendering.html_response(rendered, status)


def load_known_bars() -> list[dict[str, Any]]:
    """Return how many closed bars are known of each market that recent signals are about."""
    settings, now = _settings(), datetime.now(UTC)
    return console_services().run(lambda database: known_bars.list_known_bars(database, settings, now=now))


def _load_sources() -> tuple[list[StoredSource], dict[str, activity.SourceActivity]]:
    """Return the sources of the standing books, and the activities of sources by name."""

    def load(database: Database) -> tuple[list[StoredSource], dict[str, activity.SourceActivity]]:
        with database.transaction() as session:
            stored_sources = [stored for stored in sources.list_all(session) if stored.source.book in STANDING_BOOKS]
            return stored_sources, {source.name: source for source in activity.load(session)}

    return console_services().run(load)


def _has_scope(scope: Scope) -> bool:
    return scope in require_user().scopes


def _links() -> SourceLinks | None:
    """Return the links for administrators; None for others, since a URL is enough to post alerts."""
    if not _has_scope(Scope.ADMIN):
        return None
    try:
        return source_links.make_links(_settings(), fallback_base=request.host_url if request.host else None)
    except NoSecretKey:
        raise ServiceUnavailable from None


def _settings() -> Settings:
    settings = current_app.config["SETTINGS"]
    assert isinstance(settings, Settings)  # noqa: S101 - the factory's wiring
    return settings
