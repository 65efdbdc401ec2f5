"""Laws of the bar walk, over random markets, plans, recorded sides and moments of evaluation."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import exit_orders, exits, fills
from domain.context import Bar, BarSeries, PriceSide
from domain.decision import EngineSlot, Plan, Target, Trailing
from domain.exit_orders import Holding
from domain.exits import WalkResult
from domain.fills import DEFAULT
from domain.ports import WalkBars
from domain.signal import Direction
from domain.trade import Clock, ExitEvent, Trade, WalkState
from tests.support.builders.fill_costs import a_fill_model, some_costs
from tests.support.builders.trades import MONDAY, ONE_MINUTE, a_trade, dec, minute

LAST_MINUTE = 14
END = minute(LAST_MINUTE + 2)
NO_SPREAD = a_fill_model(
    some_costs(spread_bps=Decimal(0), slippage_bps=Decimal("0.5"), fee_bps=Decimal("0.5")), version="no spread"
)

prices = st.integers(8_500, 11_500).map(lambda cents: Decimal(cents) / 100)
distances = st.integers(10, 800).map(lambda cents: Decimal(cents) / 100)
seconds = st.integers(0, (LAST_MINUTE + 2) * 60).map(lambda number: MONDAY + timedelta(seconds=number))


@st.composite
def bars(draw: st.DrawFn) -> tuple[Bar, ...]:
    """Draw bars with gaps between them."""
    numbers = sorted(draw(st.sets(st.integers(0, LAST_MINUTE), min_size=1)))
    made = []
    for number in numbers:
        four = draw(st.tuples(prices, prices, prices, prices))
        made.append(
            Bar(open_time=minute(number), open=four[0], high=max(four), low=min(four), close=four[3], volume=None)
        )
    return tuple(made)


@st.composite
def markets(draw: st.DrawFn) -> WalkBars:
    """Draw a series for one or more sides; opens may cross and each side has its own gaps."""
    sides = draw(st.sets(st.sampled_from(PriceSide), min_size=1))
    return WalkBars(
        series=tuple(BarSeries(interval=ONE_MINUTE, side=one, bars=draw(bars())) for one in PriceSide if one in sides)
    )


@st.composite
def trades(draw: st.DrawFn) -> Trade:
    """Draw a trade whose targets sum to at most all of it."""
    side = draw(st.sampled_from(Direction))
    weights = draw(st.lists(st.integers(1, 5), max_size=3))
    total = sum(weights) + draw(st.integers(0, 3))
    levels = sorted(draw(st.lists(distances, min_size=len(weights), max_size=len(weights))))
    plan = Plan(
        side=side,
        quantity=draw(st.integers(1, 5_000)) * Decimal("0.01"),
        stop=100 - side.sign * draw(distances),
        targets=tuple(
            Target(price=100 + side.sign * level, fraction=(Decimal(weight) / total).quantize(Decimal("0.0001")))
            for level, weight in zip(levels, weights, strict=True)
        ),
        trailing=draw(
            st.none()
            | st.builds(
                lambda up, distance: Trailing(activation=100 + side.sign * up, distance=distance), distances, distances
            )
        ),
        max_hold=timedelta(seconds=draw(st.integers(0, 1200))),
    )
    entry_at = MONDAY + timedelta(seconds=draw(st.integers(0, 180)))
    return a_trade(plan, entry_at=entry_at, time_limit_at=entry_at + plan.max_hold)


def walked(trade: Trade, market: WalkBars, *, until: datetime = END) -> WalkResult:
    return exits.walk(trade, market, model=DEFAULT, until=until)


@pytest.mark.property_id(15)
@settings(max_examples=200, deadline=None)
@given(trade=trades(), market=markets(), moments=st.lists(seconds, max_size=6))
def test_walking_in_any_portions_is_walking_at_once(trade: Trade, market: WalkBars, moments: list[datetime]) -> None:
    going, events = trade, list[ExitEvent]()

    for until in [*sorted(moments), END]:
        part = walked(going, market, until=until)
        events.extend(part.events)
        going = replace(going, walk=part.state, evaluated_to=part.evaluated_to)

    assert WalkResult(state=going.walk, evaluated_to=going.evaluated_to, events=tuple(events)) == walked(trade, market)


@settings(max_examples=200, deadline=None)
@given(trade=trades(), market=markets())
def test_a_walk_closes_a_trade_at_most_once_and_never_before_its_entry(trade: Trade, market: WalkBars) -> None:
    result = walked(trade, market)

    closed = sum((one.fraction for one in result.events), Decimal(0))
    assert closed + result.state.remaining == 1
    assert [one.is_final for one in result.events[:-1]] == [False] * (len(result.events) - 1 if result.events else 0)
    assert bool(result.events and result.events[-1].is_final) == (result.state.remaining == 0)
    assert [one.at for one in result.events] == sorted(one.at for one in result.events)
    assert all(trade.entry_at <= one.at <= result.evaluated_to for one in result.events)
    assert result.state.legs == len(result.events)
    assert result.state.targets_hit == sum(one.reason == "target" for one in result.events)


@settings(max_examples=200, deadline=None)
@given(trade=trades(), market=markets())
def test_every_event_can_be_filled_and_stops_only_tighten(trade: Trade, market: WalkBars) -> None:
    result = walked(trade, market)

    for number, event in enumerate(result.events, start=1):
        order = exit_orders.build_exit_order(trade, event, clock=Clock.OWN, leg=number, quantity=dec(1), venue="model")
        assert fills.fill_order_by_model(order, model=DEFAULT) is not None
    assert (result.state.stop - trade.plan.stop) * trade.side.sign >= 0


@settings(max_examples=200, deadline=None)
@given(trade=trades(), market=markets(), other=markets(), until=seconds)
def test_bars_that_are_not_closed_by_then_never_matter(
    trade: Trade, market: WalkBars, other: WalkBars, until: datetime
) -> None:
    swapped = WalkBars(
        series=tuple(
            replace(
                series,
                bars=tuple(one for one in series.bars if ONE_MINUTE.end(one.open_time) <= until)
                + tuple(one for one in late_bars(other) if ONE_MINUTE.end(one.open_time) > until),
            )
            for series in market.series
        )
    )

    assert walked(trade, swapped, until=until) == walked(trade, market, until=until)


def late_bars(market: WalkBars) -> tuple[Bar, ...]:
    return market.series[0].bars


@pytest.mark.property_id(35)
@settings(max_examples=200, deadline=None)
@given(trade=trades(), market=markets())
def test_a_mirrored_market_gives_mirrored_events(trade: Trade, market: WalkBars) -> None:
    straight = exits.walk(trade, market, model=NO_SPREAD, until=END)

    mirrored = exits.walk(mirrored_trade(trade), mirrored_market(market), model=NO_SPREAD, until=END)

    assert mirrored.events == tuple(mirrored_event(one) for one in straight.events)
    assert mirrored.state == mirrored_state(straight.state)
    assert mirrored.evaluated_to == straight.evaluated_to


@pytest.mark.property_id(15)
@settings(max_examples=200, deadline=None)
@given(trade=trades(), market=markets(), sibling=trades(), lot=st.sampled_from(["0.01", "0.5", "3"]))
def test_real_exits_close_a_sibling_completely_at_their_own_times_on_their_own_quotes(
    trade: Trade, market: WalkBars, sibling: Trade, lot: str
) -> None:
    sibling = replace(sibling, engine=EngineSlot.B, lot=dec(lot))
    closed = Decimal(0)

    for leg, event in enumerate(walked(trade, market).events, start=1):
        real = exit_orders.build_exit_order(
            trade, event, clock=Clock.SYNCHRONIZED, leg=leg, quantity=dec(1), venue="paper"
        )
        for order in exit_orders.build_synchronized_orders(event, [Holding(trade=sibling, closed=closed)], leg=leg):
            assert order.quote == real.quote
            assert order.is_final or order.quantity % sibling.lot == 0
            assert order.is_final or order.quantity <= sibling.quantity * event.fraction
            closed += order.quantity

    is_closed = any(one.is_final for one in walked(trade, market).events)
    assert closed == sibling.quantity if is_closed else closed <= sibling.quantity


MIRRORED_SIDE = {PriceSide.BID: PriceSide.ASK, PriceSide.ASK: PriceSide.BID, PriceSide.MID: PriceSide.MID}


def mirrored_price(price: Decimal | None) -> Decimal | None:
    return None if price is None else 200 - price


def mirrored_trade(trade: Trade) -> Trade:
    plan, trailing = trade.plan, trade.plan.trailing
    turned = replace(
        plan,
        side=plan.side.opposite,
        stop=200 - plan.stop,
        targets=tuple(replace(one, price=200 - one.price) for one in plan.targets),
        trailing=None if trailing is None else replace(trailing, activation=200 - trailing.activation),
    )
    return replace(trade, side=turned.side, plan=turned, walk=mirrored_state(trade.walk))


def mirrored_state(state: WalkState) -> WalkState:
    return replace(state, stop=200 - state.stop, best=mirrored_price(state.best), price=mirrored_price(state.price))


def mirrored_market(market: WalkBars) -> WalkBars:
    return WalkBars(
        series=tuple(
            replace(
                series,
                side=MIRRORED_SIDE[series.side],
                bars=tuple(
                    replace(one, open=200 - one.open, high=200 - one.low, low=200 - one.high, close=200 - one.close)
                    for one in series.bars
                ),
            )
            for series in market.series
        )
    )


def mirrored_event(event: ExitEvent) -> ExitEvent:
    return replace(event, bid=mirrored_price(event.ask), ask=mirrored_price(event.bid), last=mirrored_price(event.last))
