"""Exits that follow other exits: with one real trade, with none, with two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import exit_synchronization
from domain.context import PriceBasis
from domain.decision import EngineSlot
from domain.exit_synchronization import Family, PlacedOrder
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
    RealVenue,
    Trade,
    TradeStatus,
)
from tests.support.builders.trades import EXPERIMENT_ID, a_fill, a_plan, a_trade, minute

A, B = EngineSlot.A, EngineSlot.B
PAPER = RealVenue(name="paper")
NOTIONAL = Decimal(100_000)


def a_real(engine: EngineSlot = A, *, quantity: str = "10") -> Trade:
    return a_trade(a_plan(quantity=quantity), engine=engine, is_shadow=False)


def a_model(engine: EngineSlot, *, quantity: str = "10", lot: str = "0.01") -> Trade:
    return a_trade(a_plan(quantity=quantity), engine=engine, lot=Decimal(lot))


def an_exit(at: int, *, fraction: str = "1", is_final: bool = True, reason: str = "stop") -> ExitEvent:
    return ExitEvent(
        at=minute(at),
        fraction=Decimal(fraction),
        is_final=is_final,
        reason=reason,
        pricing=Pricing.MARKET,
        bid=Decimal(95),
        ask=Decimal("95.02"),
        last=None,
        basis=PriceBasis.OPEN,
    )


HALF = an_exit(5, fraction="0.5", is_final=False, reason="target")
REST = an_exit(9, fraction="0.5", is_final=True)


def a_family(*trades: Trade, shares: dict[EngineSlot, Decimal] | None = None) -> Family:
    """Make a family whose entries are filled and that nothing has closed yet."""
    return Family(
        experiment_id=EXPERIMENT_ID,
        reference_notional=NOTIONAL,
        shares=shares or {},
        trades=trades,
        exits=(),
        fills=tuple(a_fill(Intent.ENTRY, quantity=trade.quantity, trade=trade) for trade in trades),
        outcomes_done=frozenset(),
    )


def fill_orders(family: Family, orders: Sequence[Order], *, price: str = "95") -> Family:
    """Add orders that are filled completely at `price`."""
    trades = {trade.trade_id: trade for trade in family.trades}
    fills = tuple(_fill_of(order, trades[order.trade_id], price) for order in orders)
    placed = tuple(PlacedOrder(order=order, state=OrderState.FILLED) for order in orders)
    return replace(family, exits=family.exits + placed, fills=family.fills + fills)


def _fill_of(order: Order, trade: Trade, price: str) -> Fill:
    return replace(
        a_fill(Intent.EXIT, quantity=order.quantity, price=price, at=order.quote.at, clock=order.clock, trade=trade),
        quote_id=order.quote.quote_id,
    )


def make_own_exits(family: Family, trade: Trade, *events: ExitEvent) -> Family:
    """Make exits of a model trade on its own clock, and fill them."""
    first = len(family.find_exits(trade, Clock.OWN)) + 1
    return fill_orders(family, exit_synchronization.build_own_exit_orders(family, trade, events, first_leg=first))


def make_real_exits(family: Family) -> Family:
    """Make the owed exits of the real trades, and fill them."""
    return fill_orders(
        family, [placed.order for placed in exit_synchronization.find_owed_real_exits(family, venue=PAPER)]
    )


def test_one_real_trade_drives_and_none_or_two_do_not() -> None:
    real = a_real()

    assert a_family(real, a_model(A), a_model(B)).driver == real
    assert a_family(a_model(A), a_model(B)).driver is None
    assert a_family(real, a_real(B), a_model(A), a_model(B)).driver is None


def test_own_orders_close_fractions_in_lots_and_the_last_one_all_that_is_left() -> None:
    model = a_model(A, quantity="0.33", lot="0.1")
    family = a_family(model)

    orders = exit_synchronization.build_own_exit_orders(family, model, [HALF, REST], first_leg=1)

    assert [(order.leg, order.quantity, order.clock) for order in orders] == [
        (1, Decimal("0.1"), Clock.OWN),
        (2, Decimal("0.23"), Clock.OWN),
    ]


def test_an_own_exit_smaller_than_a_lot_makes_no_order_and_keeps_its_leg() -> None:
    model = a_model(A, quantity="1", lot="1")
    family = a_family(model)

    orders = exit_synchronization.build_own_exit_orders(family, model, [HALF, REST], first_leg=1)

    assert [(order.leg, order.quantity, order.is_final) for order in orders] == [(2, Decimal(1), True)]


def test_the_real_trade_owes_what_its_own_engines_model_trade_has_closed() -> None:
    real, mine, other = a_real(quantity="4"), a_model(A), a_model(B)
    family = make_own_exits(a_family(real, mine, other), mine, HALF)

    (owed,) = exit_synchronization.find_owed_real_exits(family, venue=PAPER)

    assert (owed.order.trade_id, owed.order.quantity, owed.order.leg) == (real.trade_id, Decimal(2), 1)
    assert (owed.state, owed.order.clock, owed.order.venue) == (OrderState.INTENT, Clock.SYNCHRONIZED, "paper")
    assert owed.order.quote.quote_id == family.find_exits(mine, Clock.OWN)[0].order.quote.quote_id


def test_an_exit_of_the_other_engine_is_nothing_the_real_trade_owes() -> None:
    real, mine, other = a_real(A), a_model(A), a_model(B)

    family = make_own_exits(a_family(real, mine, other), other, REST)

    assert exit_synchronization.find_owed_real_exits(family, venue=PAPER) == []
    assert exit_synchronization.find_owed_synchronized_exits(family) == []


def test_legs_are_owed_one_at_a_time_and_none_while_one_is_on_its_way() -> None:
    real, mine = a_real(), a_model(A)
    family = make_own_exits(a_family(real, mine), mine, HALF, REST)
    (first,) = exit_synchronization.find_owed_real_exits(family, venue=PAPER)

    waiting = replace(family, exits=(*family.exits, first))
    after = fill_orders(family, [first.order])

    assert exit_synchronization.find_owed_real_exits(waiting, venue=PAPER) == []
    (second,) = exit_synchronization.find_owed_real_exits(after, venue=PAPER)
    assert (second.order.leg, second.order.quantity, second.order.is_final) == (2, Decimal(5), True)
    assert exit_synchronization.find_owed_real_exits(fill_orders(after, [second.order]), venue=PAPER) == []


@pytest.mark.parametrize("state", [OrderState.REJECTED, OrderState.EXPIRED, OrderState.CANCELLED])
@pytest.mark.parametrize("may_retry", [True, False])
def test_a_refused_exit_is_sent_again_after_its_pause_and_not_before(state: OrderState, *, may_retry: bool) -> None:
    real, mine = a_real(), a_model(A)
    family = make_own_exits(a_family(real, mine), mine, HALF, REST)
    (first,) = exit_synchronization.find_owed_real_exits(family, venue=PAPER)
    refused = replace(first, state=state, may_retry=may_retry)

    owed = exit_synchronization.find_owed_real_exits(replace(family, exits=(*family.exits, refused)), venue=PAPER)

    attempts = [(placed.order.leg, placed.order.attempt, placed.order.quantity) for placed in owed]
    assert attempts == ([(1, 2, first.order.quantity)] if may_retry else [])
    assert all(placed.order.client_order_id != first.order.client_order_id for placed in owed)


@pytest.mark.parametrize("may_retry", [True, False])
def test_an_exit_takes_the_leg_of_a_flattening_that_was_refused(*, may_retry: bool) -> None:
    real, mine = a_real(), a_model(A)
    family = a_family(real, mine)
    (flattening,) = exit_synchronization.find_owed_flattening_exits(
        family, real, an_exit(4, reason="flatten"), venue=PAPER
    )
    refused = replace(flattening, state=OrderState.REJECTED, may_retry=may_retry)

    owed = exit_synchronization.find_owed_real_exits(
        make_own_exits(replace(family, exits=(refused,)), mine, REST), venue=PAPER
    )

    attempts = [(placed.order.leg, placed.order.attempt, placed.order.quantity, placed.order.reason) for placed in owed]
    assert attempts == ([(1, 2, Decimal(10), "stop")] if may_retry else [])
    assert all(placed.order.client_order_id != flattening.order.client_order_id for placed in owed)


def test_a_real_exit_below_a_lot_is_denied_and_the_next_leg_closes_all() -> None:
    real, mine = replace(a_real(quantity="0.01"), lot=Decimal("0.01")), a_model(A)
    family = make_own_exits(a_family(real, mine), mine, HALF, REST)

    (denied,) = exit_synchronization.find_owed_real_exits(family, venue=PAPER)
    (last,) = exit_synchronization.find_owed_real_exits(replace(family, exits=(*family.exits, denied)), venue=PAPER)

    assert (denied.state, denied.order.leg, denied.order.quantity) == (OrderState.DENIED, 1, Decimal("0.005"))
    assert (last.state, last.order.leg, last.order.quantity) == (OrderState.INTENT, 2, Decimal("0.01"))


@pytest.mark.parametrize("status", [TradeStatus.PENDING, TradeStatus.CLOSED])
def test_a_real_trade_that_is_not_open_owes_nothing(status: TradeStatus) -> None:
    real, mine = replace(a_real(), status=status), a_model(A)

    family = make_own_exits(a_family(real, mine), mine, REST)

    assert exit_synchronization.find_owed_real_exits(family, venue=PAPER) == []


@pytest.mark.property_id(15)
def test_every_model_trade_closes_the_fraction_the_real_one_closed_at_its_time_on_its_quote() -> None:
    real, mine, other = a_real(quantity="4"), a_model(A), a_model(B, quantity="6")
    family = make_real_exits(make_own_exits(a_family(real, mine, other), mine, HALF))
    (driven,) = [placed.order for placed in family.find_exits(real, Clock.SYNCHRONIZED)]

    orders = exit_synchronization.find_owed_synchronized_exits(family)

    assert {order.trade_id: order.quantity for order in orders} == {
        mine.trade_id: Decimal(5),
        other.trade_id: Decimal(3),
    }
    assert {(order.quote.at, order.quote.quote_id, order.leg) for order in orders} == {
        (minute(5), driven.quote.quote_id, driven.leg)
    }
    assert exit_synchronization.find_owed_synchronized_exits(fill_orders(family, orders)) == []


def test_models_wait_for_the_real_exit_to_fill() -> None:
    real, mine, other = a_real(), a_model(A), a_model(B)
    family = make_own_exits(a_family(real, mine, other), mine, REST)
    (owed,) = exit_synchronization.find_owed_real_exits(family, venue=PAPER)

    assert exit_synchronization.find_owed_synchronized_exits(replace(family, exits=(*family.exits, owed))) == []


def test_a_sibling_too_small_for_a_part_closes_all_with_the_final_exit() -> None:
    real, mine, other = a_real(), a_model(A), a_model(B, quantity="1", lot="1")
    family = make_real_exits(make_real_exits(make_own_exits(a_family(real, mine, other), mine, HALF, REST)))

    orders = [
        order for order in exit_synchronization.find_owed_synchronized_exits(family) if order.trade_id == other.trade_id
    ]

    assert [(order.leg, order.quantity) for order in orders] == [(2, Decimal(1))]


def test_without_a_real_trade_each_model_copies_its_own_exits() -> None:
    mine, other = a_model(A), a_model(B)
    family = make_own_exits(make_own_exits(a_family(mine, other), mine, HALF, REST), other, an_exit(7))

    copies = exit_synchronization.find_owed_synchronized_exits(family)

    assert [(order.trade_id, order.leg, order.quantity, order.quote.at) for order in copies] == [
        (mine.trade_id, 1, Decimal(5), minute(5)),
        (mine.trade_id, 2, Decimal(5), minute(9)),
        (other.trade_id, 1, Decimal(10), minute(7)),
    ]
    assert {(order.clock, order.venue) for order in copies} == {(Clock.SYNCHRONIZED, MODEL_VENUE)}
    assert exit_synchronization.find_owed_synchronized_exits(fill_orders(family, copies)) == []


def test_with_split_capital_each_real_trade_follows_its_own_engine() -> None:
    reals, models = [a_real(A), a_real(B)], [a_model(A), a_model(B)]
    family = make_own_exits(a_family(*reals, *models), models[1], an_exit(7))

    (owed,) = exit_synchronization.find_owed_real_exits(family, venue=PAPER)
    copies = exit_synchronization.find_owed_synchronized_exits(family)

    assert owed.order.trade_id == reals[1].trade_id
    assert [order.trade_id for order in copies] == [models[1].trade_id]


@pytest.mark.property_id(17)
def test_outcomes_are_due_once_for_each_clock_a_trade_is_flat_on() -> None:
    mine = a_model(A)
    family = make_own_exits(a_family(mine), mine, REST)
    both = fill_orders(family, exit_synchronization.find_owed_synchronized_exits(family))

    own, synchronized = (
        exit_synchronization.compute_due_outcomes(family),
        exit_synchronization.compute_due_outcomes(both),
    )

    assert [(outcome.exit_clock, outcome.equals_own, outcome.exit_reason) for outcome in own] == [
        (ExitClock.OWN, True, "stop")
    ]
    assert {(outcome.exit_clock, outcome.equals_own) for outcome in synchronized} == {
        (outcome, True) for outcome in ExitClock
    }
    assert {outcome.pnl for outcome in synchronized} == {Decimal(-50)}
    done = frozenset((outcome.trade_id, outcome.exit_clock) for outcome in synchronized)
    assert exit_synchronization.compute_due_outcomes(replace(both, outcomes_done=done)) == []


def test_a_driven_outcome_does_not_claim_to_equal_the_own_one() -> None:
    real, mine = a_real(), a_model(A)
    family = make_real_exits(make_own_exits(a_family(real, mine), mine, REST))
    family = fill_orders(family, exit_synchronization.find_owed_synchronized_exits(family))

    due = {
        (outcome.is_shadow, outcome.exit_clock): outcome
        for outcome in exit_synchronization.compute_due_outcomes(family)
    }

    assert set(due) == {(True, ExitClock.OWN), (True, ExitClock.SYNCHRONIZED), (False, ExitClock.SYNCHRONIZED)}
    assert not due[True, ExitClock.SYNCHRONIZED].equals_own
    assert due[True, ExitClock.SYNCHRONIZED].exit_time == due[False, ExitClock.SYNCHRONIZED].exit_time == minute(9)


def test_a_real_return_refers_to_its_share_of_the_capital() -> None:
    reals, models = [a_real(A, quantity="2"), a_real(B, quantity="8")], [a_model(A), a_model(B)]
    family = a_family(*reals, *models, shares={A: Decimal("0.2"), B: Decimal("0.8")})
    family = make_real_exits(make_own_exits(family, models[0], REST))

    real = next(outcome for outcome in exit_synchronization.compute_due_outcomes(family) if not outcome.is_shadow)

    assert (real.pnl, real.return_ratio) == (Decimal(-10), Decimal(-10) / (NOTIONAL * Decimal("0.2")))


def test_a_trade_that_is_closed_in_part_has_no_outcome() -> None:
    mine = a_model(A)

    assert exit_synchronization.compute_due_outcomes(make_own_exits(a_family(mine), mine, HALF)) == []


@pytest.mark.property_id(15, 40)
@given(
    quantities=st.tuples(st.integers(1, 500), st.integers(1, 500), st.integers(1, 500)),
    fractions=st.lists(st.integers(1, 40), min_size=0, max_size=3),
    lot=st.sampled_from(["0.01", "0.1", "1"]),
)
def test_following_to_the_end_leaves_everything_flat_and_then_owes_nothing(
    quantities: tuple[int, int, int], fractions: list[int], lot: str
) -> None:
    real_, mine_, other_ = (Decimal(quantity) * Decimal(lot) for quantity in quantities)
    real = replace(a_real(quantity=str(real_)), lot=Decimal(lot))
    mine, other = a_model(A, quantity=str(mine_), lot=lot), a_model(B, quantity=str(other_), lot=lot)
    parts = [Decimal(fraction) / 100 for fraction in fractions if sum(fractions) < 100]
    events = [an_exit(number, fraction=str(fraction), is_final=False) for number, fraction in enumerate(parts, start=1)]
    last = an_exit(len(parts) + 1, fraction=str(1 - sum(parts)))
    family = make_own_exits(make_own_exits(a_family(real, mine, other), mine, *events, last), other, last)

    while owed := exit_synchronization.find_owed_real_exits(family, venue=PAPER):
        denied = tuple(placed for placed in owed if placed.state is OrderState.DENIED)
        family = replace(family, exits=family.exits + denied)
        family = fill_orders(family, [placed.order for placed in owed if placed.state is OrderState.INTENT])
        family = fill_orders(family, exit_synchronization.find_owed_synchronized_exits(family))

    assert family.closed_quantity(real, ExitClock.SYNCHRONIZED) == real.quantity
    for model in (mine, other):
        assert (
            family.closed_quantity(model, ExitClock.SYNCHRONIZED)
            == family.closed_quantity(model, ExitClock.OWN)
            == model.quantity
        )
    assert exit_synchronization.find_owed_synchronized_exits(family) == []
    assert len(exit_synchronization.compute_due_outcomes(family)) == 5


def test_a_real_trade_of_an_engine_without_a_model_trade_owes_nothing() -> None:
    family = a_family(a_real(B), a_model(A))

    family = make_own_exits(family, family.models[0], an_exit(3))

    assert exit_synchronization.find_owed_real_exits(family, venue=PAPER) == []
