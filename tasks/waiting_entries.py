"""Entries that wait for a price: filled at the open of the next bar, or denied when none came or an exit did first."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

import structlog

from db import orders, outcomes, trades, waiting_trades
from db.core.session import Session
from db.dispatches import Closing
from domain import delayed_entries
from domain.context import Quote
from domain.decision import EngineSlot
from domain.market_prices import FillRequest
from domain.risk import Denial
from domain.trade import Trade
from domain.trade_opening import Opening
from tasks import entry_prices, opening_orders, order_submission
from tasks.parts import Parts

EngineSide = tuple[UUID, EngineSlot]
log = structlog.get_logger()


def settle_waiting_entries(parts: Parts, book: str, *, until: datetime, at_end: bool = False) -> None:
    """Fill the waiting entries of a book for which a price has come by `until`, and deny those whose time is over.

    With `at_end`, as at the end of a replay's data, those that still wait are denied.
    """
    with parts.transaction() as session:
        waiting = waiting_trades.load_models(session, book)
        unsent_ids = waiting_trades.list_unsent_orders(session, book)
    order_submission.submit(parts, unsent_ids)
    if not waiting:
        return
    quotes = _request_quotes(parts, waiting, until=until)
    filled = [trade for trade in waiting if quotes[trade.trade_id] is not None]
    denials = {
        trade.trade_id: Denial.DATA_ENDED_BEFORE_FILL if at_end else Denial.NO_QUOTE
        for trade in waiting
        if quotes[trade.trade_id] is None and (at_end or trade.fill_by is None or trade.fill_by < until)
    }
    _fill_entries(parts, filled, quotes)
    deny_waiting_entries(parts, denials)


def deny_waiting_entries(parts: Parts, denials: Mapping[UUID, Denial]) -> None:
    """Deny waiting model trades and the real trades of the same engines, and record their results of zero."""
    if not denials:
        return
    with parts.transaction() as session:
        experiment_ids = trades.load_experiment_ids(session, denials)
        trades.lock_families(session, experiment_ids)
        waiting_trades.deny(session, denials)
        outcomes.record_zeros(session, outcomes.load_sides_without_trade(session, experiment_ids))
    for trade_id, denial in denials.items():
        log.info("entry.not_filled", trade_id=str(trade_id), reason=denial.value)


def cancel_by_closings(parts: Parts, closings: Sequence[Closing]) -> None:
    """Deny the waiting entries that signals close before their price came."""
    for closing in closings:
        with parts.transaction() as session:
            waiting = waiting_trades.filter_waiting(session, closing.trade_ids)
        if not waiting:
            continue
        signal = closing.signal
        settle_waiting_entries(parts, signal.book, until=signal.received_at)
        denial = Denial.OPPOSITE_BEFORE_FILL if signal.is_entry else Denial.EXIT_BEFORE_FILL
        deny_waiting_entries(parts, dict.fromkeys(waiting, denial))


def _request_quotes(parts: Parts, waiting: Sequence[Trade], *, until: datetime) -> dict[UUID, Quote | None]:
    """Return the quote at which each waiting entry fills; None where none has come, or only after its last moment."""
    requests = [
        FillRequest(
            book=trade.book,
            instrument=trade.instrument,
            at=trade.entry_at,
            until=min(until, trade.fill_by or until),
        )
        for trade in waiting
    ]
    quotes = entry_prices.request_quotes(parts, requests)
    return {
        trade.trade_id: quote if quote is not None and _is_in_time(trade, quote) else None
        for trade, quote in zip(waiting, quotes, strict=True)
    }


def _is_in_time(trade: Trade, quote: Quote) -> bool:
    """Return whether a price came before a trade's wait was over; live quotes are those of the present."""
    return trade.fill_by is None or quote.at <= trade.fill_by


def _fill_entries(parts: Parts, filled: Sequence[Trade], quotes: Mapping[UUID, Quote | None]) -> None:
    """Enter the model trades and their real ones at the quotes, or deny them at the risk gate; send the real orders."""
    by_side = {
        (trade.experiment_id, trade.engine): quote for trade in filled if (quote := quotes[trade.trade_id]) is not None
    }
    if not by_side:
        return
    experiment_ids = {trade.experiment_id for trade in filled}
    with parts.transaction() as session:
        trades.lock_symbols(session, {(trade.book, trade.instrument.symbol) for trade in filled})
        trades.lock_families(session, experiment_ids)
        openings = _enter_trades(session, parts, waiting_trades.load_with_reals(session, experiment_ids), by_side)
        _record_openings(session, openings, experiment_ids)
        order_ids = orders.list_pending_entries(session, experiment_ids)
    order_submission.submit(parts, order_ids)
    log.info("entries.filled", count=sum(opening.fill is not None for opening in openings))


def _record_openings(session: Session, openings: Sequence[Opening], experiment_ids: Collection[UUID]) -> None:
    """Store what became of waiting trades, with their orders, and the results of zero of those that were denied."""
    waiting_trades.record_entered(session, [opening.trade for opening in openings])
    opening_orders.record(session, openings)
    outcomes.record_zeros(session, outcomes.load_sides_without_trade(session, experiment_ids))


def _enter_trades(
    session: Session, parts: Parts, waiting: Sequence[Trade], quotes: Mapping[EngineSide, Quote]
) -> list[Opening]:
    """Return the waiting trades for which there is a quote as they are at it, one after the other.

    A real trade is denied where its model trade is, since its exits would follow those of the model trade.
    """
    openings: list[Opening] = []
    denied: dict[EngineSide, str] = {}
    for trade in waiting:
        side = trade.experiment_id, trade.engine
        if side not in quotes:
            continue
        is_denied = side in denied
        opening = (
            delayed_entries.deny(trade, denied[side]) if is_denied else _enter(session, parts, trade, quotes[side])
        )
        if trade.is_shadow and opening.trade.denial is not None:
            denied[side] = opening.trade.denial
        openings.append(opening)
    return openings


def _enter(session: Session, parts: Parts, trade: Trade, quote: Quote) -> Opening:
    """Return a waiting trade as it is at a quote, or as it is denied at the risk gate."""
    return delayed_entries.enter_at_quote(
        trade,
        quote,
        exposure=trades.count_other_open(session, trade),
        limits=parts.limits,
        model=parts.fill_model,
        venue=parts.venue(trade.book),
    )
