"""Which recorded price side tests a trade, and what stands for a side that is not recorded."""

from __future__ import annotations

import pytest

from domain import exit_orders, exits, fills
from domain.context import Bar, BarSeries, PriceSide
from domain.fills import DEFAULT
from domain.ports import WalkBars
from domain.signal import Direction
from domain.trade import Clock, QuoteBasis
from tests.support.builders.fill_costs import a_fill_model, some_costs
from tests.support.builders.mirrored_prices import FAR
from tests.support.builders.trades import ONE_MINUTE, a_bar, a_plan, a_trade, dec, walk_bars


def test_a_long_trade_is_tested_on_the_bid_and_not_on_the_ask() -> None:
    bars = walk_bars(bid=[a_bar(0, "100 101 96 100")], ask=[a_bar(0, "100 112 90 100")])

    walked = exits.walk(a_trade(a_plan(targets=[("110", "1")])), bars, model=DEFAULT, until=FAR)

    assert walked.events == ()


def test_a_short_trade_is_tested_on_the_ask_and_not_on_the_bid() -> None:
    bars = walk_bars(bid=[a_bar(0, "100 112 80 100")], ask=[a_bar(0, "100 104 91 100")])

    walked = exits.walk(a_trade(a_plan(Direction.SHORT, targets=[("90", "1")])), bars, model=DEFAULT, until=FAR)

    assert walked.events == ()


def bars_of_one_side(side: PriceSide, bar: Bar) -> WalkBars:
    return WalkBars(series=(BarSeries(interval=ONE_MINUTE, side=side, bars=(bar,)),))


WIDE = a_fill_model(some_costs(spread_bps=dec(200), slippage_bps=dec(0), fee_bps=dec(0)))


@pytest.mark.parametrize(
    ("side", "recorded", "just_out", "touching"),
    [
        (Direction.LONG, PriceSide.ASK, "97", "96"),  # bid = ask x 0.98, stop 95: touched below 96.94
        (Direction.LONG, PriceSide.MID, "96", "95.5"),  # bid = mid x 0.99: touched below 95.96
        (Direction.SHORT, PriceSide.BID, "102", "103"),  # ask = bid x 1.02, stop 105: touched above 102.94
        (Direction.SHORT, PriceSide.MID, "103", "104"),  # ask = mid x 1.01: touched above 103.96
    ],
)
def test_a_side_that_is_not_recorded_is_modelled(
    side: Direction, recorded: PriceSide, just_out: str, touching: str
) -> None:
    trade = a_trade(a_plan(side))
    near, far = (
        exits.walk(
            trade,
            bars_of_one_side(recorded, a_bar(0, f"100 {max(dec(price), 100)} {min(dec(price), 100)} 100")),
            model=WIDE,
            until=FAR,
        )
        for price in (just_out, touching)
    )

    assert near.events == ()
    (event,) = far.events
    order = exit_orders.build_exit_order(trade, event, clock=Clock.OWN, leg=1, quantity=dec(1), venue="model")
    fill = fills.fill_order_by_model(order, model=WIDE)
    assert fill is not None
    assert (fill.price, fill.basis) == (trade.plan.stop, QuoteBasis.MODELLED)


def test_an_open_beyond_the_stop_keeps_both_recorded_sides() -> None:
    bars = walk_bars(bid=[a_bar(0, "90 91 89 90")], ask=[a_bar(0, "92 93 91 92")], mid=[a_bar(0, "91 92 90 91")])
    locked = walk_bars(bid=[a_bar(0, "90 91 89 90")], ask=[a_bar(0, "90 91 89 90")])

    (event,) = exits.walk(a_trade(), bars, model=DEFAULT, until=FAR).events
    (without_spread,) = exits.walk(a_trade(), locked, model=DEFAULT, until=FAR).events

    assert (event.bid, event.ask, event.last) == (dec(90), dec(92), dec(91))
    assert (without_spread.bid, without_spread.ask) == (dec(90), dec(90))


@pytest.mark.parametrize(("side", "price"), [(Direction.LONG, "93"), (Direction.SHORT, "107")])
def test_a_crossed_open_keeps_the_side_that_was_tested(side: Direction, price: str) -> None:
    if side is Direction.LONG:
        bars = walk_bars(bid=[a_bar(0, "93 108 92 93")], ask=[a_bar(0, "92 108 91 92")])
    else:
        bars = walk_bars(bid=[a_bar(0, "108 109 93 108")], ask=[a_bar(0, "107 108 92 107")])

    (event,) = exits.walk(a_trade(a_plan(side)), bars, model=DEFAULT, until=FAR).events

    assert (event.bid, event.ask) == ((dec(price), None) if side is Direction.LONG else (None, dec(price)))
