"""`orchestrator accounts`: the accounts at venues that the live book may trade on."""

from __future__ import annotations

import getpass
import json
import re
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
from cryptography.fernet import InvalidToken

from app.cli import Problem, opened
from config import parsers
from config.settings import Settings
from config.values import Secret
from config.vault import AccountVault
from db import accounts, audit, live
from db.accounts import AccountExists, AccountUnknown, SealedKeys, StoredAccount
from db.core.session import Session
from db.live import AccountInUse, TradesOpen
from domain.books import LIVE_BOOK
from venues import catalogue, loader

_SHOWN, _LONG_ENOUGH = 4, 12
_DATA_DIR = click.option("--data-dir", type=click.Path(path_type=Path), help="The instance (default: the last one).")


@click.group()
def command() -> None:
    """Manage the accounts at venues; `orchestrator policy live` lets the live book trade on one."""


@command.command()
@click.argument("name")
@click.option("--venue", required=True, help="Where it is: alpaca, alpaca:paper or ccxt:<id>, as BROKER says it.")
@click.option("--keys-stdin", is_flag=True, help="Read the key and the secret from two lines of standard input.")
@click.option("--from-environment", is_flag=True, help="Store no keys: BROKER_KEY and BROKER_SECRET are its keys.")
@_DATA_DIR
def add(*, name: str, venue: str, keys_stdin: bool, from_environment: bool, data_dir: Path | None) -> None:
    """Add the account NAME; its key and secret are asked for on the terminal, and kept encrypted under SECRET_KEY."""
    if keys_stdin and from_environment:
        raise Problem("--keys-stdin and --from-environment: at most one of them")
    _require_name(name)
    loader.check_venue("--venue", parsers.venue_named(*catalogue.account_venue_names())("--venue", venue))
    with opened(data_dir) as (settings, database):
        vault = vault_of(settings)
        keys = None if from_environment else _sealed(vault, _told() if keys_stdin else _asked())
        with database.transaction() as session:
            _add(session, name, venue=venue, keys=keys)
    click.echo(
        f"{name}: an account at {venue}; `orchestrator policy live {name} --reason ...` lets the live book trade on it"
    )


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
@_DATA_DIR
def list_(*, as_json: bool, data_dir: Path | None) -> None:
    """List the accounts; of a key only its last four characters are shown, and those of a long one only."""
    with opened(data_dir) as (settings, database), database.transaction() as session:
        found, is_live = accounts.list_all(session), live.load_state(session).account
    documents = [_described(one, settings, is_live=one.name == is_live) for one in found]
    if as_json:
        click.echo(json.dumps(documents, indent=2))
        return
    if not documents:
        click.echo("there is no account yet; `orchestrator accounts add` adds one", err=True)
    for one in documents:
        state = "enabled" if one["enabled"] else "disabled"
        click.echo(
            f"{one['name']:<20} {one['venue']:<16} {one['added_at'][:10]}  {state:<8} key {one['key']:<20}"
            f" {'book ' + one['book'] if one['book'] else ''}".rstrip()
        )


@command.command()
@click.argument("name")
@_DATA_DIR
def disable(*, name: str, data_dir: Path | None) -> None:
    """Use the account NAME for nothing from now on; refused while it is live, or while real trades are open on it."""
    with opened(data_dir) as (_, database):
        try:
            with database.transaction() as session:
                live.disable_account(session, name)
                _note(session, "accounts.disabled", name, {})
        except AccountUnknown:
            raise unknown(name) from None
        except AccountInUse:
            raise click.ClickException(f"{name} is live; `orchestrator policy paper --reason ...` ends that") from None
        except TradesOpen as error:
            raise click.ClickException(f"{error}; they are followed and closed with its keys") from None
    click.echo(f"{name}: disabled")


def vault_of(settings: Settings) -> AccountVault:
    """Return the vault for keys of accounts.

    Raises:
        Problem: when the environment does not give SECRET_KEY.
    """
    if settings.sources.get("SECRET_KEY") != "environment" or settings.secret_key is None:
        raise Problem(
            "SECRET_KEY is not set in the environment. The keys of accounts are encrypted under it, and the one that is"
            " generated lies in the data directory beside them: whoever got one would have both. Set SECRET_KEY for"
            " every process, to at least 16 characters that are kept elsewhere"
        )
    return AccountVault(settings.secret_key)


def unknown(name: str) -> Problem:
    """Return what is said when there is no account of a name."""
    return Problem(f"there is no account named {name!r}; `orchestrator accounts list` shows those there are")


def _require_name(name: str) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]{0,39}", name):
        raise Problem(
            f"NAME={name!r}: at most 40 letters, digits, dots, dashes and underscores, a letter or digit first"
        )


def _add(session: Session, name: str, *, venue: str, keys: SealedKeys | None) -> None:
    try:
        accounts.add(session, name, venue=venue, keys=keys)
    except AccountExists:
        raise Problem(f"there is an account named {name!r} already; choose another name") from None
    _note(session, "accounts.added", name, {"venue": venue, "keys": "stored" if keys else "of the environment"})


def _note(session: Session, action: str, name: str, detail: dict[str, Any]) -> None:
    audit.append(
        session, actor=getpass.getuser(), action=action, subject=name, reason="", detail=detail, at=datetime.now(UTC)
    )


def _told() -> Sequence[str]:
    lines = [one.strip() for one in sys.stdin.read(4096).splitlines() if one.strip()]
    if len(lines) != 2:
        raise Problem(f"--keys-stdin: two lines are needed, the key and then the secret, and there were {len(lines)}")
    return lines


def _asked() -> Sequence[str]:
    if not sys.stdin.isatty():
        raise Problem("the key and the secret are asked for on a terminal; elsewhere give two lines with --keys-stdin")
    return [getpass.getpass(f"{what}: ", stream=sys.stderr).strip() for what in ("API key", "API secret")]


def _sealed(vault: AccountVault, given: Sequence[str]) -> SealedKeys:
    take = parsers.secret_of_at_least(1)
    key, secret = (take(name, value).reveal() for name, value in zip(("key", "secret"), given, strict=True))
    return SealedKeys(key=vault.seal(key), secret=vault.seal(secret))


def _described(account: StoredAccount, settings: Settings, *, is_live: bool) -> dict[str, Any]:
    return {
        "name": account.name,
        "venue": account.venue,
        "added_at": account.created_at.isoformat(),
        "enabled": account.enabled,
        "key": _hint(account, settings),
        "book": LIVE_BOOK if is_live else None,
    }


def _hint(account: StoredAccount, settings: Settings) -> str:
    if account.keys is None:
        return _end_of(settings.broker_key) if settings.broker_key else "of the environment"
    try:
        return _end_of(Secret(hidden=AccountVault(settings.secret_key or "").open(account.keys.key)))
    except InvalidToken:
        return "under another SECRET_KEY"


def _end_of(key: Secret) -> str:
    value = key.reveal()
    return f"…{value[-_SHOWN:]}" if len(value) >= _LONG_ENOUGH else "…"
