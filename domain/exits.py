"""Exits: the walk of a trade's plan over closed bars.

Long trades are tested on the bid, short trades on the ask; where that side is not recorded every price of the bar is
modelled from a recorded side by the assumed spread. Only closed bars are walked, so the time of evaluation cannot
change a result: the time limit, too, fires when the bar that opens at it, or first after it, has closed, at its open.

Within a bar the rules run in this order: time limit, stop at the open, targets at the open, stop touched, targets
touched, trailing. Prices known at the open come first; inside a bar the worst case for the trade is assumed.

Nothing is booked on a jump that looks like a split or bad data, or across the roll of a continuous future: the trade
ends at the last price before it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from domain import bar_steps, contract_rolls, market_prices, price_jumps
from domain.bar_steps import Step, negate_if_short
from domain.context import PriceBasis, Quote
from domain.decision import Target
from domain.fills import FillModel, QuoteSides
from domain.ports import WalkBars
from domain.signal import Direction
from domain.trade import (
    ExitEvent,
    Pricing,
    Trade,
    WalkState,
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
    PRICE_JUMP = "price_jump"
    CONTRACT_ROLL = "contract_roll"


class NothingLeftToClose(ValueError):
    """The walk has closed the whole trade already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkResult:
    """State after a walk: `evaluated_to` is the end of the last bar walked, `events` are the exits in order of time."""

    state: WalkState
    evaluated_to: datetime
    events: tuple[ExitEvent, ...]


def walk(trade: Trade, bars: WalkBars, *, model: FillModel, until: datetime) -> WalkResult:
    """Walk the bars whose end is in (evaluated_to, until], oldest first, and return the exits that the plan makes.

    Walking in several portions gives the same result as walking at once. No event is earlier than the entry. A closed
    trade is returned unchanged.
    """
    state, evaluated_to, events = trade.walk, trade.evaluated_to, list[ExitEvent]()
    for step in bar_steps.iterate_steps(trade, bars, model=model, until=until):
        if not state.remaining:
            break
        if (ending := _find_end_of_series(trade, step, state, at=evaluated_to)) is not None:
            events.append(ending)
            state = apply_exit(state, events[-1])
            break
        while state.remaining and (event := _find_next_exit(trade, step, state)) is not None:
            events.append(event)
            state = apply_exit(state, event)
        state = replace(_move_trailing_stop(trade, step, state), price=abs(step.close))
        evaluated_to = step.end
    return WalkResult(state=state, evaluated_to=evaluated_to, events=tuple(events))


def build_closing_event(trade: Trade, *, quote: Quote, at: datetime, reason: ExitReason) -> ExitEvent:
    """Build the exit that closes the rest of a trade at a quote by a market order, not earlier than the entry.

    A quote that jumped from the last price of the walk is not booked: the trade ends before the jump.

    Raises:
        NothingLeftToClose: when the walk has closed the trade already.
    """
    if not trade.walk.remaining:
        raise NothingLeftToClose(f"trade {trade.trade_id} is closed already")
    if (jump := _find_jump_to_quote(trade, quote)) is not None:
        return jump
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


def _find_end_of_series(trade: Trade, step: Step, state: WalkState, *, at: datetime) -> ExitEvent | None:
    """Return the exit before a bar whose prices do not continue those before it: by a jump, or another contract."""
    jumped_to = price_jumps.find_jump(state.price, step.prices, kind=trade.instrument.kind)
    if jumped_to is not None:
        return _build_exit_before(trade, step, state, at=at, price_after=jumped_to, reason=ExitReason.PRICE_JUMP)
    opened = step.prices[0]
    is_roll = step.open_basis is PriceBasis.OPEN and contract_rolls.is_roll(
        trade.instrument, state.price, opened, ended_at=at, opened_at=step.open_time, closes_at=step.end
    )
    if not is_roll:
        return None
    return _build_exit_before(trade, step, state, at=at, price_after=opened, reason=ExitReason.CONTRACT_ROLL)


def _build_exit_before(
    trade: Trade, step: Step, state: WalkState, *, at: datetime, price_after: Decimal, reason: ExitReason
) -> ExitEvent:
    """Build the exit of all that is left at the last price before a bar, as of when that price was known."""
    assert state.price is not None  # noqa: S101 - what does not continue a price has one before it
    quote, known_at = step.quote_at(state.price), max(at, trade.entry_at)
    event = _build_event(state, at=known_at, quote=quote, basis=PriceBasis.CLOSE, reason=reason, target=None)
    return replace(event, price_after=price_after)


def _find_jump_to_quote(trade: Trade, quote: Quote) -> ExitEvent | None:
    """Return the exit at the last price of the walk where a quote jumped from it, else None."""
    before, after = trade.walk.price, market_prices.middle_price(quote)
    if before is None or after is None or price_jumps.find_jump(before, (after,), kind=trade.instrument.kind) is None:
        return None
    is_long = trade.side is Direction.LONG
    sides = QuoteSides(bid=before if is_long else None, ask=None if is_long else before, last=None)
    at = max(trade.evaluated_to, trade.entry_at)
    event = _build_event(
        trade.walk, at=at, quote=sides, basis=PriceBasis.CLOSE, reason=ExitReason.PRICE_JUMP, target=None
    )
    return replace(event, price_after=after)


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
