"""`orchestrator policy`: which engine may trade for real, who said so, and a way to change it."""

from __future__ import annotations

import getpass
import json
import time
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path

import click

from app.cli import Problem, live, opened
from db import live as switches
from db import policies
from db.core.session import Database
from db.queries import real_exposure
from db.queries.real_exposure import RealExposure
from domain.books import LIVE_BOOK, PAPER_BOOK
from domain.experiment import PPM, split_to_ppm
from domain.policy import ExecutionMode, PolicyVersion, Switch
from operations import policy
from operations.act import Act
from operations.policy import NoPolicy, NoSwitch, Wish

_BOOK = click.option("--book", default=PAPER_BOOK, show_default=True, help="The book whose policy is meant.")
_POLL_S = 0.2
_DATA_DIR = click.option("--data-dir", type=click.Path(path_type=Path), help="The instance (default: the last one).")


@click.group()
def command() -> None:
    """Show and change a book's execution policy; changes hold for new experiments, without a restart."""


command.add_command(live.go)
command.add_command(live.leave)


@command.command()
@_BOOK
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@_DATA_DIR
def show(book: str, as_json: bool, data_dir: Path | None) -> None:
    """Show all versions of a book's policy, newest first."""
    with opened(data_dir) as (settings, database), database.transaction() as session:
        versions = [policy.described(one) for one in policies.load_history(session, book)]
        trading = switches.load_state(session) if book == LIVE_BOOK else None
    if not versions:
        raise click.ClickException(f"there is no book {book!r} with a policy")
    if as_json:
        told = {} if trading is None else {"live": live.document(trading)}
        click.echo(json.dumps({"book": book, **told, "versions": versions}, indent=2))
        return
    if trading is not None:
        click.echo(f"live trading is {live.described(trading, settings)}")
    for number, one in enumerate(versions):
        mark = "in force" if number == 0 else "before"
        click.echo(
            f"{one['policy_version']:<12} {one['mode']:<18} split {one['split']:<9} {one['switch']:<7} {mark:<9}"
            f" by {one['set_by']}: {one['reason']}"
        )


@command.command(name="set")
@_BOOK
@click.option("--mode", type=click.Choice([one.value for one in ExecutionMode]), help="Who trades for real.")
@click.option("--split", help="Engine A's share, 0..1 with at most 6 decimals.")
@click.option("--label", help="Name of the new version (default: after the present one).")
@click.option("--reason", required=True, help="Why; it is kept with the version.")
@_DATA_DIR
def set_(
    *, book: str, mode: str | None, split: str | None, label: str | None, reason: str, data_dir: Path | None
) -> None:
    """Put a new version in force; experiments that exist keep theirs."""
    wish = Wish(
        mode=ExecutionMode(mode) if mode else None, split_ppm=_split(split) if split else None, label=label or None
    )
    if wish == Wish():
        raise Problem("nothing is to be changed; give --mode, --split or --label")
    with opened(data_dir) as (_, database), database.transaction() as session:
        try:
            made = policy.set_policy(session, book, wish, act=_act(reason))
        except NoPolicy:
            raise Problem(f"--book: there is no book {book!r} with a policy") from None
    click.echo(f"{book}: {made.label} is in force: {made.mode.value}, split {Decimal(made.split_ppm) / PPM}")


_REASON = click.option("--reason", required=True, help="Why; it is kept with the version.")


@command.command()
@_BOOK
@_REASON
@_DATA_DIR
def pause(*, book: str, reason: str, data_dir: Path | None) -> None:
    """Send no new real entries; exits go on, and so does the shadow record of both engines.

    Once this has answered, no entry begins to be sent. What was being sent before is listed and followed to its end.
    """
    with opened(data_dir) as (_, database):
        made = _switched(database, book, Switch.PAUSED, reason)
        left = _counted(database, book)
    click.echo(f"{book}: {made.label} is in force: no new real entries; {left.orders} entry orders were on their way")


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
@_DATA_DIR
def flatten(*, book: str, reason: str, wait_s: float, data_dir: Path | None) -> None:
    """Pause, and close everything that is open for real; it goes on until nothing is left or `resume` is called.

    The exits worker does it, at present quotes. Exit code 1 when something is still open after the wait.
    """
    with opened(data_dir) as (_, database):
        made = _switched(database, book, Switch.FLAT, reason)
        click.echo(f"{book}: {made.label} is in force: no new real entries, everything real is being closed", err=True)
        ends = time.monotonic() + wait_s
        while (left := _counted(database, book)).trades and time.monotonic() < ends:
            time.sleep(_POLL_S)
    if left.trades:
        raise click.ClickException(f"{left.trades} real trades are still open; the workers go on closing them")
    click.echo(f"{book}: nothing is open for real")


@command.command()
@_BOOK
@_REASON
@_DATA_DIR
def resume(*, book: str, reason: str, data_dir: Path | None) -> None:
    """Send real entries again, for new experiments."""
    with opened(data_dir) as (_, database):
        made = _switched(database, book, Switch.ON, reason)
    click.echo(f"{book}: {made.label} is in force: {made.mode.value}, real entries are sent")


def _switched(database: Database, book: str, switch: Switch, reason: str) -> PolicyVersion:
    with database.transaction() as session:
        try:
            return policy.throw(session, book, switch, act=_act(reason))
        except NoSwitch:
            raise Problem(f"--book: there is no book {book!r} with a switch") from None


def _act(reason: str) -> Act:
    return Act(by=getpass.getuser(), reason=reason, at=datetime.now(UTC))


def _counted(database: Database, book: str) -> RealExposure:
    with database.transaction() as session:
        return real_exposure.count_exposure(session, book)


def _split(value: str) -> int:
    try:
        return split_to_ppm(Decimal(value))
    except (InvalidOperation, ValueError):
        raise Problem(f"--split={value!r}: a share between 0 and 1 with at most 6 decimals, such as 0.5") from None
