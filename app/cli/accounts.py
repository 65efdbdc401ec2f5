"""`orchestrator accounts`: the accounts at venues that the live book may trade on."""

from __future__ import annotations

import getpass
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from app.cli import CommandError, options
from app.cli.database import open_database
from app.cli.operator import audit_context
from config import parsers
from config.settings import Settings
from config.vault import AccountVault
from db.accounts import AccountExists, AccountUnknown
from db.live import AccountInUse, TradesOpen
from operations import accounts
from operations.accounts import AccountNameRefused, SecretKeyNotGiven
from venues import catalogue, loader


@click.group()
def command() -> None:
    """Manage the accounts at venues.

    `orchestrator policy live` lets the live book trade on one of them.
    """


@command.command()
@click.argument("name")
@click.option("--venue", required=True, help="Where it is: alpaca, alpaca:paper or ccxt:<id>, as in BROKER.")
@click.option("--keys-stdin", is_flag=True, help="Read the key and the secret from two lines of standard input.")
@click.option("--from-environment", is_flag=True, help="Store no keys: use BROKER_KEY and BROKER_SECRET.")
@options.DATA_DIR
def add(*, name: str, venue: str, keys_stdin: bool, from_environment: bool, data_dir: Path | None) -> None:
    """Add the account NAME.

    Its key and secret are asked for on the terminal, and stored encrypted under SECRET_KEY.
    """
    if keys_stdin and from_environment:
        raise CommandError("--keys-stdin and --from-environment: give at most one of them")
    _require_name(name)
    loader.check_venue("--venue", parsers.venue_named(*catalogue.account_venue_names())("--venue", venue))
    with open_database(data_dir) as (settings, database):
        vault = _open_vault(settings)
        keys = None if from_environment else accounts.seal_keys(vault, _read_keys(from_stdin=keys_stdin))
        try:
            with database.transaction() as session:
                accounts.add(session, name, venue=venue, keys=keys, settings=settings, audit=audit_context())
        except AccountExists:
            raise CommandError(f"there is an account named {name!r} already; choose another name") from None
    click.echo(
        f"{name}: an account at {venue}; `orchestrator policy live {name} --reason ...` lets the live book trade on it"
    )


@command.command("list")
@options.JSON
@options.DATA_DIR
def list_(*, as_json: bool, data_dir: Path | None) -> None:
    """List the accounts.

    Of a key only the last four characters are shown, and none of a short one.
    """
    with open_database(data_dir) as (settings, database), database.transaction() as session:
        documents = accounts.list_accounts(session, settings)
    if as_json:
        click.echo(json.dumps(documents, indent=2))
        return
    if not documents:
        click.echo("there is no account yet; `orchestrator accounts add` adds one", err=True)
    for account in documents:
        click.echo(_format_line(account))


@command.command()
@click.argument("name")
@options.DATA_DIR
def disable(*, name: str, data_dir: Path | None) -> None:
    """Use the account NAME for nothing from now on.

    Refused while the live book trades on it, and while real trades are open on it.
    """
    with open_database(data_dir) as (settings, database):
        try:
            with database.transaction() as session:
                accounts.disable(session, name, settings=settings, audit=audit_context())
        except AccountUnknown:
            raise CommandError(
                f"there is no account named {name!r}; `orchestrator accounts list` lists the accounts"
            ) from None
        except AccountInUse:
            raise click.ClickException(f"{name} is live; `orchestrator policy paper --reason ...` ends that") from None
        except TradesOpen as error:
            raise click.ClickException(f"{error}; its keys are needed to follow and close them") from None
    click.echo(f"{name}: disabled")


def _require_name(name: str) -> None:
    try:
        accounts.require_name(name)
    except AccountNameRefused as refused:
        raise CommandError(f"NAME={name!r}: {refused}") from None


def _open_vault(settings: Settings) -> AccountVault:
    try:
        return accounts.open_vault(settings)
    except SecretKeyNotGiven as error:
        raise CommandError(str(error)) from None


def _read_keys(*, from_stdin: bool) -> Sequence[str]:
    return _read_keys_from_stdin() if from_stdin else _ask_for_keys()


def _read_keys_from_stdin() -> Sequence[str]:
    lines = [stripped for line in sys.stdin.read(4096).splitlines() if (stripped := line.strip())]
    if len(lines) != 2:
        raise CommandError(
            f"--keys-stdin: two lines are needed, the key and then the secret, and there were {len(lines)}"
        )
    return lines


def _ask_for_keys() -> Sequence[str]:
    if not sys.stdin.isatty():
        raise CommandError(
            "the key and the secret are asked for on a terminal; without one, give two lines with --keys-stdin"
        )
    return [getpass.getpass(f"{label}: ", stream=sys.stderr).strip() for label in ("API key", "API secret")]


def _format_line(account: dict[str, Any]) -> str:
    state = "enabled" if account["enabled"] else "disabled"
    book = f"book {account['book']}" if account["book"] else ""
    return (
        f"{account['name']:<20} {account['venue']:<16} {account['added_at'][:10]}  {state:<8} key {account['key']:<20}"
        f" {book}".rstrip()
    )
