"""`orchestrator policy`: which engine may trade for real in a book, who set that, and the switch for real trading."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

from app.cli import CommandError, LazyGroup, options
from app.cli.database import open_database
from app.cli.operator import audit_context
from db import live
from db.core.session import Database
from db.queries import real_exposure
from domain.books import LIVE_BOOK, PAPER_BOOK
from domain.experiment import split_to_ppm
from domain.policy import ExecutionMode
from operations import live_trading, netting, policy
from operations.policy import FlattenUnfinished, NoPolicy, NoSwitch, NotFlattening, PolicyRequest
from reporting.formatting import replace_unprintable

_BOOK = click.option("--book", default=PAPER_BOOK, show_default=True, help="The book.")
_REASON = click.option("--reason", required=True, help="Why; it is kept with the version.")
_POLL_S = 0.2


# Going live loads the venues' adapters and Celery, without which the other commands start in a fraction of the time.
@click.group(cls=LazyGroup, locations={"live": "app.cli.live:go_live", "paper": "app.cli.live:go_paper"})
def command() -> None:
    """Show and change the execution policy of a book.

    A change holds for new experiments, without a restart.
    """


@command.command()
@_BOOK
@options.JSON
@options.DATA_DIR
def show(book: str, as_json: bool, data_dir: Path | None) -> None:
    """Show all versions of a book's policy, newest first."""
    with open_database(data_dir) as (settings, database), database.transaction() as session:
        versions = policy.list_versions(session, book)
        state = live.load_state(session) if book == LIVE_BOOK else None
    if not versions:
        raise click.ClickException(f"there is no book {book!r} with a policy")
    if as_json:
        live_part = {} if state is None else {"live": live_trading.document(state)}
        click.echo(json.dumps({"book": book, **live_part, "versions": versions}, indent=2, default=datetime.isoformat))
        return
    if state is not None:
        click.echo(f"live trading is {live_trading.describe_state(state, settings)}")
    for number, version in enumerate(versions):
        click.echo(_format_version(version, is_in_force=number == 0))


@command.command(name="set")
@_BOOK
@click.option("--mode", type=click.Choice([mode.value for mode in ExecutionMode]), help="Which engine trades for real.")
@click.option("--split", help="Engine A's share, 0 to 1 with at most 6 decimals.")
@click.option("--label", help="Name of the new version (default: after the present one).")
@_REASON
@options.DATA_DIR
def set_(
    *, book: str, mode: str | None, split: str | None, label: str | None, reason: str, data_dir: Path | None
) -> None:
    """Put a new policy version in force.

    Experiments that exist keep theirs.
    """
    request = PolicyRequest(
        mode=ExecutionMode(mode) if mode else None,
        split_ppm=_parse_split(split) if split else None,
        label=label or None,
    )
    if request == PolicyRequest():
        raise CommandError("nothing to change; give --mode, --split or --label")
    with open_database(data_dir) as (_, database), database.transaction() as session:
        try:
            version = policy.set_policy(session, book, request, audit=audit_context(reason))
        except NoPolicy:
            raise CommandError(f"--book: there is no book {book!r} with a policy") from None
        note = netting.describe_for_policy(session, book)
    if note is not None:
        click.echo(replace_unprintable(f"note: {note}"), err=True)
    click.echo(
        f"{book}: {version['policy_version']} is in force: {version['mode']}, split {_format_share(version['split'])}"
    )


@command.command()
@_BOOK
@_REASON
@options.DATA_DIR
def pause(*, book: str, reason: str, data_dir: Path | None) -> None:
    """Send no new real entries.

    Exits go on, and so does the shadow record of both engines. Once this has answered, no entry begins to be sent. The
    orders that were on their way are counted and followed to their end.
    """
    with open_database(data_dir) as (_, database):
        document = _switch(database, book, policy.pause, reason)
    label, orders = document["policy"]["policy_version"], document["open"]["orders"]
    click.echo(f"{book}: {label} is in force: no new real entries; {orders} entry orders were on their way")


@command.command()
@_BOOK
@_REASON
@click.option(
    "--wait",
    "wait_s",
    type=click.FloatRange(0, 3600),
    default=60.0,
    show_default=True,
    metavar="SECONDS",
    help="How long to wait until nothing is open.",
)
@options.DATA_DIR
def flatten(*, book: str, reason: str, wait_s: float, data_dir: Path | None) -> None:
    """Pause, and close everything that is open for real.

    The exits worker closes it at present quotes, and goes on until nothing is left or `resume` is called. Exit code 1
    when something is still open after the wait.
    """
    with open_database(data_dir) as (_, database):
        label = _switch(database, book, policy.flatten, reason)["policy"]["policy_version"]
        click.echo(f"{book}: {label} is in force: no new real entries, everything real is being closed", err=True)
        open_trades = _wait_until_closed(database, book, wait_s=wait_s)
    if open_trades:
        raise click.ClickException(f"{open_trades} real trades are still open; the workers go on closing them")
    click.echo(f"{book}: nothing is open for real")


@command.command()
@_BOOK
@_REASON
@options.DATA_DIR
def resume(*, book: str, reason: str, data_dir: Path | None) -> None:
    """Send real entries again, for new experiments."""
    with open_database(data_dir) as (_, database):
        version = _switch(database, book, policy.resume, reason)["policy"]
    click.echo(f"{book}: {version['policy_version']} is in force: {version['mode']}, real entries are sent")


@command.command("end-flatten")
@_BOOK
@_REASON
@options.DATA_DIR
def end_flatten(*, book: str, reason: str, data_dir: Path | None) -> None:
    """End a flatten that is not done.

    What is open stays open, and the book stays paused.
    """
    with open_database(data_dir) as (_, database):
        document = _switch(database, book, policy.end_flatten, reason)
    label, left = document["policy"]["policy_version"], document["open"]["trades"]
    click.echo(f"{book}: {label} is in force: paused; {left} real positions stay open")


def _switch(database: Database, book: str, operation: Callable[..., dict[str, Any]], reason: str) -> dict[str, Any]:
    """Carry out `policy.pause`, `flatten` or `resume` in a transaction and return its document."""
    try:
        with database.transaction() as session:
            return operation(session, book, audit=audit_context(reason))
    except NoSwitch:
        raise CommandError(f"--book: there is no book {book!r} with a switch") from None
    except (FlattenUnfinished, NotFlattening) as error:
        raise click.ClickException(str(error)) from None


def _wait_until_closed(database: Database, book: str, *, wait_s: float) -> int:
    """Wait until no real trade of a book is open, at most `wait_s` seconds; return how many are still open."""
    deadline = time.monotonic() + wait_s
    while (count := _count_open_trades(database, book)) and time.monotonic() < deadline:
        time.sleep(_POLL_S)
    return count


def _count_open_trades(database: Database, book: str) -> int:
    with database.transaction() as session:
        return real_exposure.count_exposure(session, book).trades


def _format_version(version: dict[str, Any], *, is_in_force: bool) -> str:
    mark, split = "in force" if is_in_force else "before", _format_share(version["split"])
    return (
        f"{version['policy_version']:<12} {version['mode']:<18} split {split:<9} {version['switch']:<7} {mark:<9}"
        f" by {version['set_by']}: {version['reason']}"
    )


def _format_share(share: float) -> str:
    return f"{share:.6f}".rstrip("0").rstrip(".")


def _parse_split(value: str) -> int:
    try:
        return split_to_ppm(Decimal(value))
    except (InvalidOperation, ValueError):
        raise CommandError(f"--split={value!r}: a share between 0 and 1 with at most 6 decimals, such as 0.5") from None
