"""Exits: the walk of a trade's plan over closed bars, and the orders that follow from an exit.

Long trades are tested on the bid, short trades on the ask; where that side is not recorded every price of the bar is
modelled from a recorded side by the assumed spread. Only closed bars are walked, so the time of evaluation cannot
change a result: the time limit, too, fires when the bar that opens at it, or first after it, has closed, at its open.

Within a bar the rules run in this order: time limit, stop at the open, targets at the open, stop touched, targets
touched, trailing. Prices known at the open come first; inside a bar the worst case for the trade is assumed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain import bar_steps, fills
from domain.bar_steps import Step, negate_if_short
from domain.context import PriceBasis, Quote
from domain.decision import Target
from domain.fills import FillModel, QuoteSides
from domain.ports import WalkBars
from domain.signal import Direction
from domain.trade import (
    FIRST_ATTEMPT,
    MODEL_VENUE,
    Clock,
    ExitEvent,
    Intent,
    Order,
    Pricing,
    Trade,
    WalkState,
    client_order_id_for,
    order_id_for,
)


class ExitReason(StrEnum):
    """Stable code for the reason of an exit."""

    STOP = "stop"
    TARGET = "target"
    TRAILING_STOP = "trailing_stop"
    TIME_LIMIT = "time_limit"
    EXIT_SIGNAL = "exit_signal"
    OPPOSITE_SIGNAL = "opposite_signal"
    END_OF_DATA = "end_of_data"
    FLATTEN = "flatten"


class NothingLeftToClose(ValueError):
    """The walk has closed the whole trade already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkResult:
    """State after a walk: `evaluated_to` is the end of the last bar walked, `events` are the exits in order of time."""

    state: WalkState
    evaluated_to: datetime
    events: tuple[ExitEvent, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A model trade and the quantity of it that is closed already on the synchronized clock."""

    trade: Trade
    closed: Decimal


def walk(trade: Trade, bars: WalkBars, *, model: FillModel, until: datetime) -> WalkResult:
    """Walk the bars whose end is in (evaluated_to, until], oldest first, and return the exits that the plan makes.

    Walking in several portions gives the same result as walking at once. No event is earlier than the entry. A closed
    trade is returned unchanged.
    """
    state, evaluated_to, events = trade.walk, trade.evaluated_to, list[ExitEvent]()
    for step in bar_steps.iterate_steps(trade, bars, model=model, until=until):
        if not state.remaining:
            break
        while state.remaining and (event := _find_next_exit(trade, step, state)) is not None:
            events.append(event)
            state = apply_exit(state, event)
        state, evaluated_to = _move_trailing_stop(trade, step, state), step.end
    return WalkResult(state=state, evaluated_to=evaluated_to, events=tuple(events))


def build_closing_event(trade: Trade, *, quote: Quote, at: datetime, reason: ExitReason) -> ExitEvent:
    """Build the exit that closes the rest of a trade at a quote by a market order, not earlier than the entry.

    Raises:
        NothingLeftToClose: when the walk has closed the trade already.
    """
    if not trade.walk.remaining:
        raise NothingLeftToClose(f"trade {trade.trade_id} is closed already")
    return ExitEvent(
        at=max(at, trade.entry_at),
        fraction=trade.walk.remaining,
        is_final=True,
        reason=reason.value,
        pricing=Pricing.MARKET,
        bid=quote.bid,
        ask=quote.ask,
        last=quote.last,
        basis=quote.basis or PriceBasis.UNKNOWN,
    )


def apply_exit(state: WalkState, event: ExitEvent) -> WalkState:
    """Return the walk's state after an exit."""
    return replace(
        state,
        remaining=Decimal(0) if event.is_final else state.remaining - event.fraction,
        targets_hit=state.targets_hit + (event.reason == ExitReason.TARGET.value),
        legs=state.legs + 1,
    )


def compute_exit_quantity(event: ExitEvent, *, quantity: Decimal, lot: Decimal, already_closed: Decimal) -> Decimal:
    """Return the part of an opening `quantity` that an exit closes: whole lots, the final exit all that is left.

    It is 0 when a partial exit is smaller than a lot (then there is no order), and never more than is still open.
    """
    still_open = max(quantity - already_closed, Decimal(0))
    if event.is_final:
        return still_open
    return min(fills.floor_to_lot(quantity * event.fraction, lot), still_open)


def build_exit_order(
    trade: Trade,
    event: ExitEvent,
    *,
    clock: Clock,
    leg: int,
    quantity: Decimal,
    venue: str,
    account: str = "",
    attempt: int = FIRST_ATTEMPT,
) -> Order:
    """Build the order of one exit; the same exit gives the same ids. `leg` counts a trade's exits from 1."""
    client_order_id = client_order_id_for(
        book=trade.book,
        account=account,
        trade_id=trade.trade_id,
        intent=Intent.EXIT,
        clock=clock,
        leg=leg,
        attempt=attempt,
    )
    return Order(
        order_id=order_id_for(trade.trade_id, client_order_id),
        client_order_id=client_order_id,
        book=trade.book,
        trade_id=trade.trade_id,
        intent=Intent.EXIT,
        clock=clock,
        leg=leg,
        attempt=attempt,
        is_buy=_is_exit_buy(trade),
        quantity=quantity,
        fraction=event.fraction,
        pricing=event.pricing,
        reason=event.reason,
        venue=venue,
        quote=fills.build_trade_quote(
            trade.book,
            trade.instrument,
            at=event.at,
            bid=event.bid,
            ask=event.ask,
            last=event.last,
            rate=event.rate,
            basis=event.basis,
        ),
        is_final=event.is_final,
        money=trade.money,
    )


def build_synchronized_orders(event: ExitEvent, holdings: Sequence[Holding], *, leg: int) -> tuple[Order, ...]:
    """Build the orders that close the fraction of a real exit in each model trade too, on the same stored quote.

    `leg` is the real exit's; the orders count on the synchronized clock and fill by the model. Trades with nothing to
    close get none.
    """
    orders = []
    for holding in holdings:
        trade = holding.trade
        quantity = compute_exit_quantity(event, quantity=trade.quantity, lot=trade.lot, already_closed=holding.closed)
        if quantity > 0:
            orders.append(
                build_exit_order(trade, event, clock=Clock.SYNCHRONIZED, leg=leg, quantity=quantity, venue=MODEL_VENUE)
            )
    return tuple(orders)


def _find_next_exit(trade: Trade, step: Step, state: WalkState) -> ExitEvent | None:
    """Return the first exit that the bar causes, by the order of rules in the module's description."""
    stop, target = negate_if_short(trade, state.stop), _find_next_target(trade, state)
    if step.open_counts_until >= trade.time_limit_at:
        return _build_exit_at_open(trade, step, state, reason=ExitReason.TIME_LIMIT)
    if step.open <= stop:
        return _build_exit_at_open(trade, step, state, reason=_choose_stop_reason(trade, state))
    if target is not None and step.open >= negate_if_short(trade, target.price):
        return _build_exit_at_open(trade, step, state, reason=ExitReason.TARGET, target=target)
    if step.worst <= stop:
        return _build_exit_at_level(step, state, reason=_choose_stop_reason(trade, state))
    if target is not None and step.best >= negate_if_short(trade, target.price):
        return _build_exit_at_level(step, state, reason=ExitReason.TARGET, target=target)
    return None


def _build_exit_at_open(
    trade: Trade, step: Step, state: WalkState, *, reason: ExitReason, target: Target | None = None
) -> ExitEvent:
    at = max(step.open_time, trade.entry_at)
    if reason is ExitReason.TIME_LIMIT:
        at = max(at, trade.time_limit_at)
    return _build_event(state, at=at, quote=step.at_open, basis=step.open_basis, reason=reason, target=target)


def _build_exit_at_level(
    step: Step, state: WalkState, *, reason: ExitReason, target: Target | None = None
) -> ExitEvent:
    level = state.stop if target is None else target.price
    return _build_event(
        state, at=step.end, quote=step.quote_at(level), basis=PriceBasis.LEVEL, reason=reason, target=target
    )


def _build_event(
    state: WalkState, *, at: datetime, quote: QuoteSides, basis: PriceBasis, reason: ExitReason, target: Target | None
) -> ExitEvent:
    """Build an exit at a target (limit order, its fraction), or of all that is left (market order)."""
    fraction = state.remaining if target is None else min(target.fraction, state.remaining)
    return ExitEvent(
        at=at,
        fraction=fraction,
        is_final=fraction == state.remaining,
        reason=reason.value,
        pricing=Pricing.MARKET if target is None else Pricing.LIMIT,
        bid=quote.bid,
        ask=quote.ask,
        last=quote.last,
        basis=basis,
    )


def _move_trailing_stop(trade: Trade, step: Step, state: WalkState) -> WalkState:
    """Return the state with the stop behind the best price; unchanged until the price reaches the activation."""
    trailing = trade.plan.trailing
    if trailing is None or not state.remaining:
        return state
    if state.best is None and step.best < negate_if_short(trade, trailing.activation):
        return state
    best = step.best if state.best is None else max(negate_if_short(trade, state.best), step.best)
    stop = max(negate_if_short(trade, state.stop), best - trailing.distance)
    return replace(state, best=negate_if_short(trade, best), stop=negate_if_short(trade, stop))


def _choose_stop_reason(trade: Trade, state: WalkState) -> ExitReason:
    """Return whether the plan's own stop was hit, or one that trailing has moved."""
    return ExitReason.STOP if state.stop == trade.plan.stop else ExitReason.TRAILING_STOP


def _find_next_target(trade: Trade, state: WalkState) -> Target | None:
    remaining = trade.plan.targets[state.targets_hit :]
    return remaining[0] if remaining else None


def _is_exit_buy(trade: Trade) -> bool:
    return trade.side is Direction.SHORT
