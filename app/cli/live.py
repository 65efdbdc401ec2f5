"""`orchestrator policy live` and `policy paper`: letting the live book trade at a venue, and ending that."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from app.cli import opened
from app.cli.findings import Finding
from config.settings import Settings
from db import accounts, audit, live, policies, sources
from db.accounts import AccountUnknown, StoredAccount
from db.core.session import Database, Session
from db.live import AccountDisabled, LiveState, TradesOpen
from domain.books import LIVE_BOOK
from domain.ports import VenueUnavailable
from domain.trade import PAPER_VENUE
from tasks import pipeline

_REASON = click.option("--reason", required=True, help="Why; it is kept with the change.")
_DATA_DIR = click.option("--data-dir", type=click.Path(path_type=Path), help="The instance (default: the last one).")
_OTHERS = "close them with `orchestrator policy flatten --book live`"


@click.command("live")
@click.argument("account")
@_REASON
@click.option("--confirm", metavar="NAME", help="The account's name once more, for scripts; else it is asked for.")
@click.option("--unchecked", is_flag=True, help="Do not ask the venue whether it answers.")
@_DATA_DIR
def go(*, account: str, reason: str, confirm: str | None, unchecked: bool, data_dir: Path | None) -> None:
    """Let the live book trade with real money on ACCOUNT, once everything that this needs is there.

    Each need is checked and told. Then the account's name must be typed; a wrong word changes nothing. It holds for new
    experiments, without a restart.
    """
    with opened(data_dir) as (settings, database):
        findings = list(_needs(settings, database, account, unchecked=unchecked))
        for one in findings:
            click.echo(one.line)
        if not all(one.ok for one in findings):
            raise click.ClickException("nothing was changed: something that going live needs is missing")
        _require_word(account, confirm)
        _switch_on(database, account, reason)
    click.echo(f"{account} is live: new entries of the book live go to its venue")


@click.command("paper")
@_REASON
@click.option("--keep-open", is_flag=True, help="Also while real trades are open: they are followed and closed there.")
@_DATA_DIR
def leave(*, reason: str, keep_open: bool, data_dir: Path | None) -> None:
    """Let no new entry of the live book go to its venue; what is open there is still followed and closed there.

    Once this has answered, no entry begins to be sent. Refused while real trades are open, unless --keep-open.
    """
    with opened(data_dir) as (_, database):
        try:
            was, left = _switch_off(database, reason, keep_open=keep_open)
        except TradesOpen as error:
            raise click.ClickException(f"{error}; {_OTHERS}, or follow them to their end with --keep-open") from None
    if was is None:
        click.echo("the book live was not live; nothing was changed")
        return
    click.echo(f"{was} is no longer live: no new entry goes to its venue; {left} real trades are open there")


def described(state: LiveState, settings: Settings) -> str:
    """Say in one line where real entries of the live book go."""
    if settings.broker == PAPER_VENUE:
        return "off: BROKER is paper, so its real trades go to the built-in paper broker"
    if state.account is None:
        return f"off: no entry goes to {settings.broker} before `orchestrator policy live ACCOUNT`"
    return f"on: account {state.account} at {settings.broker}, since {state.at:%Y-%m-%d %H:%M} UTC by {state.actor}"


def document(state: LiveState) -> dict[str, Any]:
    """Return the account that is live, if any, and who said so last, why and when."""
    at = state.at.isoformat() if state.at is not None else None
    return {"account": state.account, "set_by": state.actor, "reason": state.reason, "at": at}


def finding(session: Session, settings: Settings) -> Finding:
    """Return whether live trading is on, and whether what is on can work here."""
    state = live.load_state(session)
    told = described(state, settings)
    if state.account is None or settings.broker == PAPER_VENUE:
        return Finding(name="live trading", ok=True, detail=told)
    try:
        pipeline.open_account(settings, accounts.by_name(session, state.account))
    except pipeline.AccountUnusable as error:
        return Finding(name="live trading", ok=False, detail=f"{told}; {error}")
    return Finding(name="live trading", ok=True, detail=told)


def _needs(settings: Settings, database: Database, name: str, *, unchecked: bool) -> Iterator[Finding]:
    with database.transaction() as session:
        found = _account(session, name)
        posting = [one.source.name for one in sources.list_all(session) if one.source.book == LIVE_BOOK and one.enabled]
        rule = policies.load_current(session, [LIVE_BOOK]).get(LIVE_BOOK)
    yield _secret_key(settings)
    yield _exists(found, name)
    yield _venue(settings, found)
    yield Finding(
        name="source",
        ok=bool(posting),
        detail=", ".join(posting) or "none posts to the book live: `orchestrator sources add NAME --book live`",
    )
    yield Finding(
        name="policy",
        ok=rule is not None,
        detail=f"{rule.label}: {rule.mode.value}, switch {rule.switch.value}" if rule else "none; start `up` once",
    )
    if unchecked:
        yield Finding(name="answer", ok=True, detail="not asked for (--unchecked)")
    elif found is not None:
        yield _answer(settings, found)


def _account(session: Session, name: str) -> StoredAccount | None:
    try:
        return accounts.by_name(session, name)
    except AccountUnknown:
        return None


def _secret_key(settings: Settings) -> Finding:
    if settings.sources.get("SECRET_KEY") == "environment":
        return Finding(name="SECRET_KEY", ok=True, detail="comes from the environment")
    return Finding(
        name="SECRET_KEY",
        ok=False,
        detail="is not set in the environment; a generated one lies beside the data that it protects",
    )


def _exists(found: StoredAccount | None, name: str) -> Finding:
    if found is None:
        told = f"there is none named {name!r}; `orchestrator accounts list` shows those there are"
        return Finding(name="account", ok=False, detail=told)
    return Finding(name="account", ok=found.enabled, detail=f"{name}, {'enabled' if found.enabled else 'disabled'}")


def _venue(settings: Settings, found: StoredAccount | None) -> Finding:
    at = f", reached at {settings.venue_url} (VENUE_URL)" if settings.venue_url else ""
    is_there = found is not None and found.venue == settings.broker
    differs = f", and the account is at {found.venue}" if found is not None and not is_there else ""
    return Finding(name="venue", ok=is_there, detail=f"BROKER is {settings.broker}{at}{differs}")


def _answer(settings: Settings, account: StoredAccount) -> Finding:
    """Ask the venue what the account holds: a question that changes nothing, and that has an end."""
    try:
        held = pipeline.open_account(settings, account).positions()
    except VenueUnavailable as error:
        return Finding(name="answer", ok=False, detail=str(error))
    return Finding(name="answer", ok=True, detail=f"the venue answers, and shows holdings in {len(held)} symbols")


def _require_word(account: str, confirm: str | None) -> None:
    asked = f"From now on real money is traded. Type the account's name ({account}) to go live"
    word = confirm if confirm is not None else click.prompt(asked, default="", show_default=False, err=True)
    if word != account:
        raise click.ClickException(f"nothing was changed: the account's name is {account}, not {word!r}")


def _switch_on(database: Database, account: str, reason: str) -> None:
    try:
        with database.transaction() as session:
            live.switch_on(session, account, actor=getpass.getuser(), reason=reason)
            _note(session, "policy.live", reason, {"account": account})
    except TradesOpen as error:
        raise click.ClickException(f"nothing was changed: {error}; {_OTHERS} first") from None
    except AccountDisabled:
        raise click.ClickException(f"nothing was changed: {account} was disabled meanwhile") from None


def _switch_off(database: Database, reason: str, *, keep_open: bool) -> tuple[str | None, int]:
    with database.transaction() as session:
        was = live.load_state(session).account
        if was is not None:
            live.switch_off(session, actor=getpass.getuser(), reason=reason, keep_open=keep_open)
            _note(session, "policy.paper", reason, {"account": was, "keep_open": keep_open})
        return was, live.count_open_trades(session)


def _note(session: Session, action: str, reason: str, detail: dict[str, Any]) -> None:
    audit.append(
        session,
        actor=getpass.getuser(),
        action=action,
        subject=LIVE_BOOK,
        reason=reason,
        detail=detail,
        at=datetime.now(UTC),
    )
