"""`orchestrator signals`: accepted alerts, everything stored about one, and fresh attempts for those that failed."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import click

from app.cli import CommandError, LazyGroup, options
from app.cli.database import open_database, open_snapshot
from app.cli.operator import audit_context
from db.core.session import Session
from db.queries import traces
from db.queries.traces import SignalUnknown
from domain.signal import SignalStatus
from operations import rerun as rerun_operation
from operations.rerun import RerunRefused
from reporting import signal_trace

_QUARANTINE = "app.cli.quarantine"
_LAST = "last"
_MAX_LISTED = 5
_ID_DIGITS = 32
_DIGITS = re.compile(r"[0-9a-fA-F]{1,32}")


# The commands about quarantine load the dialects, which the others do not need.
@click.group(
    cls=LazyGroup, locations={name: f"{_QUARANTINE}:{name}" for name in ("quarantine", "explain", "formats", "redrive")}
)
def command() -> None:
    """List, show and rerun signals; work on quarantine."""


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

    RESULT is the state of a signal with the stage it has reached, the trades it opened, and its last error.
    `--status dead` lists the dead letters: signals whose attempts are used up.
    """
    with open_snapshot(data_dir) as session:
        stored = traces.load_newest(session, book=book, status=status, limit=limit)
        trades = traces.load_trade_states(session, [row["signal_id"] for row in stored])
    rows = signal_trace.convert_rows(stored)
    if as_json:
        click.echo(json.dumps({"signals": rows}, indent=2))
        return
    if not rows:
        click.echo("there is no such signal", err=True)
        return
    click.echo(signal_trace.format_signal_header())
    for row in rows:
        click.echo(signal_trace.format_signal_line(row, trades.get(UUID(row["signal_id"]), [])))


@command.command()
@click.argument("signal_id")
@options.JSON
@options.DATA_DIR
def show(*, signal_id: str, as_json: bool, data_dir: Path | None) -> None:
    """Show one signal, from the alert to its outcomes.

    SIGNAL_ID is an id, the first characters of one, or `last` for the signal that arrived last.
    """
    prefix = _parse_prefix(signal_id)
    with open_snapshot(data_dir) as session:
        try:
            document = signal_trace.build_trace_document(traces.load(session, _find_signal(session, prefix)))
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


def _parse_prefix(written: str) -> str | None:
    """Return the hexadecimal digits with which the id begins; None for `last`."""
    digits = written.replace("-", "")
    if written == _LAST:
        return None
    if not _DIGITS.fullmatch(digits):
        raise CommandError(f"SIGNAL_ID={written!r}: must be the id of a signal, the first characters of one, or `last`")
    return digits


def _find_signal(session: Session, prefix: str | None) -> UUID:
    """Return the signal whose id begins with the digits, with None the signal that arrived last.

    Raises:
        ClickException: when there is no such signal, or several ids begin with the digits.
    """
    if prefix is None:
        last = traces.find_last(session)
        if last is None:
            raise click.ClickException("there is no signal yet")
        return last
    if len(prefix) == _ID_DIGITS:
        return UUID(prefix)
    matches = traces.find_by_prefix(session, prefix, limit=_MAX_LISTED + 1)
    if len(matches) > 1:
        raise click.ClickException(_describe_ambiguity(prefix, matches))
    if not matches:
        raise click.ClickException(
            f"there is no signal whose id begins with {prefix}; `orchestrator signals list` lists the signals"
        )
    return matches[0]


def _describe_ambiguity(prefix: str, matches: Sequence[UUID]) -> str:
    ids = ", ".join(str(signal_id) for signal_id in matches[:_MAX_LISTED])
    more = " and others" if len(matches) > _MAX_LISTED else ""
    return f"several ids begin with {prefix}: {ids}{more}; give more characters"
