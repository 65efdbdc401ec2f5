"""Closing real trades at present prices: those of a book that is to be flat, and those a person wants closed.

The own clocks of the model trades go on.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from db import exit_incidents, families, orders, trade_closings
from db.core.session import Session
from db.trade_closings import WantedClosing
from domain import exit_synchronization
from domain.context import PriceBasis, Quote
from domain.exit_synchronization import Family, PlacedOrder
from domain.exits import ExitReason
from domain.trade import PAPER_VENUE, ExitEvent, Pricing, RealVenue, Trade
from tasks import exit_settlement, order_submission
from tasks.parts import Parts

ALARM_AFTER_S = 60.0
_WHOLE = Decimal(1)


def flatten_book(parts: Parts, book: str, experiment_ids: Collection[UUID], *, now: datetime) -> None:
    """Close all that real trades of a book hold, at present quotes."""
    _close_real_trades(parts, book, experiment_ids, only=None, now=now)


def close_wanted_trades(parts: Parts) -> int:
    """Close the real trades whose closing was asked for, at present quotes; one without a price stays wanted.

    Returns the number of trades that were to be closed.
    """
    with parts.transaction() as session:
        wanted = trade_closings.list_wanted(session)
    for book in sorted({closing.book for closing in wanted}):
        closings = [closing for closing in wanted if closing.book == book]
        unpriced = _close_real_trades(
            parts,
            book,
            {closing.experiment_id for closing in closings},
            only={closing.trade_id for closing in closings},
            now=parts.clock.now(book),
        )
        late = [item for item in closings if item.trade_id in unpriced and item.waited_s >= ALARM_AFTER_S]
        if late:
            with parts.transaction() as session:
                _open_incidents(session, late)
    return len(wanted)


def _close_real_trades(
    parts: Parts, book: str, experiment_ids: Collection[UUID], *, only: Collection[UUID] | None, now: datetime
) -> set[UUID]:
    """Cancel the entries of experiments and close their real trades, or `only` some; return those without a price."""
    order_submission.cancel_entries(parts, book, experiment_ids, only=only)
    with parts.transaction() as session:
        reals = [
            trade
            for family in families.load(session, experiment_ids)
            for trade in family.reals
            if only is None or trade.trade_id in only
        ]
    quotes = {
        instrument: parts.market_data(book).quote(book, instrument, at=now).quote
        for instrument in {trade.instrument for trade in reals}
    }
    venue = parts.venue(book)
    unpriced = {trade.trade_id for trade in reals if not _has_price(quotes[trade.instrument], venue)}
    events = {
        trade.trade_id: _build_event(parts, trade, quotes[trade.instrument], now)
        for trade in reals
        if trade.trade_id not in unpriced
    }
    with parts.transaction() as session:
        for family in families.load(session, experiment_ids):
            for placed in _build_flattening_orders(family, events, venue):
                orders.record(session, [placed.order], state=placed.state)
    exit_settlement.send_owed_exits(parts, experiment_ids)
    return unpriced


def _has_price(quote: Quote, venue: RealVenue) -> bool:
    """Return whether an order can be filled: a venue has prices of its own, the paper venue needs the quote."""
    return venue.name != PAPER_VENUE or quote.is_usable


def _build_flattening_orders(
    family: Family, events: Mapping[UUID, ExitEvent], venue: RealVenue
) -> Iterable[PlacedOrder]:
    """Yield the orders that make the exits of the real trades of a family, by trade."""
    for real in (trade for trade in family.reals if trade.trade_id in events):
        yield from exit_synchronization.find_owed_flattening_exits(family, real, events[real.trade_id], venue=venue)


def _build_event(parts: Parts, real: Trade, quote: Quote, now: datetime) -> ExitEvent:
    """Build the exit that closes all of a real trade, at the present quote and rate."""
    return ExitEvent(
        at=max(now, real.entry_at),
        fraction=_WHOLE,
        is_final=True,
        reason=ExitReason.FLATTEN.value,
        pricing=Pricing.MARKET,
        bid=quote.bid,
        ask=quote.ask,
        last=quote.last,
        basis=quote.basis or PriceBasis.UNKNOWN,
        rate=parts.rates.find_for(real, at=now),
    )


def _open_incidents(session: Session, late: Collection[WantedClosing]) -> None:
    """Open an incident for each trade that a person wants closed and that has no price."""
    for closing in late:
        exit_incidents.open_about_trades(
            session,
            kind=exit_incidents.NOT_PRICED,
            subject=closing.trade_id,
            book=closing.book,
            real_ids=[closing.trade_id],
            source=closing.source,
            symbol=closing.symbol,
            why="it is to be closed by hand",
        )
