"""Checks of live trading: everything that going live needs, and whether the account that is live can be used."""

from __future__ import annotations

from collections.abc import Iterator

from config.settings import Settings
from db import accounts, live, policies, sources
from db.accounts import AccountUnknown, StoredAccount
from db.core.session import Database, Session
from domain.books import LIVE_BOOK
from domain.policy import PolicyVersion
from domain.ports import VenueUnavailable
from domain.trade import PAPER_VENUE
from operations import live_trading, netting
from operations.check_result import CheckResult
from tasks import pipeline


def check_needs(settings: Settings, database: Database, name: str, *, ask_venue: bool) -> Iterator[CheckResult]:
    """Check everything that going live on an account needs; with `ask_venue` also that the venue answers."""
    with database.transaction() as session:
        account = _find_account(session, name)
        sending = [
            stored.source.name
            for stored in sources.list_all(session)
            if stored.source.book == LIVE_BOOK and stored.enabled
        ]
        version = policies.load_current(session, [LIVE_BOOK]).get(LIVE_BOOK)
        netting_detail = netting.describe_shared_symbols(session)
    yield _check_secret_key(settings)
    yield _check_account(account, name)
    yield _check_venue(settings, account)
    yield _check_sources(sending)
    yield CheckResult(name="netting", ok=True, detail=netting_detail)
    yield _check_policy(version)
    if not ask_venue:
        yield CheckResult(name="answer", ok=True, detail="not asked for (--unchecked)")
    elif account is not None:
        yield _check_answer(settings, account)


def check_live_trading(session: Session, settings: Settings) -> CheckResult:
    """Check that the account on which live trading is on, if any, can be used by this process."""
    state = live.load_state(session)
    description = live_trading.describe_state(state, settings)
    if state.account is None or settings.broker == PAPER_VENUE:
        return CheckResult(name="live trading", ok=True, detail=description)
    try:
        pipeline.open_account(settings, accounts.by_name(session, state.account))
    except pipeline.AccountUnusable as error:
        return CheckResult(name="live trading", ok=False, detail=f"{description}; {error}")
    return CheckResult(name="live trading", ok=True, detail=description)


def _find_account(session: Session, name: str) -> StoredAccount | None:
    try:
        return accounts.by_name(session, name)
    except AccountUnknown:
        return None


def _check_secret_key(settings: Settings) -> CheckResult:
    if settings.sources.get("SECRET_KEY") == "environment":
        return CheckResult(name="SECRET_KEY", ok=True, detail="comes from the environment")
    return CheckResult(
        name="SECRET_KEY",
        ok=False,
        detail="is not set in the environment; a generated one lies beside the data that it protects",
    )


def _check_account(account: StoredAccount | None, name: str) -> CheckResult:
    if account is None:
        detail = f"there is none named {name!r}; `orchestrator accounts list` lists the accounts"
        return CheckResult(name="account", ok=False, detail=detail)
    state = "enabled" if account.enabled else "disabled"
    return CheckResult(name="account", ok=account.enabled, detail=f"{name}, {state}")


def _check_venue(settings: Settings, account: StoredAccount | None) -> CheckResult:
    """Check that the account is at the venue that BROKER names."""
    is_same = account is not None and account.venue == settings.broker
    url = f", reached at {settings.venue_url} (VENUE_URL)" if settings.venue_url else ""
    difference = f", and the account is at {account.venue}" if account is not None and not is_same else ""
    return CheckResult(name="venue", ok=is_same, detail=f"BROKER is {settings.broker}{url}{difference}")


def _check_sources(names: list[str]) -> CheckResult:
    missing = "none posts to the book live: `orchestrator sources add NAME --book live`"
    return CheckResult(name="source", ok=bool(names), detail=", ".join(names) or missing)


def _check_policy(version: PolicyVersion | None) -> CheckResult:
    if version is None:
        return CheckResult(name="policy", ok=False, detail="none; start `orchestrator up` once")
    detail = f"{version.label}: {version.mode.value}, switch {version.switch.value}"
    return CheckResult(name="policy", ok=True, detail=detail)


def _check_answer(settings: Settings, account: StoredAccount) -> CheckResult:
    """Ask the venue for the account's positions: a request that changes nothing and that has a timeout."""
    try:
        positions = pipeline.open_account(settings, account).positions()
    except VenueUnavailable as error:
        return CheckResult(name="answer", ok=False, detail=str(error))
    return CheckResult(
        name="answer", ok=True, detail=f"the venue answers, and shows holdings in {len(positions)} symbols"
    )
