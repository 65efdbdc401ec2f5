"""Live trading: the account on which the live book trades at a venue, if any, and the history of its changes.

A change and the begin of an order's submission exclude each other by the lock of the book's policy, and a submission
reads the state again under it. So no entry begins after live trading was switched off.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from db import accounts, policies
from db.accounts import StoredAccount
from db.core import states
from domain.books import LIVE_BOOK

_NEWEST = text("SELECT account, actor, reason, at FROM live_switches ORDER BY switch_id DESC LIMIT 1")
_LAST_USED = text("""
    SELECT coalesce((SELECT live_account FROM books WHERE book = 'live'), (
        SELECT account FROM live_switches WHERE account IS NOT NULL ORDER BY switch_id DESC LIMIT 1))
""")
_SET = text("""
    WITH noted AS (INSERT INTO live_switches (account, actor, reason) VALUES (:account, :actor, :reason))
    UPDATE books SET live_account = :account WHERE book = 'live'
""")


class AccountDisabled(ValueError):
    """The account is disabled and cannot be used."""


class AccountInUse(ValueError):
    """The live book trades on the account."""


class TradesOpen(ValueError):
    """Real trades are open on the account, so it cannot be changed, switched off or disabled."""

    def __init__(self, account: str, count: int) -> None:
        super().__init__(f"{count} real trades are open on {account}")
        self.account = account
        self.count = count


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveState:
    """The live account (None when live trading is off), and who changed it last, why and when."""

    account: str | None
    actor: str | None = None
    reason: str | None = None
    at: datetime | None = None


def load_state(session: Session) -> LiveState:
    """Return the present state of live trading, with its last change."""
    row = session.execute(_NEWEST).mappings().one_or_none()
    return LiveState(account=None) if row is None else LiveState(**row)


def is_enabled(session: Session) -> bool:
    """Return whether entries of the live book may be sent to a venue."""
    query = text("SELECT live_account IS NOT NULL FROM books WHERE book = 'live'")
    return bool(session.execute(query).scalar_one_or_none())


def load_account(session: Session) -> StoredAccount | None:
    """Return the account that the live book's orders belong to: the live account, else the last one that was live.

    Trades that are still open there are followed and closed even after live trading was switched off. None when no
    account was ever live, or when the last one is disabled.
    """
    name = session.execute(_LAST_USED).scalar_one_or_none()
    account = accounts.by_name(session, name) if name is not None else None
    return account if account is not None and account.enabled else None


def count_open_trades(session: Session) -> int:
    """Count the real trades that are pending or open at a venue."""
    return sum(count_open_trades_by_venue(session).values())


def count_open_trades_by_venue(session: Session) -> dict[str, int]:
    """Return the number of real trades that are pending or open, by venue."""
    query = text(f"""
        SELECT venue, count(DISTINCT trade_id) AS trades FROM trades JOIN orders USING (trade_id)
        WHERE trades.book = 'live' AND NOT is_shadow AND status IN {states.UNFINISHED_TRADES}
          AND venue NOT IN ('model', 'paper')
        GROUP BY venue
    """)
    return {row.venue: row.trades for row in session.execute(query)}


def switch_on(session: Session, name: str, *, actor: str, reason: str) -> None:
    """Let the live book trade on an account.

    Raises:
        AccountUnknown, AccountDisabled: when it cannot be used; TradesOpen: when trades are open on another one.
    """
    policies.lock(session, LIVE_BOOK)
    if not accounts.by_name(session, name).enabled:
        raise AccountDisabled(name)
    last = session.execute(_LAST_USED).scalar_one_or_none()
    if last not in (None, name):
        _require_no_open_trades(session, str(last))
    session.execute(_SET, {"account": name, "actor": actor, "reason": reason})


def switch_off(session: Session, *, actor: str, reason: str, keep_open: bool) -> None:
    """Switch live trading off: once this is committed, no entry of the live book begins at a venue.

    Raises:
        TradesOpen: when real trades are open there, unless `keep_open`.
    """
    policies.lock(session, LIVE_BOOK)
    last = session.execute(_LAST_USED).scalar_one_or_none()
    if not keep_open:
        _require_no_open_trades(session, str(last))
    session.execute(_SET, {"account": None, "actor": actor, "reason": reason})


def disable_account(session: Session, name: str) -> None:
    """Disable an account that is not live and has no open trades.

    Raises:
        AccountUnknown: when there is none; AccountInUse: while it is live; TradesOpen: while trades are open on it.
    """
    policies.lock(session, LIVE_BOOK)
    if load_state(session).account == name:
        raise AccountInUse(name)
    if session.execute(_LAST_USED).scalar_one_or_none() == name:
        _require_no_open_trades(session, name)
    accounts.disable(session, name)


def _require_no_open_trades(session: Session, last: str) -> None:
    """Raise TradesOpen, naming the last live account, while real trades are open at a venue."""
    count = count_open_trades(session)
    if count:
        raise TradesOpen(last, count)
