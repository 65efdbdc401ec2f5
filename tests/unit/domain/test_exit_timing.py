"""Which bars a walk takes, when the time limit ends a trade, and what time an exit carries."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from domain import exits
from domain.context import PriceBasis
from domain.exits import WalkResult
from domain.fills import DEFAULT
from domain.signal import Direction
from domain.trade import Pricing
from tests.support.builders.mirrored_prices import FAR, QUIET, Market, reasons
from tests.support.builders.trades import MINUTE, MONDAY, minute, walk_bars


@pytest.fixture(params=list(Direction), ids=lambda side: side.value)
def market(request: pytest.FixtureRequest) -> Market:
    """Give each direction in turn."""
    return Market(side=request.param)


def test_the_time_limit_fills_at_the_first_open_at_or_after_it(market: Market) -> None:
    trade = market.trade(max_hold=timedelta(seconds=90))
    walked = market.walk(trade, QUIET, QUIET, "102 103 94 100")

    (event,) = walked.events
    assert (event.reason, event.at, event.pricing) == ("time_limit", minute(2), Pricing.MARKET)
    assert market.tested(event) == market.price("102")


def test_the_time_limit_is_at_the_open_that_stands_exactly_on_it(market: Market) -> None:
    walked = market.walk(market.trade(max_hold=2 * MINUTE), QUIET, QUIET, "102 103 101 102", QUIET)

    assert [(event.reason, event.at) for event in walked.events] == [("time_limit", minute(2))]


def test_the_time_limit_comes_before_the_stop_at_the_same_open(market: Market) -> None:
    walked = market.walk(market.trade(max_hold=MINUTE), QUIET, "90 91 89 90")

    assert reasons(walked) == ["time_limit"]


def test_the_time_limit_waits_until_its_bar_has_closed(market: Market) -> None:
    trade = market.trade(max_hold=MINUTE)

    assert market.walk(trade, QUIET, QUIET, until=minute(1) + timedelta(seconds=59)).events == ()
    assert reasons(market.walk(trade, QUIET, QUIET, until=minute(2))) == ["time_limit"]


def test_the_bar_at_whose_open_the_trade_was_entered_is_walked_as_a_whole(market: Market) -> None:
    trade = replace(market.trade(entry_at=MONDAY + timedelta(seconds=0.5)), evaluated_to=MONDAY)
    walked = market.walk(trade, "100 101 95 100")

    assert [(event.reason, event.at) for event in walked.events] == [("stop", minute(1))]


def test_of_a_bar_that_began_before_the_entry_only_the_close_counts(market: Market) -> None:
    trade = market.trade(entry_at=MONDAY + timedelta(seconds=30))

    touched = market.walk(trade, "100 101 90 100")
    closed_beyond = market.walk(trade, "100 101 90 94")

    assert (touched.events, touched.evaluated_to) == ((), minute(1))
    (stop,) = closed_beyond.events
    assert (stop.reason, stop.at, stop.basis) == ("stop", minute(1), PriceBasis.CLOSE)


def test_a_bar_that_closed_at_the_entry_is_not_walked(market: Market) -> None:
    trade = market.trade(entry_at=minute(1))

    assert market.walk(trade, "100 101 90 100").events == ()


def test_no_event_is_earlier_than_the_entry(market: Market) -> None:
    entry_at = MONDAY + timedelta(seconds=0.5)
    walked = market.walk(replace(market.trade(entry_at=entry_at), evaluated_to=MONDAY), "94 101 90 100")

    assert [event.at for event in walked.events] == [entry_at]


def test_only_bars_closed_by_until_are_walked(market: Market) -> None:
    bars = (QUIET, "100 101 90 100")

    before = market.walk(market.trade(), *bars, until=minute(2) - timedelta(microseconds=1))
    at_close = market.walk(market.trade(), *bars, until=minute(2))

    assert (before.events, before.evaluated_to) == ((), minute(1))
    assert reasons(at_close) == ["stop"]


def test_bars_before_evaluated_to_are_not_walked_again(market: Market) -> None:
    trade = replace(market.trade(), evaluated_to=minute(2))

    assert market.walk(trade, QUIET, "100 101 90 100", QUIET).events == ()


def test_bars_are_walked_oldest_first_however_they_come(market: Market) -> None:
    bars = [market.bar(1, "100 101 90 100"), market.bar(0, "100 111 99 100")]

    walked = exits.walk(market.trade(targets=[("110", "1")]), market.recorded(bars), model=DEFAULT, until=FAR)

    assert reasons(walked) == ["target"]


def test_a_closed_trade_stays_as_it_is(market: Market) -> None:
    trade = market.trade()
    first = market.walk(trade, "100 101 90 100")
    closed = replace(trade, walk=first.state, evaluated_to=first.evaluated_to)

    again = market.walk(closed, QUIET, "100 101 90 100")

    assert again == WalkResult(state=first.state, evaluated_to=minute(1), events=())


def test_without_bars_nothing_moves(market: Market) -> None:
    walked = exits.walk(market.trade(), walk_bars(), model=DEFAULT, until=FAR)

    assert walked == WalkResult(state=market.trade().walk, evaluated_to=MONDAY, events=())
