"""Going live: on which account the live book trades at a venue, if on any, and every change of that.

A change waits for whoever begins an order, and whoever begins one reads it again: both hold the lock of the policy.
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
    """The account was disabled, and may not be used."""


class AccountInUse(ValueError):
    """The live book trades on the account."""


class TradesOpen(ValueError):
    """Real trades are open at the venue, on an account that is not to be left now."""

    def __init__(self, account: str, count: int) -> None:
        super().__init__(f"{count} real trades are open on {account}")
        self.account = account
        self.count = count


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveState:
    """The account that is live (None: none is), and who said so last, why and when."""

    account: str | None
    actor: str | None = None
    reason: str | None = None
    at: datetime | None = None


def load_state(session: Session) -> LiveState:
    """Return whether the live book trades at a venue, and on which account."""
    row = session.execute(_NEWEST).mappings().one_or_none()
    return LiveState(account=None) if row is None else LiveState(**row)


def is_enabled(session: Session) -> bool:
    """Say whether entries of the live book may go to a venue."""
    query = text("SELECT live_account IS NOT NULL FROM books WHERE book = 'live'")
    return bool(session.execute(query).scalar_one_or_none())


def load_account(session: Session) -> StoredAccount | None:
    """Return the account that the live book's orders belong to: the live one, else the last that was.

    What is open there is followed and closed after the switch, too. None when no account ever was live, or when the
    last one was disabled.
    """
    name = session.execute(_LAST_USED).scalar_one_or_none()
    found = accounts.by_name(session, name) if name is not None else None
    return found if found is not None and found.enabled else None


def count_open_trades(session: Session) -> int:
    """Count the real trades that are pending or open at a venue."""
    return sum(count_open_trades_by_venue(session).values())


def count_open_trades_by_venue(session: Session) -> dict[str, int]:
    """Count the real trades that are pending or open at each venue, by what orders call it."""
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
        AccountUnknown, AccountDisabled: when it may not be used; TradesOpen: when trades are open on another one.
    """
    policies.lock(session, LIVE_BOOK)
    if not accounts.by_name(session, name).enabled:
        raise AccountDisabled(name)
    last = session.execute(_LAST_USED).scalar_one_or_none()
    if last not in (None, name):
        _require_none_open(session, str(last))
    session.execute(_SET, {"account": name, "actor": actor, "reason": reason})


def switch_off(session: Session, *, actor: str, reason: str, keep_open: bool) -> None:
    """Let no entry of the live book begin at a venue: once this is committed, none does.

    Raises:
        TradesOpen: when real trades are open there, unless they are to be kept open.
    """
    policies.lock(session, LIVE_BOOK)
    last = session.execute(_LAST_USED).scalar_one_or_none()
    if not keep_open:
        _require_none_open(session, str(last))
    session.execute(_SET, {"account": None, "actor": actor, "reason": reason})


def disable_account(session: Session, name: str) -> None:
    """Disable an account that nothing depends on.

    Raises:
        AccountUnknown: when there is none; AccountInUse: while it is live; TradesOpen: while trades are open on it.
    """
    policies.lock(session, LIVE_BOOK)
    if load_state(session).account == name:
        raise AccountInUse(name)
    if session.execute(_LAST_USED).scalar_one_or_none() == name:
        _require_none_open(session, name)
    accounts.disable(session, name)


def _require_none_open(session: Session, last: str) -> None:
    count = count_open_trades(session)
    if count:
        raise TradesOpen(last, count)
