"""`orchestrator sources list | show`: sources with their activity, and the bars that engines need of their markets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import msgspec

from app.cli import CommandError, options, source_options
from app.cli.database import open_current_database
from db import sources
from db.source_health import activity
from db.source_health.activity import SourceActivity
from operations import known_bars
from operations import sources as source_operations
from reporting.formatting import replace_unprintable

_OTHER_SECRET_KEY = "its token was encrypted under another SECRET_KEY: sources rotate"  # noqa: S105 - no password
_SHOWN_ABOVE = ("name", "token", "url", "book", "enabled", "bars", "last_heard_at", "quarantined_in_day", "warnings")


@click.command("list")
@options.DATA_DIR
@options.JSON
def list_(*, data_dir: Path | None, as_json: bool) -> None:
    """List the sources.

    Shows whether each may post, when its last alert came, its open incidents, its webhook URL, and how many closed bars
    of its markets are known of those that engines need.
    """
    documents = _load_documents(data_dir)
    if as_json:
        click.echo(_encode(documents))
        return
    for document in documents:
        _print_lines(_format_source(document))


@click.command()
@click.argument("name")
@options.DATA_DIR
@options.JSON
def show(*, name: str, data_dir: Path | None, as_json: bool) -> None:
    """Show the source NAME.

    Shows what the list shows of it, and its settings.
    """
    document = next((document for document in _load_documents(data_dir) if document["name"] == name), None)
    if document is None:
        raise CommandError(f"there is no source named {name!r}; `orchestrator sources list` lists the sources")
    if as_json:
        click.echo(_encode(document))
        return
    _print_lines(_format_source(document))
    _print_lines(f"{'':<20} {line}" for line in _format_settings(document))


def _load_documents(data_dir: Path | None) -> list[dict[str, Any]]:
    """Return a document for each source, by name."""
    with open_current_database(data_dir) as (settings, database):
        links = source_options.make_links(settings, data_dir)
        with database.transaction() as session:
            stored_sources = sources.list_all(session)
            activities = {source.name: source for source in activity.load(session)}
        bars = known_bars.list_known_bars(database, settings, now=datetime.now(UTC))
    return [
        source_operations.document(stored, links)
        | _describe_activity(activities.get(stored.source.name))
        | {"bars": [document for document in bars if stored.source.name in document["sources"]]}
        for stored in stored_sources
    ]


def _describe_activity(source: SourceActivity | None) -> dict[str, Any]:
    """Return a source's activity for its document; of a replay's source, which has none, an empty one."""
    if source is None:
        return {}
    return {
        "last_heard_at": source.heard_at.isoformat() if source.heard_at is not None else None,
        "quarantined_in_day": source.quarantined_in_day,
        "warnings": source.warnings,
    }


def _format_source(document: Mapping[str, Any]) -> Iterator[str]:
    heard = (document.get("last_heard_at") or "")[:19].replace("T", " ") or "never"
    state = "enabled" if document["enabled"] else "disabled"
    remarks = [f"{document.get('quarantined_in_day', 0)} in quarantine within a day", *document.get("warnings", ())]
    yield f"{document['name']:<20} {document['book']:<6} {state:<9} heard {heard:<20} {', '.join(remarks)}"
    yield f"{'':<20} {document['url'] or _OTHER_SECRET_KEY}"
    for market in document["bars"]:
        yield f"{'':<20} {known_bars.format_known_bars(market)}"


def _format_settings(document: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each setting that has a value."""
    for name, value in document.items():
        if name not in _SHOWN_ABOVE and value not in (None, "", {}):
            yield f"{name.replace('_', ' ')}: {value}"


def _print_lines(lines: Iterator[str]) -> None:
    for line in lines:
        click.echo(replace_unprintable(line))


def _encode(document: object) -> str:
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()
