"""Which trades a pair of answers opens, denies and sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain import trade_opening
from domain.context import MarketContext
from domain.decision import EngineSlot, Plan
from domain.fills import DEFAULT
from domain.policy import ExecutionMode, ExecutionPolicy
from domain.ports import Exposure
from domain.risk import Limits
from domain.signal import Direction
from domain.study import Study
from domain.trade import Clock, Intent, Pricing, RealVenue, Trade, TradeStatus, WalkState, trade_id_for
from domain.trade_opening import FillRefused, OpeningPlan
from tests.support.builders.trades import (
    EXPERIMENT_ID,
    MONDAY,
    a_context,
    a_fill,
    a_plan,
    a_policy,
    a_signal,
    a_study,
    a_trade,
    an_answer,
    dec,
    minute,
)

A, B = EngineSlot.A, EngineSlot.B
LONG, SHORT = a_plan(), a_plan(Direction.SHORT)


def planned(
    plan_a: Plan | None,
    plan_b: Plan | None = None,
    *,
    policy: ExecutionPolicy | None = None,
    context: MarketContext | None = None,
    exposures: Mapping[tuple[EngineSlot, bool], Exposure] | None = None,
    study: Study | None = None,
) -> OpeningPlan:
    return trade_opening.plan_trades(
        (an_answer(A, plan_a), an_answer(B, plan_b)),
        signal=a_signal(),
        context=context or a_context(),
        policy=policy or a_policy(),
        study=study or a_study(),
        exposures=exposures or {},
        limits=Limits(max_open_per_symbol=1),
        model=DEFAULT,
        experiment_id=EXPERIMENT_ID,
        venue=RealVenue(name="paper", account="main"),
    )


def kinds(plan: OpeningPlan) -> list[tuple[EngineSlot, bool, TradeStatus]]:
    return [(one.engine, one.is_shadow, one.status) for one in plan.trades]


def real(plan: OpeningPlan, slot: EngineSlot = A) -> Trade:
    (trade,) = (one for one in plan.trades if not one.is_shadow and one.engine is slot)
    return trade


def test_who_does_not_enter_opens_nothing() -> None:
    assert planned(None, None, policy=a_policy(ExecutionMode.ENGINE_A_PRIMARY, A="1")).openings == ()


def test_shadow_only_opens_a_model_trade_for_each_that_enters_and_sends_nothing() -> None:
    plan = planned(LONG, SHORT)

    assert kinds(plan) == [(A, True, TradeStatus.OPEN), (B, True, TradeStatus.OPEN)]
    assert {one.venue for one in plan.orders} == {"model"}


@pytest.mark.parametrize(("mode", "slot"), [("ENGINE_A_PRIMARY", A), ("ENGINE_B_PRIMARY", B)])
def test_the_primary_engine_gets_a_real_trade_beside_its_model_trade(mode: str, slot: EngineSlot) -> None:
    plan = planned(LONG, SHORT, policy=a_policy(ExecutionMode(mode), **{slot.value: "1"}))

    assert [(one.engine, one.status) for one in plan.trades if not one.is_shadow] == [(slot, TradeStatus.PENDING)]
    assert [one.engine for one in plan.trades if one.is_shadow] == [A, B]
    assert {one.trade_id for one in plan.orders if one.venue == "paper"} == {real(plan, slot).trade_id}


@pytest.mark.parametrize(("plan", "price"), [(LONG, "100.0150005"), (SHORT, "99.9850005")])
def test_a_model_trade_fills_on_the_contexts_quote_across_the_spread(plan: Plan, price: str) -> None:
    made = planned(plan)

    (fill,), (order,), (trade,) = made.fills, made.orders, made.trades
    assert (fill.price, fill.quantity, fill.at) == (dec(price), dec(10), MONDAY)
    assert (fill.trade_id, fill.order_id, fill.quote_id) == (trade.trade_id, order.order_id, order.quote.quote_id)
    assert (fill.is_buy, order.is_buy) == (plan.side is Direction.LONG, plan.side is Direction.LONG)
    assert (fill.intent, fill.clock, fill.venue) == (Intent.ENTRY, Clock.BOTH, "model")


def test_the_entry_order_carries_the_quote_as_it_stood_at_the_entry() -> None:
    (order,) = planned(LONG).orders

    assert (order.quote.bid, order.quote.ask, order.quote.at) == (dec("99.99"), dec("100.01"), MONDAY)
    assert (order.leg, order.attempt, order.pricing, order.reason) == (0, 1, Pricing.MARKET, "entry")
    assert (order.fraction, order.is_final) == (dec(1), False)


def test_both_engines_and_both_ledgers_refer_to_one_stored_quote() -> None:
    plan = planned(LONG, SHORT, policy=a_policy(ExecutionMode.SPLIT_CAPITAL, A="0.5", B="0.5"))

    assert len(plan.orders) == 4
    assert len({one.quote.quote_id for one in plan.orders}) == 1
    assert len({one.client_order_id for one in plan.orders}) == 4


def test_a_trade_starts_its_walk_at_the_entry_with_the_plans_stop() -> None:
    (trade,) = planned(LONG).trades

    assert trade.walk == WalkState(stop=dec(95), remaining=dec(1), targets_hit=0, best=None, legs=0)
    assert (trade.entry_at, trade.evaluated_to, trade.side) == (MONDAY, MONDAY, Direction.LONG)
    assert (trade.trade_id, trade.book) == (trade_id_for(EXPERIMENT_ID, engine=A, is_shadow=True), "paper")


@pytest.mark.parametrize(
    ("max_hold", "expected"),
    [
        (timedelta(hours=8), MONDAY + timedelta(hours=8)),
        (timedelta(days=30), MONDAY + timedelta(days=2)),
        (timedelta.max, MONDAY + timedelta(days=2)),
    ],
)
def test_a_trade_ends_by_its_plan_or_its_studys_horizon(max_hold: timedelta, expected: object) -> None:
    (trade,) = planned(a_plan(max_hold=max_hold), study=a_study(horizon_sessions=2)).trades

    assert trade.time_limit_at == expected


def test_planning_again_names_the_same_rows() -> None:
    policy = a_policy(ExecutionMode.ENGINE_A_PRIMARY, A="1")

    assert planned(LONG, SHORT, policy=policy) == planned(LONG, SHORT, policy=policy)


def test_a_real_trade_waits_for_its_fills() -> None:
    plan = planned(LONG, policy=a_policy(ExecutionMode.ENGINE_A_PRIMARY, A="1"))

    (sent,) = (one for one in plan.openings if not one.trade.is_shadow)
    assert (sent.trade.status, sent.fill) == (TradeStatus.PENDING, None)
    assert sent.order is not None
    assert (sent.order.venue, sent.order.quantity, sent.order.is_buy) == ("paper", dec(10), True)


def test_split_capital_cuts_each_engines_own_quantity_to_whole_lots() -> None:
    policy = a_policy(ExecutionMode.SPLIT_CAPITAL, A="0.29", B="0.71")
    plan = planned(a_plan(quantity="10"), a_plan(quantity="7"), policy=policy, context=a_context(lot="1"))

    assert (real(plan, A).quantity, real(plan, B).quantity) == (dec(2), dec(4))
    assert [one.quantity for one in plan.trades if one.is_shadow] == [dec(10), dec(7)]


def test_a_share_below_the_lot_is_denied_and_the_model_trade_opens_all_the_same() -> None:
    policy = a_policy(ExecutionMode.SPLIT_CAPITAL, A="0.05", B="0.95")
    plan = planned(LONG, policy=policy, context=a_context(lot="1"))

    denied = real(plan)
    assert (denied.status, denied.denial, denied.quantity) == (TradeStatus.DENIED, "below_minimum_lot", dec("0.5"))
    assert kinds(plan)[0] == (A, True, TradeStatus.OPEN)
    assert [one.venue for one in plan.orders] == ["model"]


def test_a_share_of_zero_is_denied() -> None:
    plan = planned(LONG, policy=a_policy(ExecutionMode.SPLIT_CAPITAL, A="0", B="1"))

    assert real(plan).denial == "below_minimum_lot"


@pytest.mark.parametrize(
    ("plan", "context", "denial"),
    [
        (a_plan(quantity="0"), a_context(), "quantity_not_positive"),
        (replace(a_plan(), quantity=Decimal("NaN")), a_context(), "quantity_not_positive"),
        (LONG, a_context(bid=None, ask=None), "no_quote"),
        (LONG, a_context(bid="101", ask="99"), "no_quote"),
        (a_plan(stop="100"), a_context(), "stop_on_wrong_side"),
        (a_plan(Direction.SHORT, stop="100"), a_context(), "stop_on_wrong_side"),
        (LONG, a_context(lot="11"), "below_minimum_lot"),
    ],
)
def test_a_denied_entry_is_one_row_with_its_reason_in_each_ledger(
    plan: Plan, context: MarketContext, denial: str
) -> None:
    made = planned(plan, context=context, policy=a_policy(ExecutionMode.ENGINE_A_PRIMARY, A="1"))

    assert kinds(made) == [(A, True, TradeStatus.DENIED), (A, False, TradeStatus.DENIED)]
    assert [one.denial for one in made.trades] == [denial, denial]
    assert made.orders == ()
    assert made.fills == ()


@pytest.mark.parametrize(
    ("full", "model_denial", "real_denial"),
    [
        ((A, False), "max_open_per_symbol", "max_open_per_symbol"),
        ((A, True), None, "max_open_per_symbol"),
        ((B, False), None, None),
        ((B, True), None, None),
    ],
)
def test_each_ledger_of_each_engine_counts_for_itself_and_a_real_trade_needs_its_model_twin(
    full: tuple[EngineSlot, bool], model_denial: str | None, real_denial: str | None
) -> None:
    plan = planned(
        LONG,
        policy=a_policy(ExecutionMode.ENGINE_A_PRIMARY, A="1"),
        exposures={full: Exposure(open_in_symbol=1)},
    )

    assert [one.denial for one in plan.trades] == [model_denial, real_denial]


def test_fills_open_a_real_trade_with_what_they_filled() -> None:
    pending = a_trade(is_shadow=False, status=TradeStatus.PENDING)
    fills = [
        a_fill(Intent.ENTRY, quantity="4", at=minute(3), trade=pending),
        a_fill(Intent.ENTRY, quantity="2", at=minute(2), trade=pending),
    ]

    opened = trade_opening.filled_real(pending, fills)

    assert (opened.status, opened.quantity) == (TradeStatus.OPEN, dec(6))
    assert (opened.entry_at, opened.evaluated_to) == (minute(2), minute(2))


def test_without_fills_a_real_trade_stays_pending() -> None:
    pending = a_trade(is_shadow=False, status=TradeStatus.PENDING)

    assert trade_opening.filled_real(pending, []) == pending


def test_later_fills_add_quantity_and_leave_the_walk_where_it_is() -> None:
    walking = a_trade(is_shadow=False, evaluated_to=minute(9))
    fills = [a_fill(Intent.ENTRY, quantity=one, at=minute(7), trade=walking) for one in ("4", "6.5")]

    grown = trade_opening.filled_real(walking, fills)

    assert grown == replace(walking, quantity=dec("10.5"))


def test_a_fill_before_the_entry_does_not_move_the_entry_back() -> None:
    pending = a_trade(is_shadow=False, status=TradeStatus.PENDING, entry_at=minute(5))

    opened = trade_opening.filled_real(pending, [a_fill(Intent.ENTRY, at=minute(4), trade=pending)])

    assert opened.entry_at == minute(5)


@pytest.mark.parametrize("status", [TradeStatus.DENIED, TradeStatus.CLOSED])
def test_a_denied_or_closed_trade_takes_no_entry(status: TradeStatus) -> None:
    trade = a_trade(is_shadow=False, status=status)

    with pytest.raises(FillRefused):
        trade_opening.filled_real(trade, [a_fill(Intent.ENTRY, trade=trade)])


def test_fills_of_another_trade_and_exits_are_refused() -> None:
    pending = a_trade(is_shadow=False, status=TradeStatus.PENDING)
    other = a_trade(engine=B)

    with pytest.raises(FillRefused):
        trade_opening.filled_real(pending, [a_fill(Intent.ENTRY, trade=other)])
    with pytest.raises(FillRefused):
        trade_opening.filled_real(pending, [a_fill(Intent.EXIT, trade=pending)])
