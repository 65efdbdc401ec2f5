"""`orchestrator signals quarantine|explain|formats|redrive`: messages that could not be read."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import click

from app.cli import options
from app.cli.database import open_database, open_snapshot
from app.cli.operator import audit_context
from db import sources, webhook_events
from db.webhook_events import QuarantinedEvent
from operations import explain_message
from operations import redrive as redrive_operation
from operations.redrive import RedrivenMessage, RedriveReport
from reporting.formatting import replace_unprintable

_SOURCE = click.option("--source", metavar="NAME", help="Only messages of this source.")


@click.command()
@_SOURCE
@options.LIMIT
@options.JSON
@options.DATA_DIR
def quarantine(*, source: str | None, limit: int, as_json: bool, data_dir: Path | None) -> None:
    """List messages that could not be read.

    They are listed newest first, each with the symbol and price that it names, its errors, and what would be right.
    """
    with open_snapshot(data_dir) as session:
        events = webhook_events.list_quarantined(session, source=source, limit=limit)
        stored = {entry.source.name: entry.source for entry in sources.list_all(session)}
    contents = [explain_message.name_contents(event, stored[event.source]) for event in events]
    if as_json:
        rows = [_to_document(event) | {"names": names} for event, names in zip(events, contents, strict=True)]
        click.echo(json.dumps({"quarantine": rows}, indent=2))
        return
    for event, names in zip(events, contents, strict=True):
        click.echo(replace_unprintable(_format_event(event, names)))
    if not events:
        click.echo("nothing is in quarantine", err=True)


@click.command()
@click.argument("event_id", type=click.UUID, metavar="ID")
@options.JSON
@options.DATA_DIR
def explain(*, event_id: UUID, as_json: bool, data_dir: Path | None) -> None:
    """Explain why a message could not be read.

    Shows the message with secrets hidden, its errors, and what it would be read as today.
    """
    with open_snapshot(data_dir) as session:
        explanation = explain_message.explain(session, event_id)
    if explanation is None:
        raise click.ClickException(f"there is no message {event_id} in quarantine")
    lines = (
        json.dumps(explanation, indent=2)
        if as_json
        else "\n".join(map(replace_unprintable, format_explanation(explanation)))
    )
    click.echo(lines)


@click.command()
@_SOURCE
@click.option("--days", type=click.IntRange(1, 3650), default=7, show_default=True, help="Of the last so many days.")
@options.JSON
@options.DATA_DIR
def formats(*, source: str | None, days: int, as_json: bool, data_dir: Path | None) -> None:
    """Report which fields keep messages from being read.

    They are listed by source, the most frequent first.
    """
    with open_snapshot(data_dir) as session:
        since = datetime.now(UTC) - timedelta(days=days)
        failing = explain_message.report_failing_fields(session, source=source, since=since)
    if as_json:
        click.echo(json.dumps({"failing": failing}, indent=2))
        return
    for row in failing:
        click.echo(
            replace_unprintable(f"{row['times']:>6}  {row['source']:<16} {row['field']:<24} last {row['last_event']}")
        )
    if not failing:
        click.echo(f"everything was read in the last {days} days", err=True)


@click.command()
@click.argument("event_ids", type=click.UUID, nargs=-1, required=True, metavar="ID...")
@options.REASON
@options.JSON
@options.DATA_DIR
def redrive(*, event_ids: Sequence[UUID], reason: str, as_json: bool, data_dir: Path | None) -> None:
    """Read messages from quarantine again, after a fix.

    A message that is older than its source's lag becomes a stale signal: recorded in shadow, never traded for real.
    Exit code 1 when a message still cannot be read.
    """
    with open_database(data_dir) as (settings, database):
        report = redrive_operation.redrive(settings, database, event_ids, audit=audit_context(reason))
    if not report.enqueued and any(message.new for message in report.messages):
        click.echo("the broker cannot be reached; the sweep will send the signals", err=True)
    click.echo(_format_report(report, as_json=as_json))
    if not report.is_complete:
        raise SystemExit(1)


def _format_event(event: QuarantinedEvent, names: Sequence[Mapping[str, str | None]]) -> str:
    """Return the line of a message in the list."""
    start = f"{event.event_id}  {event.received_at:%Y-%m-%d %H:%M:%S}  {event.source:<16} "
    symbols = ", ".join(_format_contents(part) for part in names if part["symbol"])
    return f"{start}{symbols + ': ' if symbols else ''}{_format_errors(event.errors)}"


def _format_contents(part: Mapping[str, Any]) -> str:
    """Return the symbol of a part with its price, if it names one."""
    return f"{part['symbol']} at {part['price']}" if part.get("price") else str(part["symbol"])


def format_explanation(explanation: Mapping[str, Any]) -> Iterator[str]:
    """Yield the lines of an explanation."""
    yield f"message {explanation['event_id']} of {explanation['source']}, {explanation['received_at']}"
    yield from (f"  | {line}" for line in explanation["body"].splitlines() or [""])
    yield "was refused:"
    yield from _format_error_lines(explanation["errors"])
    for reading in explanation["today"]:
        yield from _format_reading(reading, explanation["event_id"])
    if explanation["redriven_signal_id"]:
        yield f"became signal {explanation['redriven_signal_id']}"


def _format_reading(reading: Mapping[str, Any], event_id: str) -> Iterator[str]:
    if "errors" in reading:
        if reading.get("symbol"):
            yield f"names {_format_contents(reading)}"
        yield "would be refused today:"
        yield from _format_error_lines(reading["errors"])
        return
    signal = f"{reading['action']} {reading['direction']} {reading['symbol']}"
    yield f"would be read today as {signal} ({reading['dialect']}); `signals redrive {event_id}` takes it"


def _format_error_lines(errors: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for field, messages in errors.items():
        yield f"  {field}: {' '.join(messages)}"


def _format_errors(errors: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{field}: {' '.join(messages)}" for field, messages in errors.items())


def _to_document(event: QuarantinedEvent) -> dict[str, Any]:
    return {
        "event_id": str(event.event_id),
        "source": event.source,
        "book": event.book,
        "received_at": event.received_at.isoformat(),
        "errors": dict(event.errors),
    }


def _format_report(report: RedriveReport, *, as_json: bool) -> str:
    if as_json:
        return json.dumps({"redriven": [_message_document(message) for message in report.messages]}, indent=2)
    return "\n".join(replace_unprintable(_format_message(message)) for message in report.messages)


def _message_document(message: RedrivenMessage) -> dict[str, Any]:
    return {
        "event_id": str(message.event_id),
        "signal_ids": [str(signal_id) for signal_id in message.signal_ids],
        "new": len(message.new),
        "stale": message.is_stale,
        "errors": dict(message.errors),
    }


def _format_message(message: RedrivenMessage) -> str:
    if message.errors:
        return f"{message.event_id}  still unread: {_format_errors(message.errors)}"
    if not message.signal_ids:
        return f"{message.event_id}  became bars of a bar feed"
    signal_ids = " ".join(str(signal_id) for signal_id in message.signal_ids)
    note = " (stale: shadow only)" if message.is_stale else "" if message.new else " (it was there before)"
    return f"{message.event_id}  became {signal_ids}{note}"
