"""Closing at once, and the orders that follow from an exit."""

from __future__ import annotations

from dataclasses import replace

import pytest

from domain import exit_orders, exits
from domain.context import PriceBasis, Quality, Quote
from domain.decision import EngineSlot
from domain.exit_orders import Holding
from domain.exits import ExitReason, NothingLeftToClose
from domain.signal import Direction
from domain.trade import Clock, ExitEvent, Intent, Pricing
from tests.support.builders.mirrored_prices import Market
from tests.support.builders.trades import MONDAY, a_plan, a_trade, dec, minute


@pytest.fixture(params=list(Direction), ids=lambda side: side.value)
def market(request: pytest.FixtureRequest) -> Market:
    """Give each direction in turn."""
    return Market(side=request.param)


def test_closing_now_takes_everything_left_at_the_quote(market: Market) -> None:
    trade = market.trade(targets=[("105", "0.3")])
    walked = market.walk(trade, "100 106 99 104")
    quote = Quote(at=minute(0), bid=dec(99), ask=dec(101), last=None, quality=Quality.LIVE)

    event = exits.build_closing_event(
        replace(trade, walk=walked.state), quote=quote, at=minute(3), reason=ExitReason.EXIT_SIGNAL
    )

    assert (event.at, event.fraction, event.is_final) == (minute(3), dec("0.7"), True)
    assert (event.reason, event.pricing, event.bid, event.ask) == ("exit_signal", Pricing.MARKET, dec(99), dec(101))
    assert exits.apply_exit(walked.state, event).remaining == 0


def test_closing_now_is_never_earlier_than_the_entry(market: Market) -> None:
    quote = Quote(at=minute(0), bid=dec(99), ask=dec(101), last=None, quality=Quality.LIVE)

    event = exits.build_closing_event(
        market.trade(entry_at=minute(5)), quote=quote, at=minute(3), reason=ExitReason.END_OF_DATA
    )

    assert event.at == minute(5)


def test_a_closed_trade_cannot_be_closed_now(market: Market) -> None:
    trade = market.trade()
    closed = replace(trade, walk=market.walk(trade, "100 101 90 100").state)
    quote = Quote(at=MONDAY, bid=dec(99), ask=dec(101), last=None, quality=Quality.LIVE)

    with pytest.raises(NothingLeftToClose):
        exits.build_closing_event(closed, quote=quote, at=MONDAY, reason=ExitReason.FLATTEN)


def an_event(fraction: str, *, is_final: bool = False) -> ExitEvent:
    return ExitEvent(
        at=minute(4),
        fraction=dec(fraction),
        is_final=is_final,
        reason="target",
        pricing=Pricing.LIMIT,
        bid=dec(110),
        ask=None,
        last=None,
        basis=PriceBasis.OPEN,
    )


@pytest.mark.parametrize(
    ("fraction", "is_final", "already_closed", "expected"),
    [
        ("0.5", False, "0", "3"),  # 3.5 in whole lots
        ("0.1", False, "0", "0"),  # 0.7 is less than a lot
        ("0.5", False, "6", "1"),  # never more than what is left
        ("0.5", True, "3", "4"),  # the final event leaves nothing
        ("0.5", True, "7", "0"),
        ("0.5", True, "8", "0"),
    ],
)
def test_an_event_closes_whole_lots_of_its_fraction(
    fraction: str, is_final: bool, already_closed: str, expected: str
) -> None:
    event = an_event(fraction, is_final=is_final)

    quantity = exit_orders.compute_exit_quantity(event, quantity=dec(7), lot=dec(1), already_closed=dec(already_closed))

    assert quantity == dec(expected)


def test_an_exit_order_is_the_trades_opposite_and_names_itself() -> None:
    for side, is_buy in ((Direction.LONG, False), (Direction.SHORT, True)):
        trade = a_trade(a_plan(side))
        order = exit_orders.build_exit_order(
            trade, an_event("0.5"), clock=Clock.OWN, leg=2, quantity=dec(5), venue="model"
        )

        assert (order.is_buy, order.intent, order.clock, order.leg) == (is_buy, Intent.EXIT, Clock.OWN, 2)
        assert (order.quote.bid, order.quote.at, order.fraction) == (dec(110), minute(4), dec("0.5"))
        assert (order.trade_id, order.reason, order.pricing) == (trade.trade_id, "target", Pricing.LIMIT)
        again = exit_orders.build_exit_order(
            trade, an_event("0.5"), clock=Clock.OWN, leg=2, quantity=dec(5), venue="model"
        )
        assert again == order


def test_an_exit_orders_name_differs_by_clock_leg_and_attempt() -> None:
    trade, event = a_trade(), an_event("0.5")
    orders = [
        exit_orders.build_exit_order(
            trade, event, clock=clock, leg=leg, attempt=attempt, quantity=dec(5), venue="model"
        )
        for clock in (Clock.OWN, Clock.SYNCHRONIZED)
        for leg in (1, 2)
        for attempt in (1, 2)
    ]

    assert len({order.client_order_id for order in orders}) == len({order.order_id for order in orders}) == 8


def test_a_real_exit_closes_the_same_fraction_of_each_model_trade_on_the_same_quote() -> None:
    long = a_trade(a_plan(quantity="10"), engine=EngineSlot.A)
    short = a_trade(a_plan(Direction.SHORT, quantity="4"), engine=EngineSlot.B)
    holdings = [Holding(trade=long, closed=dec(0)), Holding(trade=short, closed=dec(0))]

    orders = exit_orders.build_synchronized_orders(an_event("0.25"), holdings, leg=3)

    assert [(order.trade_id, order.quantity, order.is_buy) for order in orders] == [
        (long.trade_id, dec("2.5"), False),
        (short.trade_id, dec(1), True),
    ]
    assert len({order.quote.quote_id for order in orders}) == 1
    assert {(order.clock, order.venue, order.leg, order.quote.at) for order in orders} == {
        (Clock.SYNCHRONIZED, "model", 3, minute(4))
    }


def test_the_final_real_exit_closes_what_each_model_trade_has_left() -> None:
    holdings = [
        Holding(trade=a_trade(engine=EngineSlot.A), closed=dec(3)),
        Holding(trade=a_trade(engine=EngineSlot.B), closed=dec(10)),
    ]

    (order,) = exit_orders.build_synchronized_orders(an_event("0.5", is_final=True), holdings, leg=2)

    assert (order.quantity, order.is_final) == (dec(7), True)
    assert order.trade_id == holdings[0].trade.trade_id


def test_exit_reasons_have_stable_codes() -> None:
    assert [reason.value for reason in ExitReason] == [
        "stop",
        "target",
        "trailing_stop",
        "time_limit",
        "exit_signal",
        "opposite_signal",
        "end_of_data",
        "flatten",
        "price_jump",
        "contract_roll",
    ]
