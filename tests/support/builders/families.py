"""Builders of families of trades: each step is one that the product takes, in memory, and `store` writes the result."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from uuid import uuid5

from sqlalchemy.orm import Session

from db import orders, outcomes, trades
from domain import exit_orders, exit_synchronization, order_states
from domain.context import PriceBasis
from domain.decision import EngineSlot
from domain.exit_synchronization import Family, PlacedOrder
from domain.exits import ExitReason
from domain.signal import Instrument, Signal
from domain.study import ExitClock
from domain.trade import (
    MODEL_VENUE,
    Clock,
    ExitEvent,
    Fill,
    Intent,
    Order,
    OrderState,
    Pricing,
    QuoteBasis,
    RealVenue,
    Trade,
    TradeStatus,
    trade_id_for,
)
from tests.support.builders.rows import Judged
from tests.support.builders.trades import a_plan, a_trade

PAPER = RealVenue(name="paper")
PRICE = Decimal(100)


def a_member(
    judged: Judged,
    engine: EngineSlot,
    *,
    is_shadow: bool = True,
    status: TradeStatus = TradeStatus.OPEN,
    quantity: int = 8,
) -> Trade:
    """Make one trade of the experiment of an entry, in lots of 1."""
    signal = judged.signal
    return a_trade(
        a_plan(quantity=str(quantity)),
        engine=engine,
        trade_id=trade_id_for(judged.experiment_id, engine=engine, is_shadow=is_shadow),
        experiment_id=judged.experiment_id,
        is_shadow=is_shadow,
        status=status,
        lot=Decimal(1),
        instrument=Instrument(symbol=signal.symbol, exchange=signal.exchange, kind=signal.instrument_kind),
        entry_at=signal.received_at,
    )


def a_family(judged: Judged, members: Sequence[Trade]) -> Family:
    """Make a family in which pending trades wait for their entry, the others have been entered, and nothing exited."""
    entered = [trade for trade in members if trade.status is TradeStatus.OPEN]
    return Family(
        experiment_id=judged.experiment_id,
        reference_notional=Decimal(100_000),
        shares={},
        trades=tuple(members),
        exits=(),
        fills=tuple(_fill(an_entry(trade)) for trade in entered),
        outcomes_done=frozenset(),
        entering=frozenset(trade.trade_id for trade in members if trade.status is TradeStatus.PENDING),
    )


def an_entry(trade: Trade) -> Order:
    """Make the entry order of a trade."""
    event = _event(0, fraction=Decimal(1), is_final=False, reason="entry", trade=trade)
    venue = MODEL_VENUE if trade.is_shadow else PAPER.name
    order = exit_orders.build_exit_order(trade, event, clock=Clock.BOTH, leg=0, quantity=trade.quantity, venue=venue)
    return replace(order, intent=Intent.ENTRY, is_buy=not order.is_buy)


def exit_own_clock(family: Family, engine: EngineSlot, *, fraction: Decimal, is_final: bool) -> Family:
    """Let the own clock of an engine's model trade exit, if it still runs, and copy or follow in the same step."""
    for model in family.models:
        if model.engine is engine and family.closed_quantity(model, ExitClock.OWN) < model.quantity:
            leg = 1 + model.walk.legs
            event = _event(leg, fraction=fraction, is_final=is_final, reason="target", trade=model)
            placed = exit_synchronization.build_own_exit_orders(family, model, [event], first_leg=leg)
            walked = replace(model, walk=replace(model.walk, legs=leg))
            return synchronize(_fill_all(_replace_trade(family, walked), placed))
    return family


def synchronize(family: Family) -> Family:
    """Write the synchronized exits that are owed, and the outcomes that are due."""
    family = _fill_all(family, exit_synchronization.find_owed_synchronized_exits(family))
    due = exit_synchronization.compute_due_outcomes(family)
    done = family.outcomes_done | {(outcome.trade_id, outcome.exit_clock) for outcome in due}
    return replace(family, outcomes_done=done, trades=tuple(_close_if_done(trade, done) for trade in family.trades))


def place_owed(family: Family) -> Family:
    """Record the exits that real trades owe; nothing was sent so far."""
    return replace(family, exits=family.exits + tuple(exit_synchronization.find_owed_real_exits(family, venue=PAPER)))


def flatten(family: Family, engine: EngineSlot) -> Family:
    """Record the exit that closes all that a real trade of an engine holds."""
    for real in family.reals:
        if real.engine is engine:
            event = _event(50, fraction=Decimal(1), is_final=True, reason=ExitReason.FLATTEN.value, trade=real)
            placed = exit_synchronization.find_owed_flattening_exits(family, real, event, venue=PAPER)
            return replace(family, exits=family.exits + tuple(placed))
    return family


def answer_exit(family: Family, number: int, *, state: OrderState, share: Decimal) -> Family:
    """Let the venue say something about one of the exits that are out: its state, and the share that has filled."""
    out = [placed for placed in family.exits if placed.state in order_states.OPEN]
    if not out:
        return family
    placed = out[number % len(out)]
    filled = sum((fill.quantity for fill in family.fills if fill.order_id == placed.order.order_id), Decimal(0))
    quantity = max((placed.order.quantity * share).to_integral_value() - filled, Decimal(0))
    after = tuple(replace(one, state=state) if one is placed else one for one in family.exits)
    fills = (_fill(placed.order, quantity=quantity, place=1 + int(filled)),) if quantity else ()
    return replace(family, exits=after, fills=family.fills + fills)


def answer_entry(family: Family, engine: EngineSlot, *, is_filled: bool) -> Family:
    """Let the venue fill or refuse the entry of an engine's real trade that waits for it."""
    for real in family.reals:
        if real.engine is engine and real.status is TradeStatus.PENDING:
            entering = family.entering - {real.trade_id}
            if not is_filled:
                members = tuple(trade for trade in family.trades if trade is not real)
                return replace(family, trades=members, entering=entering)
            entered = _replace_trade(family, replace(real, status=TradeStatus.OPEN))
            return replace(entered, entering=entering, fills=(*family.fills, _fill(an_entry(real))))
    return family


def store(session: Session, signal: Signal, family: Family) -> None:
    """Write a family with its orders, fills and outcomes."""
    trades.record_opened(session, [(signal, trade) for trade in family.trades])
    for trade in family.trades:
        state = OrderState.ACCEPTED if trade.trade_id in family.entering else OrderState.FILLED
        orders.record(session, [an_entry(trade)], state=state)
    for state in OrderState:
        orders.record(session, [placed.order for placed in family.exits if placed.state is state], state=state)
    orders.record_fills(session, family.fills)
    done = [
        outcome
        for outcome in exit_synchronization.compute_due_outcomes(replace(family, outcomes_done=frozenset()))
        if (outcome.trade_id, outcome.exit_clock) in family.outcomes_done
    ]
    outcomes.record(session, done)


def _close_if_done(trade: Trade, done: Iterable[tuple[object, ExitClock]]) -> Trade:
    needed = list(ExitClock) if trade.is_shadow else [ExitClock.SYNCHRONIZED]
    is_done = all((trade.trade_id, clock) in set(done) for clock in needed)
    return replace(trade, status=TradeStatus.CLOSED) if is_done else trade


def _replace_trade(family: Family, trade: Trade) -> Family:
    members = tuple(trade if one.trade_id == trade.trade_id else one for one in family.trades)
    return replace(family, trades=members)


def _fill_all(family: Family, placed: Sequence[Order]) -> Family:
    filled = tuple(PlacedOrder(order=order, state=OrderState.FILLED) for order in placed)
    return replace(family, exits=family.exits + filled, fills=family.fills + tuple(_fill(order) for order in placed))


def _event(leg: int, *, fraction: Decimal, is_final: bool, reason: str, trade: Trade) -> ExitEvent:
    return ExitEvent(
        at=trade.entry_at + leg * timedelta(minutes=1),
        fraction=fraction,
        is_final=is_final,
        reason=reason,
        pricing=Pricing.MARKET,
        bid=PRICE,
        ask=PRICE,
        last=None,
        basis=PriceBasis.OPEN,
    )


def _fill(order: Order, *, quantity: Decimal | None = None, place: int = 1) -> Fill:
    return Fill(
        order_id=order.order_id,
        trade_id=order.trade_id,
        clock=order.clock,
        intent=order.intent,
        venue=order.venue,
        venue_fill_id=str(uuid5(order.order_id, str(place))),
        is_buy=order.is_buy,
        quantity=order.quantity if quantity is None else quantity,
        price=PRICE,
        fee=Decimal(0),
        at=order.quote.at,
        quote_id=order.quote.quote_id,
        basis=QuoteBasis.OBSERVED,
        price_basis=order.quote.basis,
        fill_model="fm1",
        currency=order.money.currency,
        rate=Decimal(1),
    )
