"""Who follows whom when trades close: real trades follow their engine's own clock, siblings follow the real trade.

An experiment with exactly one real trade is *driven* by it: each of its exits closes the same fraction of every model
trade, at the same time, on the same quote (the synchronized clock). Without a real trade, or with two (split capital),
the synchronized clock equals the own clock. What is owed derives from what is there, so that it can be asked again
after any interruption.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from domain import exits, order_states
from domain.decision import EngineSlot
from domain.exits import ExitReason, Holding
from domain.outcomes import compute_open_quantity, compute_outcome, select_fills_on_clock
from domain.study import ExitClock
from domain.trade import (
    FIRST_ATTEMPT,
    MODEL_VENUE,
    Clock,
    ExitEvent,
    Fill,
    Intent,
    Order,
    OrderState,
    Outcome,
    RealVenue,
    Trade,
    TradeStatus,
)

_WHOLE = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedOrder:
    """An exit order and where it stands; `may_retry` once the pause after a refusal is over."""

    order: Order
    state: OrderState
    may_retry: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """All trades of one experiment that were not denied, with their exits and fills.

    `entering` names the trades whose entry order may still fill. `shares` holds the allocation of engines that trade a
    part of the capital.
    """

    experiment_id: UUID
    reference_notional: Decimal
    shares: Mapping[EngineSlot, Decimal]
    trades: tuple[Trade, ...]
    exits: tuple[PlacedOrder, ...]
    fills: tuple[Fill, ...]
    outcomes_done: frozenset[tuple[UUID, ExitClock]]
    entering: frozenset[UUID] = frozenset()

    @property
    def models(self) -> tuple[Trade, ...]:
        """The model trades."""
        return tuple(one for one in self.trades if one.is_shadow)

    @property
    def reals(self) -> tuple[Trade, ...]:
        """The real trades."""
        return tuple(one for one in self.trades if not one.is_shadow)

    @property
    def driver(self) -> Trade | None:
        """The one real trade whose exits the synchronized clock follows, if there is exactly one."""
        return self.reals[0] if len(self.reals) == 1 else None

    def exits_on(self, trade: Trade, clock: Clock) -> list[PlacedOrder]:
        """Return the exits of a trade on a clock, by leg; of a leg asked for again the last attempt."""
        last = {
            one.order.leg: one
            for one in sorted(self.exits, key=lambda one: one.order.attempt)
            if (one.order.trade_id, one.order.clock) == (trade.trade_id, clock)
        }
        return [last[leg] for leg in sorted(last)]

    def closed(self, trade: Trade, clock: ExitClock) -> Decimal:
        """Return how much of a trade is closed on a clock."""
        mine = select_fills_on_clock((one for one in self.fills if one.trade_id == trade.trade_id), clock)
        return sum((one.quantity for one in mine if one.intent is Intent.EXIT), Decimal(0))


def build_own_exit_orders(family: Family, trade: Trade, events: Iterable[ExitEvent], *, first_leg: int) -> list[Order]:
    """Make the own-clock orders of a model trade's exits; exits too small for a lot make none."""
    closed, made = family.closed(trade, ExitClock.OWN), list[Order]()
    for leg, event in enumerate(events, start=first_leg):
        quantity = exits.compute_exit_quantity(event, quantity=trade.quantity, lot=trade.lot, already_closed=closed)
        if quantity > 0:
            made.append(
                exits.build_exit_order(trade, event, clock=Clock.OWN, leg=leg, quantity=quantity, venue=MODEL_VENUE)
            )
            closed += quantity
    return made


def find_owed_real_exits(family: Family, *, venue: RealVenue) -> list[PlacedOrder]:
    """Return the next exit each open real trade owes its engine's own clock: an intent, or denied when below a lot."""
    owed = (_next_real(family, one, venue=venue) for one in family.reals if one.status is TradeStatus.OPEN)
    return [one for one in owed if one is not None]


def find_owed_synchronized_exits(family: Family) -> list[Order]:
    """Return the synchronized-clock exits the model trades owe whom they follow."""
    if family.driver is None:
        return [order for one in family.models for order in _copies(family, one)]
    filled = [one.order for one in family.exits_on(family.driver, Clock.SYNCHRONIZED) if one.state is OrderState.FILLED]
    closed = {one.trade_id: family.closed(one, ExitClock.SYNCHRONIZED) for one in family.models}
    made = list[Order]()
    for real in filled:
        holdings = [
            Holding(trade=one, closed=closed[one.trade_id]) for one in family.models if _lacks(family, one, real)
        ]
        orders = exits.build_synchronized_orders(exit_event_from_order(real), holdings, leg=real.leg)
        for order in orders:
            closed[order.trade_id] += order.quantity
        made += orders
    return made


def compute_due_outcomes(family: Family) -> list[Outcome]:
    """Return the outcomes of trades that are flat on a clock and have none there yet."""
    clocks = [(one, clock) for one in family.models for clock in ExitClock]
    clocks += [(one, ExitClock.SYNCHRONIZED) for one in family.reals]
    due = (_outcome(family, one, clock) for one, clock in clocks if (one.trade_id, clock) not in family.outcomes_done)
    return [one for one in due if one is not None]


def exit_event_from_order(order: Order) -> ExitEvent:
    """Return the exit an order stands for."""
    quote = order.quote
    return ExitEvent(
        at=quote.at,
        fraction=order.fraction,
        is_final=order.is_final,
        reason=order.reason,
        pricing=order.pricing,
        bid=quote.bid,
        ask=quote.ask,
        last=quote.last,
    )


def find_owed_flattening_exits(family: Family, real: Trade, event: ExitEvent, *, venue: RealVenue) -> list[PlacedOrder]:
    """Return the exit that closes all that is left of a real trade, none while one of its orders is still out."""
    if real.status is not TradeStatus.OPEN or _is_out(family, real):
        return []
    if family.closed(real, ExitClock.SYNCHRONIZED) >= real.quantity:
        return []
    return [_placed(family, real, event, leg=_next_leg(family, real), venue=venue)]


def _next_leg(family: Family, real: Trade) -> int:
    return 1 + max((one.order.leg for one in family.exits_on(real, Clock.SYNCHRONIZED)), default=0)


def _next_real(family: Family, real: Trade, *, venue: RealVenue) -> PlacedOrder | None:
    if _is_out(family, real):
        return None
    exits_made = family.exits_on(real, Clock.SYNCHRONIZED)
    refused = next(
        (one for one in exits_made if one.state in _REFUSED and one.order.reason != ExitReason.FLATTEN), None
    )
    if refused is not None:
        return _again(family, real, refused, venue=venue) if refused.may_retry else None
    made = {one.order.leg: one for one in exits_made}
    wanted = next((one.order for one in _twin_exits(family, real) if not _is_made(made.get(one.order.leg))), None)
    if wanted is None:
        return None
    refused = made.get(wanted.leg)
    attempt = FIRST_ATTEMPT if refused is None else refused.order.attempt + 1
    if refused is not None and not refused.may_retry:
        return None
    return _placed(family, real, exit_event_from_order(wanted), leg=wanted.leg, venue=venue, attempt=attempt)


def _is_made(leg: PlacedOrder | None) -> bool:
    """Whether a leg was sent and not refused: a flattening that was refused leaves its leg to the engine's exit."""
    return leg is not None and leg.state not in _REFUSED


def _placed(
    family: Family, real: Trade, event: ExitEvent, *, leg: int, venue: RealVenue, attempt: int = FIRST_ATTEMPT
) -> PlacedOrder:
    closed = family.closed(real, ExitClock.SYNCHRONIZED)
    before = sum((one.quantity for one in _fills_of_leg(family, real, leg)), Decimal(0))
    asked = exits.compute_exit_quantity(event, quantity=real.quantity, lot=real.lot, already_closed=closed - before)
    quantity = max(asked - before, Decimal(0))
    order = exits.build_exit_order(
        real,
        event,
        clock=Clock.SYNCHRONIZED,
        leg=leg,
        attempt=attempt,
        quantity=quantity or real.quantity * event.fraction,
        venue=venue.name,
        account=venue.account,
    )
    return PlacedOrder(order=order, state=OrderState.INTENT if quantity > 0 else OrderState.DENIED)


def _again(family: Family, real: Trade, refused: PlacedOrder, *, venue: RealVenue) -> PlacedOrder:
    """Ask again for what remains of a leg that the venue refused or ended."""
    order = refused.order
    return _placed(family, real, exit_event_from_order(order), leg=order.leg, venue=venue, attempt=order.attempt + 1)


def _is_out(family: Family, real: Trade) -> bool:
    """Whether one of the trade's orders may still change what is held."""
    placed = family.exits_on(real, Clock.SYNCHRONIZED)
    return real.trade_id in family.entering or any(one.state in order_states.OPEN for one in placed)


def _fills_of_leg(family: Family, real: Trade, leg: int) -> list[Fill]:
    ids = {one.order.order_id for one in family.exits if (one.order.trade_id, one.order.leg) == (real.trade_id, leg)}
    return [one for one in family.fills if one.order_id in ids]


_REFUSED = frozenset({OrderState.REJECTED, OrderState.CANCELLED, OrderState.EXPIRED})


def _twin_exits(family: Family, real: Trade) -> list[PlacedOrder]:
    twins = (one for one in family.models if one.engine is real.engine)
    return [placed for one in twins for placed in family.exits_on(one, Clock.OWN)]


def _copies(family: Family, trade: Trade) -> list[Order]:
    made = {one.order.leg for one in family.exits_on(trade, Clock.SYNCHRONIZED)}
    own = (one.order for one in family.exits_on(trade, Clock.OWN) if one.order.leg not in made)
    return [
        exits.build_exit_order(
            trade,
            exit_event_from_order(one),
            clock=Clock.SYNCHRONIZED,
            leg=one.leg,
            quantity=one.quantity,
            venue=MODEL_VENUE,
        )
        for one in own
    ]


def _lacks(family: Family, trade: Trade, real: Order) -> bool:
    return all(one.order.leg != real.leg for one in family.exits_on(trade, Clock.SYNCHRONIZED))


def _outcome(family: Family, trade: Trade, clock: ExitClock) -> Outcome | None:
    fills = select_fills_on_clock((one for one in family.fills if one.trade_id == trade.trade_id), clock)
    if not any(one.intent is Intent.EXIT for one in fills) or compute_open_quantity(fills, clock):
        return None
    last = family.exits_on(trade, Clock(clock.value))[-1].order
    share = _WHOLE if trade.is_shadow else family.shares.get(trade.engine, _WHOLE)
    return compute_outcome(
        trade,
        fills,
        clock=clock,
        equals_own=clock is ExitClock.OWN or family.driver is None,
        reference_notional=family.reference_notional,
        share=share,
        exit_reason=last.reason,
    )
