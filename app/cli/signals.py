"""`orchestrator signals`: accepted alerts, everything stored about one, and fresh attempts for those that failed."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import click

from app.cli import LazyGroup, options
from app.cli.database import open_database, open_snapshot
from app.cli.operator import audit_context
from db.queries import traces
from db.queries.traces import SignalUnknown
from domain.signal import SignalStatus
from operations import rerun as rerun_operation
from operations.rerun import RerunRefused
from reporting import signal_trace

_QUARANTINE = "app.cli.quarantine"


# The commands about quarantine load the dialects, which the others do not need.
@click.group(
    cls=LazyGroup, locations={name: f"{_QUARANTINE}:{name}" for name in ("quarantine", "explain", "formats", "redrive")}
)
def command() -> None:
    """List, show and rerun signals; read messages from quarantine again."""


@command.command("list")
@click.option("--book", metavar="BOOK", help="Only signals of this book.")
@click.option(
    "--status", type=click.Choice([status.value for status in SignalStatus]), help="Only signals in this state."
)
@options.LIMIT
@options.JSON
@options.DATA_DIR
def list_signals(*, book: str | None, status: str | None, limit: int, as_json: bool, data_dir: Path | None) -> None:
    """List signals, newest first.

    `--status dead` lists the dead letters: signals whose attempts are used up.
    """
    with open_snapshot(data_dir) as session:
        rows = signal_trace.convert_rows(traces.load_newest(session, book=book, status=status, limit=limit))
    if as_json:
        click.echo(json.dumps({"signals": rows}, indent=2))
        return
    for row in rows:
        click.echo(signal_trace.format_signal_line(row))
    if not rows:
        click.echo("there is no such signal", err=True)


@command.command()
@click.argument("signal_id", type=click.UUID)
@options.JSON
@options.DATA_DIR
def show(*, signal_id: UUID, as_json: bool, data_dir: Path | None) -> None:
    """Show one signal, from the alert to its outcomes."""
    with open_snapshot(data_dir) as session:
        try:
            document = signal_trace.build_trace_document(traces.load(session, signal_id))
        except SignalUnknown as unknown:
            raise click.ClickException(str(unknown)) from None
    click.echo(json.dumps(document, indent=2) if as_json else "\n".join(signal_trace.iterate_trace_lines(document)))


@command.command()
@click.argument("signal_ids", type=click.UUID, nargs=-1, required=True, metavar="ID...")
@options.REASON
@options.DATA_DIR
def rerun(*, signal_ids: Sequence[UUID], reason: str, data_dir: Path | None) -> None:
    """Give unfinished signals fresh attempts.

    What they have stored so far stays. Refused for signals that are done, being worked on, or have an order at the
    venue: that order is looked up, not sent again.
    """
    with open_database(data_dir) as (settings, database):
        try:
            report = rerun_operation.rerun(settings, database, signal_ids, audit=audit_context(reason))
        except RerunRefused as refused:
            raise click.ClickException(f"nothing was rerun; {refused}") from None
    note = "" if report["enqueued"] else "; the broker cannot be reached, the sweep will send them"
    click.echo(f"due again: {len(signal_ids)}{note}")
