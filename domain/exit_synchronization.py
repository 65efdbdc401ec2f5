"""Exits that follow other exits: a real trade follows the own clock of its engine's model trade.

An experiment with exactly one real trade is *driven* by it: each of its exits closes the same fraction of every model
trade, at the same time, on the same quote (the synchronized clock). Without a real trade or with two, that clock equals
the own clock. Due exits derive from stored ones, so any interruption can be made up for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from domain import exit_orders, order_states
from domain.decision import EngineSlot
from domain.exit_orders import Holding
from domain.exits import ExitReason
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
_REFUSED = frozenset({OrderState.REJECTED, OrderState.CANCELLED, OrderState.EXPIRED})


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacedOrder:
    """An exit order and its state; `may_retry` is true once the pause after a refusal is over."""

    order: Order
    state: OrderState
    may_retry: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """All trades of one experiment that were not denied, with their exits and fills.

    `entering` holds the trades whose entry order may still fill, `shares` the allocations of a split capital.
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
        return tuple(trade for trade in self.trades if trade.is_shadow)

    @property
    def reals(self) -> tuple[Trade, ...]:
        """The real trades."""
        return tuple(trade for trade in self.trades if not trade.is_shadow)

    @property
    def driver(self) -> Trade | None:
        """The one real trade whose exits the synchronized clock follows, if there is exactly one."""
        return self.reals[0] if len(self.reals) == 1 else None

    def find_exits(self, trade: Trade, clock: Clock) -> list[PlacedOrder]:
        """Return the exits of a trade on a clock, by leg; of a leg with several attempts the last one."""
        last_attempts = {
            placed.order.leg: placed
            for placed in sorted(self.exits, key=lambda placed: placed.order.attempt)
            if (placed.order.trade_id, placed.order.clock) == (trade.trade_id, clock)
        }
        return [last_attempts[leg] for leg in sorted(last_attempts)]

    def find_fills(self, trade: Trade, clock: ExitClock) -> tuple[Fill, ...]:
        """Return the fills of a trade that count on a clock."""
        return select_fills_on_clock((fill for fill in self.fills if fill.trade_id == trade.trade_id), clock)

    def closed_quantity(self, trade: Trade, clock: ExitClock) -> Decimal:
        """Return the quantity of a trade that is closed on a clock."""
        fills = self.find_fills(trade, clock)
        return sum((fill.quantity for fill in fills if fill.intent is Intent.EXIT), Decimal(0))


def build_own_exit_orders(family: Family, trade: Trade, events: Iterable[ExitEvent], *, first_leg: int) -> list[Order]:
    """Build the own-clock orders of a model trade's exits; exits smaller than a lot get none."""
    closed, orders = family.closed_quantity(trade, ExitClock.OWN), list[Order]()
    for leg, event in enumerate(events, start=first_leg):
        quantity = exit_orders.compute_exit_quantity(
            event, quantity=trade.quantity, lot=trade.lot, already_closed=closed
        )
        if quantity > 0:
            orders.append(
                exit_orders.build_exit_order(
                    trade, event, clock=Clock.OWN, leg=leg, quantity=quantity, venue=MODEL_VENUE
                )
            )
            closed += quantity
    return orders


def find_owed_real_exits(family: Family, *, venue: RealVenue) -> list[PlacedOrder]:
    """Return the next exit of each open real trade that its engine's model trade has made and it has not.

    An exit smaller than a lot is denied instead of being an intent.
    """
    open_trades = (trade for trade in family.reals if trade.status is TradeStatus.OPEN)
    owed = (_find_next_real_exit(family, trade, venue=venue) for trade in open_trades)
    return [placed for placed in owed if placed is not None]


def find_owed_synchronized_exits(family: Family) -> list[Order]:
    """Return the synchronized-clock exits that model trades have not made yet.

    They follow the filled exits of the driver; without a driver, the model trade's own clock.
    """
    if family.driver is None:
        return [order for trade in family.models for order in _copy_own_exits(family, trade)]
    driver_exits = family.find_exits(family.driver, Clock.SYNCHRONIZED)
    closed = {trade.trade_id: family.closed_quantity(trade, ExitClock.SYNCHRONIZED) for trade in family.models}
    orders = list[Order]()
    for real_exit in (placed.order for placed in driver_exits if placed.state is OrderState.FILLED):
        holdings = [
            Holding(trade=trade, closed=closed[trade.trade_id])
            for trade in family.models
            if _lacks_leg(family, trade, real_exit.leg)
        ]
        leg_orders = exit_orders.build_synchronized_orders(
            exit_orders.exit_event_from_order(real_exit), holdings, leg=real_exit.leg
        )
        for order in leg_orders:
            closed[order.trade_id] += order.quantity
        orders += leg_orders
    return orders


def compute_due_outcomes(family: Family) -> list[Outcome]:
    """Return the outcomes of trades that are flat on a clock and have no stored outcome there."""
    pairs = [(trade, clock) for trade in family.models for clock in ExitClock]
    pairs += [(trade, ExitClock.SYNCHRONIZED) for trade in family.reals]
    due = (
        _compute_outcome_if_flat(family, trade, clock)
        for trade, clock in pairs
        if (trade.trade_id, clock) not in family.outcomes_done
    )
    return [outcome for outcome in due if outcome is not None]


def find_owed_flattening_exits(family: Family, real: Trade, event: ExitEvent, *, venue: RealVenue) -> list[PlacedOrder]:
    """Return the exit that closes the rest of a real trade, none while one of its orders may still fill."""
    is_closed = family.closed_quantity(real, ExitClock.SYNCHRONIZED) >= real.quantity
    if is_closed or real.status is not TradeStatus.OPEN or _has_open_order(family, real):
        return []
    return [_build_real_exit(family, real, event, leg=_choose_next_leg(family, real), venue=venue)]


def _choose_next_leg(family: Family, real: Trade) -> int:
    return 1 + max((placed.order.leg for placed in family.find_exits(real, Clock.SYNCHRONIZED)), default=0)


def _find_next_real_exit(family: Family, real: Trade, *, venue: RealVenue) -> PlacedOrder | None:
    """Return the exit order that a real trade needs next, None when there is none or its pause is not over."""
    if _has_open_order(family, real):
        return None
    placed_exits = family.find_exits(real, Clock.SYNCHRONIZED)
    refused = next((placed for placed in placed_exits if _is_to_be_repeated(placed)), None)
    if refused is not None:
        return _build_next_attempt(family, real, refused, venue=venue) if refused.may_retry else None
    placed_by_leg = {placed.order.leg: placed for placed in placed_exits}
    model_exits = (placed.order for placed in _find_model_exits(family, real))
    wanted = next((order for order in model_exits if not _is_accepted(placed_by_leg.get(order.leg))), None)
    if wanted is None:
        return None
    refused = placed_by_leg.get(wanted.leg)
    if refused is not None and not refused.may_retry:
        return None
    attempt = FIRST_ATTEMPT if refused is None else refused.order.attempt + 1
    event = exit_orders.exit_event_from_order(wanted)
    return _build_real_exit(family, real, event, leg=wanted.leg, venue=venue, attempt=attempt)


def _is_to_be_repeated(placed: PlacedOrder) -> bool:
    """Return whether an exit was refused and is asked for again; a refused flattening is not, see `_is_accepted`."""
    return placed.state in _REFUSED and placed.order.reason != ExitReason.FLATTEN


def _is_accepted(leg: PlacedOrder | None) -> bool:
    """Return whether a leg was placed and not refused: the leg of a refused flattening goes to the engine's exit."""
    return leg is not None and leg.state not in _REFUSED


def _build_real_exit(
    family: Family, real: Trade, event: ExitEvent, *, leg: int, venue: RealVenue, attempt: int = FIRST_ATTEMPT
) -> PlacedOrder:
    """Build the order for what remains of a leg; it is denied when that is less than a lot."""
    closed = family.closed_quantity(real, ExitClock.SYNCHRONIZED)
    filled = sum((fill.quantity for fill in _find_fills_of_leg(family, real, leg)), Decimal(0))
    asked = exit_orders.compute_exit_quantity(
        event, quantity=real.quantity, lot=real.lot, already_closed=closed - filled
    )
    quantity = max(asked - filled, Decimal(0))
    order = exit_orders.build_exit_order(
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


def _build_next_attempt(family: Family, real: Trade, refused: PlacedOrder, *, venue: RealVenue) -> PlacedOrder:
    """Build the order for what remains of a leg that the venue refused or ended."""
    order, event = refused.order, exit_orders.exit_event_from_order(refused.order)
    return _build_real_exit(family, real, event, leg=order.leg, venue=venue, attempt=order.attempt + 1)


def _has_open_order(family: Family, real: Trade) -> bool:
    """Return whether one of the trade's orders may still fill."""
    placed_exits = family.find_exits(real, Clock.SYNCHRONIZED)
    return real.trade_id in family.entering or any(placed.state in order_states.OPEN for placed in placed_exits)


def _find_fills_of_leg(family: Family, real: Trade, leg: int) -> list[Fill]:
    order_ids = {
        placed.order.order_id
        for placed in family.exits
        if (placed.order.trade_id, placed.order.leg) == (real.trade_id, leg)
    }
    return [fill for fill in family.fills if fill.order_id in order_ids]


def _find_model_exits(family: Family, real: Trade) -> list[PlacedOrder]:
    """Return the own-clock exits of the model trade of the same engine."""
    models = (trade for trade in family.models if trade.engine is real.engine)
    return [placed for trade in models for placed in family.find_exits(trade, Clock.OWN)]


def _copy_own_exits(family: Family, trade: Trade) -> list[Order]:
    """Build a synchronized-clock order for each own-clock exit that has none yet."""
    own_exits = (placed.order for placed in family.find_exits(trade, Clock.OWN))
    return [
        exit_orders.build_exit_order(
            trade,
            exit_orders.exit_event_from_order(order),
            clock=Clock.SYNCHRONIZED,
            leg=order.leg,
            quantity=order.quantity,
            venue=MODEL_VENUE,
        )
        for order in own_exits
        if _lacks_leg(family, trade, order.leg)
    ]


def _lacks_leg(family: Family, trade: Trade, leg: int) -> bool:
    """Return whether a trade has no exit with this leg on the synchronized clock."""
    return all(placed.order.leg != leg for placed in family.find_exits(trade, Clock.SYNCHRONIZED))


def _compute_outcome_if_flat(family: Family, trade: Trade, clock: ExitClock) -> Outcome | None:
    """Return the outcome of a trade on a clock, None while a part of it is open."""
    fills = family.find_fills(trade, clock)
    if not any(fill.intent is Intent.EXIT for fill in fills) or compute_open_quantity(fills, clock):
        return None
    last_exit = family.find_exits(trade, Clock(clock.value))[-1].order
    return compute_outcome(
        trade,
        fills,
        clock=clock,
        equals_own=clock is ExitClock.OWN or family.driver is None,
        reference_notional=family.reference_notional,
        share=_WHOLE if trade.is_shadow else family.shares.get(trade.engine, _WHOLE),
        exit_reason=last_exit.reason,
    )
