"""Closing trades: the model trade's exits on its own clock, then its engine's real trade, then the synchronized clock.

Each step derives from rows that the step before committed, so it can stop anywhere and be resumed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

import structlog

from db import contexts, families, jump_incidents, lagging_trades, orders, outcomes, trade_walks, trades
from db.core.session import Session
from db.dispatches import Closing
from db.trade_walks import Walk
from domain import exit_synchronization, exits, fills, market_prices
from domain.context import Quote
from domain.exit_synchronization import Family
from domain.exits import ExitReason, WalkResult
from domain.signal import Instrument
from domain.trade import ExitEvent, Order, OrderState, Trade
from tasks import exit_prices, order_submission
from tasks.exit_prices import WantedExit
from tasks.parts import Parts

_WHOLE = Decimal(1)
ExitsByTrade = dict[UUID, tuple[Trade, tuple[ExitEvent, ...]]]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeEnding:
    """Closes at a quote whatever quantity a walk over the bars left open."""

    quote: Quote
    at: datetime
    reason: ExitReason


def close_by_signals(parts: Parts, closings: Sequence[Closing]) -> set[UUID]:
    """Close the trades that exit or opposite signals select, each at the first price from its signal's arrival on.

    Returns:
        The signals that found no price: their trades are still to be closed.
    """
    return {
        closing.signal.signal_id
        for closing in closings
        if not close_at_first_price(parts, _build_wanted_exit(parts, closing))
    }


def _build_wanted_exit(parts: Parts, closing: Closing) -> WantedExit:
    signal = closing.signal
    return WantedExit(
        trade_ids=closing.trade_ids,
        at=signal.received_at,
        until=max(parts.clock.now(signal.book), signal.received_at),
        is_opposite=signal.is_entry,
        alert=market_prices.read_alert_price(signal),
    )


def close_at_first_price(parts: Parts, wanted: WantedExit) -> bool:
    """Close model trades at the first price of their instruments; return False when one has none yet."""
    with parts.transaction() as session:
        left = trade_walks.load_walkable(session, wanted.trade_ids)
        calendars = contexts.load_calendars(session, [trade.trade_id for trade in left])
    is_complete = True
    for market in {exit_prices.find_market(trade, calendars) for trade in left}:
        quote = exit_prices.find_quote(parts, market, wanted)
        if quote is None:
            is_complete = False
            continue
        chosen = [trade.trade_id for trade in left if exit_prices.find_market(trade, calendars) == market]
        ending = TradeEnding(quote=quote, at=quote.at, reason=_choose_reason(wanted.is_opposite))
        settle_exits(parts, chosen, until=quote.at, ending=ending)
    if not is_complete:
        log.warning("exit.not_priced", at=wanted.at.isoformat(), trades=len(wanted.trade_ids))
    return is_complete


def _choose_reason(is_opposite: bool) -> ExitReason:
    return ExitReason.OPPOSITE_SIGNAL if is_opposite else ExitReason.EXIT_SIGNAL


def settle_exits(
    parts: Parts, trade_ids: Collection[UUID], *, until: datetime, ending: TradeEnding | None = None
) -> int:
    """Walk model trades over the bars to `until`, then exit their real trades and synchronized clocks likewise.

    With `ending`, the quantity that the walk left open is closed.

    Returns:
        The number of exits on own clocks.
    """
    with parts.transaction() as session:
        before = trade_walks.load_walkable(session, trade_ids)
    walked = _walk_trades(parts, before, until, ending)
    unchanged = {trade.trade_id for trade in before if _is_unchanged(trade, walked[trade.trade_id])}
    unsettled_ids = [trade_id for trade_id in trade_ids if trade_id not in unchanged]
    if not unsettled_ids:
        return 0
    changed_trades = [trade for trade in before if trade.trade_id not in unchanged]
    with parts.transaction() as session:
        experiment_ids = trades.load_experiment_ids(session, unsettled_ids)
        trades.lock_families(session, experiment_ids)
        exits_by_trade = _record_walks(session, changed_trades, walked)
        _record_own_exits(session, parts, exits_by_trade)
    send_owed_exits(parts, experiment_ids)
    return sum(len(events) for _, events in exits_by_trade.values())


def send_owed_exits(parts: Parts, experiment_ids: Collection[UUID]) -> None:
    """Submit the exits that real trades owe, leg by leg, and repeat each of their fills on the synchronized clock.

    A real trade owes an exit when its engine's model trade has one on its own clock that the real trade lacks.
    """
    has_more = bool(experiment_ids)
    while has_more:
        with parts.transaction() as session:
            order_ids = _record_owed_real_exits(session, parts, experiment_ids)
        reports = order_submission.submit(parts, order_ids)
        with parts.transaction() as session:
            _record_synchronized_exits(session, parts, families.load(session, experiment_ids))
        has_more = any(report.state is OrderState.FILLED for report in reports)


def send_exits_of_lagging_trades(parts: Parts, experiment_ids: Collection[UUID]) -> None:
    """Submit the exits of real trades that opened only after their engine's model trade had exits already."""
    with parts.transaction() as session:
        lagging = lagging_trades.filter_experiments(session, experiment_ids)
    send_owed_exits(parts, lagging)


def _walk_trades(
    parts: Parts, open_trades: Sequence[Trade], until: datetime, ending: TradeEnding | None
) -> dict[UUID, WalkResult]:
    """Walk trades to `until` over bars loaded once per book and instrument; with `ending`, close the rest."""
    groups: dict[tuple[str, Instrument], list[Trade]] = {}
    for trade in open_trades:
        groups.setdefault((trade.book, trade.instrument), []).append(trade)
    done: dict[UUID, WalkResult] = {}
    for (book, instrument), group in groups.items():
        after = min(trade.evaluated_to for trade in group)
        bars = parts.market_data(book).walk_bars(book, instrument, after=after, until=until)
        walked = ((trade, exits.walk(trade, bars, model=parts.fill_model, until=until)) for trade in group)
        done |= {
            trade.trade_id: _complete_rates(parts, trade, _end_walk(trade, result, ending)) for trade, result in walked
        }
    return done


def _complete_rates(parts: Parts, trade: Trade, walked: WalkResult) -> WalkResult:
    """Return a walk's result with the rate of each exit's time, for a trade in another currency than its book's."""
    return replace(walked, events=parts.rates.complete_exits(trade, walked.events)) if walked.events else walked


def _end_walk(trade: Trade, walked: WalkResult, ending: TradeEnding | None) -> WalkResult:
    """Return the walk's result, with a final exit at the ending's quote when a quantity is left open."""
    if ending is None or not walked.state.remaining:
        return walked
    left = replace(trade, walk=walked.state, evaluated_to=walked.evaluated_to)
    event = exits.build_closing_event(left, quote=ending.quote, at=ending.at, reason=ending.reason)
    state = exits.apply_exit(walked.state, event)
    return WalkResult(state=state, evaluated_to=walked.evaluated_to, events=(*walked.events, event))


def _is_unchanged(trade: Trade, walked: WalkResult) -> bool:
    """Return whether a walk found no new bar and no exit, as most do; storing that would rewrite every trade."""
    return not walked.events and walked.evaluated_to == trade.evaluated_to and walked.state == trade.walk


def _record_walks(session: Session, changed_trades: Sequence[Trade], walked: Mapping[UUID, WalkResult]) -> ExitsByTrade:
    """Store how far trades were walked; return the exits of those that no other worker had moved meanwhile."""
    moved_ids = trade_walks.record(session, [_build_walk(trade, walked[trade.trade_id]) for trade in changed_trades])
    return {
        trade.trade_id: (trade, walked[trade.trade_id].events)
        for trade in changed_trades
        if trade.trade_id in moved_ids
    }


def _build_walk(trade: Trade, walked: WalkResult) -> Walk:
    """Build the stored form of a walk: from the trade's state before it to its result."""
    return Walk(
        trade_id=trade.trade_id,
        from_=trade.evaluated_to,
        legs_before=trade.walk.legs,
        to=walked.evaluated_to,
        state=walked.state,
    )


def _record_own_exits(session: Session, parts: Parts, exits_by_trade: ExitsByTrade) -> None:
    """Record own-clock exits as filled model orders, and the synchronized exits and outcomes that follow."""
    exited = [(trade, events) for trade, events in exits_by_trade.values() if events]
    for trade, event in ((trade, events[-1]) for trade, events in exited if events[-1].price_after is not None):
        jump_incidents.open_about_ended_trade(session, trade, event)
    loaded = {
        family.experiment_id: family for family in families.load(session, {trade.experiment_id for trade, _ in exited})
    }
    exit_orders = [
        order
        for trade, events in exited
        for order in exit_synchronization.build_own_exit_orders(
            loaded[trade.experiment_id], trade, events, first_leg=trade.walk.legs + 1
        )
    ]
    _fill_model_orders(session, parts, exit_orders)
    _record_synchronized_exits(session, parts, families.load(session, loaded))


def _record_owed_real_exits(session: Session, parts: Parts, experiment_ids: Collection[UUID]) -> list[UUID]:
    """Record the exit orders that real trades owe; return the ids of all real exits still to be sent."""
    for family in families.load(session, experiment_ids):
        venue = parts.venue(family.trades[0].book)
        for placed in exit_synchronization.find_owed_real_exits(family, venue=venue):
            orders.record(session, [placed.order], state=placed.state)
    return orders.list_pending_exits(session, experiment_ids)


def _record_synchronized_exits(session: Session, parts: Parts, loaded: Iterable[Family]) -> None:
    """Record the exits that families lack on the synchronized clock, and all outcomes that are complete."""
    loaded = list(loaded)
    _fill_model_orders(
        session,
        parts,
        [order for family in loaded for order in exit_synchronization.find_owed_synchronized_exits(family)],
    )
    fresh = families.load(session, [family.experiment_id for family in loaded])
    outcomes.record(
        session, [outcome for family in fresh for outcome in exit_synchronization.compute_due_outcomes(family)]
    )


def _fill_model_orders(session: Session, parts: Parts, exit_orders: Sequence[Order]) -> None:
    """Fill model orders by the fill model and record them; an order that has no price is left out."""
    filled = [(order, fills.fill_order_by_model(order, model=parts.fill_model)) for order in exit_orders]
    priced = [(order, fill) for order, fill in filled if fill is not None]
    orders.record_filled_model_orders(session, [order for order, _ in priced], [fill for _, fill in priced])
