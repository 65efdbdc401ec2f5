"""`orchestrator policy live` and `policy paper`: letting the live book trade at a venue, and ending that."""

from __future__ import annotations

from pathlib import Path

import click

from app.cli import options, switch, targets
from app.cli.database import open_database
from app.cli.operator import audit_context
from db.core.session import Database
from db.live import AccountDisabled, TradesOpen
from operations import live_checks, live_trading
from operations.check_result import CheckResult

_HOW_TO_CLOSE = "close them with `orchestrator policy flatten --book live`"


@click.command("live")
@click.argument("account")
@options.REASON
@click.option("--confirm", metavar="NAME", help="The account's name once more, for scripts; else it is asked for.")
@click.option("--unchecked", is_flag=True, help="Do not ask the venue whether it answers.")
@switch.ONE_INSTANCE
def go_live(*, account: str, reason: str, confirm: str | None, unchecked: bool, data_dir: Path | None) -> None:
    """Let the live book trade with real money on ACCOUNT.

    First everything that this needs is checked and printed. Then the account's name must be typed; any other word
    changes nothing. It holds for new experiments, without a restart.
    """
    target = targets.find_one_target(data_dir)
    with open_database(target.data_dir) as (settings, database):
        results = list(live_checks.check_needs(settings, database, account, ask_venue=not unchecked))
        for result in results:
            click.echo(format_result(result))
        if not all(result.ok for result in results):
            raise click.ClickException("nothing was changed: something that going live needs is missing")
        _confirm(account, confirm)
        _switch_on(database, account, reason)
    click.echo(f"{account} is live: new entries of the book live of {target.name} go to its venue")


@click.command("paper")
@options.REASON
@click.option("--keep-open", is_flag=True, help="Also while real trades are open: they are followed and closed there.")
@switch.ONE_INSTANCE
def go_paper(*, reason: str, keep_open: bool, data_dir: Path | None) -> None:
    """Send no new entry of the live book to its venue.

    Once this has answered, no entry begins to be sent. Trades that are open at the venue are still followed and closed
    there. Refused while real trades are open, unless --keep-open.
    """
    target = targets.find_one_target(data_dir)
    with open_database(target.data_dir) as (_, database):
        try:
            outcome = live_trading.go_paper(database, keep_open=keep_open, audit=audit_context(reason))
        except TradesOpen as error:
            raise click.ClickException(
                f"{error}; {_HOW_TO_CLOSE}, or follow them to their end with --keep-open"
            ) from None
    if outcome["account"] is None:
        click.echo(f"the book live of {target.name} was not live; nothing was changed")
        return
    click.echo(
        f"live of {target.name}: {outcome['account']} is no longer live: no new entry goes to its venue;"
        f" {outcome['open_trades']} real trades are open there"
    )


def format_result(result: CheckResult) -> str:
    """Return a check's result as one line of output."""
    return f"{'ok ' if result.ok else 'BAD'}  {result.name:<22}{result.detail}"


def _confirm(account: str, typed: str | None) -> None:
    """Refuse to go on unless the account's name was typed."""
    prompt = f"From now on real money is traded. Type the account's name ({account}) to go live"
    word = typed if typed is not None else click.prompt(prompt, default="", show_default=False, err=True)
    if word != account:
        raise click.ClickException(f"nothing was changed: the account's name is {account}, not {word!r}")


def _switch_on(database: Database, account: str, reason: str) -> None:
    try:
        live_trading.go_live(database, account, audit=audit_context(reason))
    except TradesOpen as error:
        raise click.ClickException(f"nothing was changed: {error}; {_HOW_TO_CLOSE} first") from None
    except AccountDisabled:
        raise click.ClickException(f"nothing was changed: {account} was disabled meanwhile") from None
