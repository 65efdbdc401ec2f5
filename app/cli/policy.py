"""`orchestrator policy`: which engine may trade for real in a book, who set that, and the switch for real trading."""

from __future__ import annotations

import json
from datetime import datetime
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import click

from app.cli import CommandError, LazyGroup, options, switch, targets
from app.cli.database import open_database
from app.cli.operator import audit_context
from db import live
from domain.books import LIVE_BOOK, PAPER_BOOK
from domain.experiment import split_to_ppm
from domain.policy import ExecutionMode
from operations import live_trading, netting, policy
from operations.policy import NoPolicy, PolicyRequest
from reporting.formatting import replace_unprintable

_BOOK = click.option("--book", default=PAPER_BOOK, show_default=True, help="The book.")
_REASON = click.option("--reason", required=True, help="Why; it is kept with the version.")
_POLL_S = 0.2


# Going live loads the venues' adapters and Celery, without which the other commands start in a fraction of the time.
@click.group(
    cls=LazyGroup,
    locations={
        "pause": "app.cli.switch:pause",
        "flatten": "app.cli.switch:flatten",
        "end-flatten": "app.cli.switch:end_flatten",
        "resume": "app.cli.switch:resume",
        "live": "app.cli.live:go_live",
        "paper": "app.cli.live:go_paper",
    },
)
def command() -> None:
    """Show and change the execution policy of a book and its switch.

    A change holds for new experiments, without a restart. The switch has three positions, each stronger than the one
    before: on, paused, flattening. `pause` and `flatten` are for all books of all running instances unless one is
    named, and never loosen it.
    """


@command.command()
@_BOOK
@options.JSON
@switch.ONE_INSTANCE
def show(book: str, as_json: bool, data_dir: Path | None) -> None:
    """Show all versions of a book's policy, newest first."""
    target = targets.find_one_target(data_dir)
    with open_database(target.data_dir) as (settings, database), database.transaction() as session:
        versions = policy.list_versions(session, book)
        state = live.load_state(session) if book == LIVE_BOOK else None
    if not versions:
        raise click.ClickException(f"there is no book {book!r} with a policy")
    if as_json:
        live_part = {} if state is None else {"live": live_trading.document(state)}
        click.echo(json.dumps({"book": book, **live_part, "versions": versions}, indent=2, default=datetime.isoformat))
        return
    click.echo(f"{book} of {target.name}")
    if state is not None:
        click.echo(f"live trading is {live_trading.describe_state(state, settings)}")
    for number, version in enumerate(versions):
        click.echo(_format_version(version, is_in_force=number == 0))


@command.command(name="set")
@switch.ONE_BOOK
@click.option("--mode", type=click.Choice([mode.value for mode in ExecutionMode]), help="Which engine trades for real.")
@click.option("--split", help="Engine A's share, 0 to 1 with at most 6 decimals.")
@click.option("--label", help="Name of the new version (default: after the present one).")
@_REASON
@switch.ONE_INSTANCE
def set_(
    *, book: str | None, mode: str | None, split: str | None, label: str | None, reason: str, data_dir: Path | None
) -> None:
    """Put a new policy version in force.

    It needs one book and one instance. Experiments that exist keep theirs.
    """
    request = PolicyRequest(
        mode=ExecutionMode(mode) if mode else None,
        split_ppm=_parse_split(split) if split else None,
        label=label or None,
    )
    if request == PolicyRequest():
        raise CommandError("nothing to change; give --mode, --split or --label")
    target = targets.find_one_target(data_dir)
    book = switch.require_book(book, target)
    with open_database(target.data_dir) as (_, database), database.transaction() as session:
        try:
            version = policy.set_policy(session, book, request, audit=audit_context(reason))
        except NoPolicy:
            raise CommandError(f"--book: there is no book {book!r} with a policy") from None
        note = netting.describe_for_policy(session, book)
    if note is not None:
        click.echo(replace_unprintable(f"note: {note}"), err=True)
    click.echo(
        f"{book} of {target.name}: {version['policy_version']} is in force: {version['mode']},"
        f" split {_format_share(version['split'])}, switch {version['switch']}"
    )


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
