"""`orchestrator signals`: which came, what became of one, and a fresh start for those that failed."""

from __future__ import annotations

import getpass
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

import click

from app.cli import opened
from app.cli.database import snapshot
from db import sources, webhook_events
from db.queries import traces
from db.queries.traces import SignalUnknown
from db.webhook_events import FailingField, QuarantinedEvent
from domain.signal import SignalStatus
from reporting import story
from reporting.plain import clean

if TYPE_CHECKING:
    from operations.redrive import Redriven

_data_dir = click.option("--data-dir", type=click.Path(path_type=Path), help="The instance (default: the last one).")
_reason = click.option("--reason", required=True, help="Why; it is kept in the audit log.")
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.group()
def command() -> None:
    """List signals, trace one, run failed ones again; list, explain and read again what is in quarantine."""


@command.command("list")
@click.option("--book", metavar="BOOK", help="Only signals of this book.")
@click.option("--status", type=click.Choice([one.value for one in SignalStatus]), help="Only signals in this state.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="At most so many.")
@_json
@_data_dir
def list_signals(*, book: str | None, status: str | None, limit: int, as_json: bool, data_dir: Path | None) -> None:
    """List signals, newest first; `--status dead` lists the dead letters."""
    with snapshot(data_dir) as session:
        found = story.rows(traces.load_newest(session, book=book, status=status, limit=limit))
    if as_json:
        click.echo(json.dumps({"signals": found}, indent=2))
        return
    for row in found:
        click.echo(story.listed(row))
    if not found:
        click.echo("there is no such signal", err=True)


@command.command()
@click.argument("signal_id", type=click.UUID)
@_json
@_data_dir
def show(*, signal_id: UUID, as_json: bool, data_dir: Path | None) -> None:
    """Tell what became of one signal, from the alert to its outcomes."""
    with snapshot(data_dir) as session:
        try:
            told = story.document(traces.load(session, signal_id))
        except SignalUnknown as unknown:
            raise click.ClickException(str(unknown)) from None
    click.echo(json.dumps(told, indent=2) if as_json else "\n".join(story.tell(told)))


@command.command()
@click.argument("signal_ids", type=click.UUID, nargs=-1, required=True, metavar="ID...")
@_reason
@_data_dir
def rerun(*, signal_ids: Sequence[UUID], reason: str, data_dir: Path | None) -> None:
    """Give signals that are not done fresh attempts; what they have stored so far stays.

    Refused for signals that are done, being worked on, or have an order at the venue: that is looked up, not run again.
    """
    from tasks import pipeline  # noqa: PLC0415 - Celery takes a while to load and the other commands do not need it

    with opened(data_dir) as (settings, database):
        try:
            sent = pipeline.rerun(
                settings, database, signal_ids, actor=getpass.getuser(), reason=reason, at=datetime.now(UTC)
            )
        except pipeline.RerunRefused as refused:
            raise click.ClickException(f"nothing was rerun; {refused}") from None
    click.echo(f"due again: {len(signal_ids)}" + ("" if sent else "; the broker is away, the sweep will send them"))


@command.command()
@click.option("--source", metavar="NAME", help="Only messages of this source.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="At most so many.")
@_json
@_data_dir
def quarantine(*, source: str | None, limit: int, as_json: bool, data_dir: Path | None) -> None:
    """List messages that could not be read, newest first, with what would be right."""
    with snapshot(data_dir) as session:
        kept = webhook_events.list_quarantined(session, source=source, limit=limit)
    if as_json:
        click.echo(json.dumps({"quarantine": [_kept(one) for one in kept]}, indent=2))
        return
    for one in kept:
        wrong = "; ".join(f"{field}: {' '.join(told)}" for field, told in one.errors.items())
        click.echo(clean(f"{one.event_id}  {one.received_at:%Y-%m-%d %H:%M:%S}  {one.source:<16} {wrong}"))
    if not kept:
        click.echo("nothing is in quarantine", err=True)


@command.command()
@click.argument("event_id", type=click.UUID, metavar="ID")
@_json
@_data_dir
def explain(*, event_id: UUID, as_json: bool, data_dir: Path | None) -> None:
    """Show a message in quarantine, what was wrong with it, and what it would be read as today."""
    from operations import explain_message  # noqa: PLC0415 - the dialects are not needed by the other commands

    with snapshot(data_dir) as session:
        kept = webhook_events.load_quarantined(session, event_id)
        if kept is None:
            raise click.ClickException(f"there is no message {event_id} in quarantine")
        source = sources.by_name(session, kept.source).source
    told = explain_message.document(kept, source)
    click.echo(json.dumps(told, indent=2) if as_json else "\n".join(clean(line) for line in explain_message.tell(told)))


@command.command()
@click.option("--source", metavar="NAME", help="Only messages of this source.")
@click.option("--days", type=click.IntRange(1, 3650), default=7, show_default=True, help="Of the last so many days.")
@_json
@_data_dir
def formats(*, source: str | None, days: int, as_json: bool, data_dir: Path | None) -> None:
    """Report which fields keep messages from being read, by source, the most frequent first."""
    with snapshot(data_dir) as session:
        found = webhook_events.count_failing_fields(
            session, source=source, since=datetime.now(UTC) - timedelta(days=days)
        )
    if as_json:
        click.echo(json.dumps({"failing": [_failing(one) for one in found]}, indent=2))
        return
    for one in found:
        click.echo(clean(f"{one.times:>6}  {one.source:<16} {one.field:<24} last {one.last_event}"))
    if not found:
        click.echo(f"everything was read in the last {days} days", err=True)


@command.command()
@click.argument("event_ids", type=click.UUID, nargs=-1, required=True, metavar="ID...")
@_reason
@_json
@_data_dir
def redrive(*, event_ids: Sequence[UUID], reason: str, as_json: bool, data_dir: Path | None) -> None:
    """Read messages from quarantine again, after a fix; exit code 1 when one still cannot be read.

    What is older than its source's lag becomes a stale signal: recorded in shadow, never traded for real.
    """
    from operations import redrive as redriving  # noqa: PLC0415 - the dialects are not needed by the other commands
    from tasks import pipeline  # noqa: PLC0415 - likewise Celery

    with opened(data_dir) as (settings, database):
        done = redriving.redrive(database, event_ids, actor=getpass.getuser(), reason=reason, now=datetime.now(UTC))
        new = [signal_id for one in done for signal_id in one.new]
        if new and not pipeline.send_stored_signals(settings, new):
            click.echo("the broker is away, the sweep will send them", err=True)
    click.echo(json.dumps({"redriven": [_redriven(one) for one in done]}, indent=2) if as_json else _told(done))
    if any(one.errors for one in done):
        raise SystemExit(1)


def _kept(event: QuarantinedEvent) -> dict[str, Any]:
    return {
        "event_id": str(event.event_id),
        "source": event.source,
        "book": event.book,
        "received_at": event.received_at.isoformat(),
        "errors": dict(event.errors),
    }


def _failing(one: FailingField) -> dict[str, Any]:
    return {
        "source": one.source,
        "field": one.field,
        "times": one.times,
        "last_at": one.last_at.isoformat(),
        "last_event": str(one.last_event),
    }


def _redriven(one: Redriven) -> dict[str, Any]:
    return {
        "event_id": str(one.event_id),
        "signal_ids": [str(signal_id) for signal_id in one.signal_ids],
        "new": len(one.new),
        "stale": one.is_stale,
        "errors": dict(one.errors),
    }


def _told(done: Sequence[Redriven]) -> str:
    lines = []
    for one in done:
        wrong = "; ".join(f"{field}: {' '.join(told)}" for field, told in one.errors.items())
        became = " ".join(str(signal_id) for signal_id in one.signal_ids)
        note = " (stale: shadow only)" if one.is_stale else "" if one.new else " (it was there before)"
        lines.append(clean(f"{one.event_id}  {'still unread: ' + wrong if wrong else 'became ' + became + note}"))
    return "\n".join(lines)
