"""Operations that let the live book trade at a venue, or end that; and the state of live trading as a document."""

from __future__ import annotations

from typing import Any

from config.settings import Settings
from db import live
from db.core.session import Database
from db.live import LiveState
from domain.books import LIVE_BOOK
from domain.trade import PAPER_VENUE
from operations.audit_entry import AuditContext


def go_live(database: Database, account: str, *, audit: AuditContext) -> dict[str, Any]:
    """Let new entries of the live book go to the venue of an account; return the new state.

    Raises:
        db.accounts.AccountUnknown; db.live.AccountDisabled; db.live.TradesOpen: when real trades are open on another
        account.
    """
    with database.transaction() as session:
        live.switch_on(session, account, actor=audit.actor, reason=audit.reason)
        audit.write_entry(session, "policy.live", LIVE_BOOK, account=account)
        return document(live.load_state(session))


def go_paper(database: Database, *, keep_open: bool, audit: AuditContext) -> dict[str, Any]:
    """Let no new entry of the live book go to a venue; once this has returned, none begins to be sent.

    Returns:
        `account`: the one that was live until now, None when none was and nothing changed. `open_trades`: how many real
        trades are still open at the venue, where they are followed and closed.

    Raises:
        db.live.TradesOpen: while real trades are open there, unless `keep_open`.
    """
    with database.transaction() as session:
        account = live.load_state(session).account
        if account is not None:
            live.switch_off(session, actor=audit.actor, reason=audit.reason, keep_open=keep_open)
            audit.write_entry(session, "policy.paper", LIVE_BOOK, account=account, keep_open=keep_open)
        return {"account": account, "open_trades": live.count_open_trades(session)}


def document(state: LiveState) -> dict[str, Any]:
    """Return the state of live trading: the live account (None when off), and who set it last, why and when."""
    at = state.at.isoformat() if state.at is not None else None
    return {"account": state.account, "set_by": state.actor, "reason": state.reason, "at": at}


def describe_state(state: LiveState, settings: Settings) -> str:
    """Return in one line where real entries of the live book go."""
    if settings.broker == PAPER_VENUE:
        return "off: BROKER is paper, so its real trades go to the built-in paper broker"
    if state.account is None:
        return f"off: no entry goes to {settings.broker} before `orchestrator policy live ACCOUNT`"
    return f"on: account {state.account} at {settings.broker}, since {state.at:%Y-%m-%d %H:%M} UTC by {state.actor}"
