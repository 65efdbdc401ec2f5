"""Which trades a pair of answers opens, denies and sends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from domain import trade_opening
from domain.context import MarketContext, PriceBasis
from domain.decision import EngineSlot, Plan
from domain.fills import DEFAULT
from domain.policy import ExecutionMode, ExecutionPolicy
from domain.ports import Exposure
from domain.risk import Limits
from domain.signal import Direction
from domain.trade import Clock, Fill, Intent, Order, Pricing, RealVenue, Trade, TradeStatus, WalkState, trade_id_for
from domain.trade_opening import EntryTerms, OpeningPlan
from tests.support.builders.trades import (
    EXPERIMENT_ID,
    MONDAY,
    a_context,
    a_plan,
    a_policy,
    a_signal,
    an_answer,
    dec,
    entries_at,
    minute,
)

A, B = EngineSlot.A, EngineSlot.B
LONG, SHORT = a_plan(), a_plan(Direction.SHORT)


def plan_openings(
    plan_a: Plan | None,
    plan_b: Plan | None = None,
    *,
    policy: ExecutionPolicy | None = None,
    context: MarketContext | None = None,
    exposures: Mapping[tuple[EngineSlot, bool], Exposure] | None = None,
    entries: Mapping[EngineSlot, EntryTerms] | None = None,
) -> OpeningPlan:
    context = context or a_context()
    return trade_opening.plan_trades(
        (an_answer(A, plan_a), an_answer(B, plan_b)),
        signal=a_signal(),
        context=context,
        policy=policy or a_policy(),
        entries=entries or entries_at(replace(context.quote, at=MONDAY)),
        exposures=exposures or {},
        limits=Limits(max_open_per_symbol=1),
        model=DEFAULT,
        experiment_id=EXPERIMENT_ID,
        venue=RealVenue(name="paper", account="main"),
    )


def list_statuses(plan: OpeningPlan) -> list[tuple[EngineSlot, bool, TradeStatus]]:
    return [(trade.engine, trade.is_shadow, trade.status) for trade in plan.trades]


def list_orders(plan: OpeningPlan) -> list[Order]:
    return [opening.order for opening in plan.openings if opening.order is not None]


def list_fills(plan: OpeningPlan) -> list[Fill]:
    return [opening.fill for opening in plan.openings if opening.fill is not None]


def find_real_trade(plan: OpeningPlan, slot: EngineSlot = A) -> Trade:
    (trade,) = (trade for trade in plan.trades if not trade.is_shadow and trade.engine is slot)
    return trade


def test_an_engine_that_does_not_enter_opens_no_trade() -> None:
    assert plan_openings(None, None, policy=a_policy(ExecutionMode.ENGINE_A_PRIMARY, A="1")).openings == ()


def test_shadow_only_opens_a_model_trade_for_each_that_enters_and_sends_nothing() -> None:
    plan = plan_openings(LONG, SHORT)

    assert list_statuses(plan) == [(A, True, TradeStatus.OPEN), (B, True, TradeStatus.OPEN)]
    assert {order.venue for order in list_orders(plan)} == {"model"}


@pytest.mark.parametrize(("mode", "slot"), [("ENGINE_A_PRIMARY", A), ("ENGINE_B_PRIMARY", B)])
def test_the_primary_engine_gets_a_real_trade_beside_its_model_trade(mode: str, slot: EngineSlot) -> None:
    plan = plan_openings(LONG, SHORT, policy=a_policy(ExecutionMode(mode), **{slot.value: "1"}))

    assert [(trade.engine, trade.status) for trade in plan.trades if not trade.is_shadow] == [
        (slot, TradeStatus.PENDING)
    ]
    assert [trade.engine for trade in plan.trades if trade.is_shadow] == [A, B]
    assert {order.trade_id for order in list_orders(plan) if order.venue == "paper"} == {
        find_real_trade(plan, slot).trade_id
    }


@pytest.mark.parametrize(("plan", "price"), [(LONG, "100.0150005"), (SHORT, "99.9850005")])
def test_a_model_trade_fills_on_the_contexts_quote_across_the_spread(plan: Plan, price: str) -> None:
    opened = plan_openings(plan)

    (fill,), (order,), (trade,) = list_fills(opened), list_orders(opened), opened.trades
    assert (fill.price, fill.quantity, fill.at) == (dec(price), dec(10), MONDAY)
    assert (fill.trade_id, fill.order_id, fill.quote_id) == (trade.trade_id, order.order_id, order.quote.quote_id)
    assert (fill.is_buy, order.is_buy) == (plan.side is Direction.LONG, plan.side is Direction.LONG)
    assert (fill.intent, fill.clock, fill.venue) == (Intent.ENTRY, Clock.BOTH, "model")


def test_the_entry_order_carries_the_quote_as_it_stood_at_the_entry() -> None:
    (order,) = list_orders(plan_openings(LONG))

    assert (order.quote.bid, order.quote.ask, order.quote.at) == (dec("99.99"), dec("100.01"), MONDAY)
    assert (order.leg, order.attempt, order.pricing, order.reason) == (0, 1, Pricing.MARKET, "entry")
    assert (order.fraction, order.is_final) == (dec(1), False)


def test_both_engines_and_both_ledgers_refer_to_one_stored_quote() -> None:
    plan = plan_openings(LONG, SHORT, policy=a_policy(ExecutionMode.SPLIT_CAPITAL, A="0.5", B="0.5"))

    assert len(list_orders(plan)) == 4
    assert len({order.quote.quote_id for order in list_orders(plan)}) == 1
    assert len({order.client_order_id for order in list_orders(plan)}) == 4


def test_a_trade_starts_its_walk_at_the_entry_with_the_plans_stop() -> None:
    (trade,) = plan_openings(LONG).trades

    assert trade.walk == WalkState(stop=dec(95), remaining=dec(1), targets_hit=0, best=None, legs=0, price=dec("99.99"))
    assert (trade.entry_at, trade.evaluated_to, trade.side) == (MONDAY, MONDAY, Direction.LONG)
    assert (trade.trade_id, trade.book) == (trade_id_for(EXPERIMENT_ID, engine=A, is_shadow=True), "paper")


@pytest.mark.parametrize(
    ("max_hold", "expected"),
    [
        (timedelta(hours=8), MONDAY + timedelta(hours=8)),
        (timedelta(days=300), MONDAY + timedelta(days=300)),
        (timedelta.max, MONDAY + timedelta(days=3660)),
    ],
)
def test_a_trade_ends_by_its_plan(max_hold: timedelta, expected: object) -> None:
    (trade,) = plan_openings(a_plan(max_hold=max_hold)).trades

    assert trade.time_limit_at == expected


def test_a_trade_entered_after_the_decision_counts_from_the_time_of_its_fill() -> None:
    quote = replace(a_context().quote, at=minute(7), basis=PriceBasis.LIVE, priced_at=minute(7))

    (trade,) = plan_openings(LONG, entries=entries_at(quote)).trades

    assert (trade.entry_at, trade.evaluated_to, trade.time_limit_at) == (minute(7), minute(7), minute(7 + 8 * 60))


def test_a_trade_entered_at_a_bars_open_is_walked_from_that_open() -> None:
    quote = replace(a_context().quote, at=minute(7), basis=PriceBasis.OPEN, priced_at=minute(6))

    (trade,) = plan_openings(LONG, entries=entries_at(quote)).trades

    assert (trade.entry_at, trade.evaluated_to) == (minute(7), minute(6))


def test_an_entry_without_a_price_waits_in_both_ledgers_and_orders_nothing() -> None:
    policy = a_policy(ExecutionMode.ENGINE_A_PRIMARY, A="1")

    plan = plan_openings(LONG, policy=policy, entries=entries_at(None, fill_by=minute(60)))

    assert list_statuses(plan) == [(A, True, TradeStatus.PENDING), (A, False, TradeStatus.PENDING)]
    assert [trade.fill_by for trade in plan.trades] == [minute(60), minute(60)]
    assert list_orders(plan) == []


def test_an_entry_without_a_price_that_may_not_wait_is_denied_in_both_ledgers() -> None:
    policy = a_policy(ExecutionMode.ENGINE_A_PRIMARY, A="1")

    plan = plan_openings(LONG, policy=policy, entries=entries_at(None))

    assert [trade.denial for trade in plan.trades] == ["no_quote", "no_quote"]


def test_planning_again_gives_the_same_ids() -> None:
    policy = a_policy(ExecutionMode.ENGINE_A_PRIMARY, A="1")

    assert plan_openings(LONG, SHORT, policy=policy) == plan_openings(LONG, SHORT, policy=policy)


def test_a_real_trade_waits_for_its_fills() -> None:
    plan = plan_openings(LONG, policy=a_policy(ExecutionMode.ENGINE_A_PRIMARY, A="1"))

    (sent,) = (opening for opening in plan.openings if not opening.trade.is_shadow)
    assert (sent.trade.status, sent.fill) == (TradeStatus.PENDING, None)
    assert sent.order is not None
    assert (sent.order.venue, sent.order.quantity, sent.order.is_buy) == ("paper", dec(10), True)


def test_split_capital_cuts_each_engines_own_quantity_to_whole_lots() -> None:
    policy = a_policy(ExecutionMode.SPLIT_CAPITAL, A="0.29", B="0.71")
    plan = plan_openings(a_plan(quantity="10"), a_plan(quantity="7"), policy=policy, context=a_context(lot="1"))

    assert (find_real_trade(plan, A).quantity, find_real_trade(plan, B).quantity) == (dec(2), dec(4))
    assert [trade.quantity for trade in plan.trades if trade.is_shadow] == [dec(10), dec(7)]


def test_a_share_below_the_lot_is_denied_and_the_model_trade_opens_nevertheless() -> None:
    policy = a_policy(ExecutionMode.SPLIT_CAPITAL, A="0.05", B="0.95")
    plan = plan_openings(LONG, policy=policy, context=a_context(lot="1"))

    denied = find_real_trade(plan)
    assert (denied.status, denied.denial, denied.quantity) == (TradeStatus.DENIED, "below_minimum_lot", dec("0.5"))
    assert list_statuses(plan)[0] == (A, True, TradeStatus.OPEN)
    assert [order.venue for order in list_orders(plan)] == ["model"]


def test_a_share_of_zero_is_denied() -> None:
    plan = plan_openings(LONG, policy=a_policy(ExecutionMode.SPLIT_CAPITAL, A="0", B="1"))

    assert find_real_trade(plan).denial == "below_minimum_lot"


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
    opened = plan_openings(plan, context=context, policy=a_policy(ExecutionMode.ENGINE_A_PRIMARY, A="1"))

    assert list_statuses(opened) == [(A, True, TradeStatus.DENIED), (A, False, TradeStatus.DENIED)]
    assert [trade.denial for trade in opened.trades] == [denial, denial]
    assert list_orders(opened) == []
    assert list_fills(opened) == []


@pytest.mark.parametrize(
    ("full", "model_denial", "real_denial"),
    [
        ((A, False), "max_open_per_symbol", "max_open_per_symbol"),
        ((A, True), None, "max_open_per_symbol"),
        ((B, False), None, None),
        ((B, True), None, None),
    ],
)
def test_each_ledger_of_each_engine_counts_for_itself_and_a_real_trade_needs_its_model_trade(
    full: tuple[EngineSlot, bool], model_denial: str | None, real_denial: str | None
) -> None:
    plan = plan_openings(
        LONG,
        policy=a_policy(ExecutionMode.ENGINE_A_PRIMARY, A="1"),
        exposures={full: Exposure(open_in_symbol=1)},
    )

    assert [trade.denial for trade in plan.trades] == [model_denial, real_denial]
