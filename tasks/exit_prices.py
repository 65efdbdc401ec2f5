"""The price at which an alert closes trades: the first from its arrival on, and how long it waits for that one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TypeAlias
from uuid import UUID

from domain import trading_hours
from domain.books import is_replay_book
from domain.context import Quote
from domain.market_prices import AlertPrice, FillRequest
from domain.signal import Instrument
from domain.trade import PAPER_VENUE, Trade
from tasks import entry_prices
from tasks.parts import Parts

Market: TypeAlias = tuple[str, Instrument, str | None]  # book, instrument, name of its calendar


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedExit:
    """The exit of model trades at the first price at or after the time of its alert.

    `alert` is the price in the alert; nothing that became known after `until` is used.
    """

    trade_ids: tuple[UUID, ...]
    at: datetime
    until: datetime
    is_opposite: bool
    alert: AlertPrice | None = None


def find_market(trade: Trade, calendars: Mapping[UUID, str | None]) -> Market:
    """Return the book, instrument and calendar by which a trade's exit is priced."""
    return trade.book, trade.instrument, calendars.get(trade.trade_id)


def find_quote(parts: Parts, market: Market, wanted: WantedExit) -> Quote | None:
    """Return the first price from the alert's arrival on; where none is known yet, the last one known before.

    A position that somebody wants closed does not wait for the next bar of a market that runs. In a replay it does: the
    next open is known there, and no alert may be filled at a price from before it. So it does while a market is closed.
    """
    book, instrument, calendar = market
    request = FillRequest(
        book=book,
        instrument=instrument,
        at=wanted.at,
        until=wanted.until,
        alert=wanted.alert,
        calendar=calendar,
    )
    (quote,) = entry_prices.request_quotes(parts, [request])
    if quote is not None or is_replay_book(book) or _waits_for_opening(parts, market, wanted):
        return quote
    last_known = parts.market_data(book).quote(book, instrument, at=wanted.until).quote
    return last_known if last_known.is_usable else None


def _waits_for_opening(parts: Parts, market: Market, wanted: WantedExit) -> bool:
    """Return whether an exit came out of session, and its paper book may still see the next session's first price.

    A real venue gets the order at its opening, whatever price is known here by then.
    """
    book, instrument, calendar = market
    if parts.venue(book).name != PAPER_VENUE:
        return False
    if trading_hours.is_in_session(instrument, wanted.at, calendar=calendar):
        return False
    return wanted.until <= trading_hours.compute_fill_deadline(instrument, wanted.at, calendar=calendar)
