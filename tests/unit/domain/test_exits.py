"""The rules of the bar walk within a bar, each for both directions."""

from __future__ import annotations

import pytest

from domain.signal import Direction
from domain.trade import Pricing
from tests.support.builders.mirrored_prices import QUIET, Market, reasons
from tests.support.builders.trades import dec, minute


@pytest.fixture(params=list(Direction), ids=lambda side: side.value)
def market(request: pytest.FixtureRequest) -> Market:
    """Give each direction in turn."""
    return Market(side=request.param)


def test_nothing_happens_between_stop_and_target(market: Market) -> None:
    walked = market.walk(market.trade(targets=[("110", "1")]), "100 109.99 95.01 100", QUIET)

    assert walked.events == ()
    assert walked.state == market.trade().walk
    assert walked.evaluated_to == minute(2)


def test_a_touched_stop_closes_all_at_the_stop_at_the_bars_end(market: Market) -> None:
    walked = market.walk(market.trade(), QUIET, "100 101 95 100")

    (event,) = walked.events
    assert (event.reason, event.at, event.pricing) == ("stop", minute(2), Pricing.MARKET)
    assert (event.fraction, event.is_final) == (dec(1), True)
    assert market.tested(event) == market.price("95")
    assert walked.state.remaining == 0


def test_a_touched_stop_fills_at_the_stop_less_slippage_for_long() -> None:
    market = Market(side=Direction.LONG)
    (event,) = market.walk(market.trade(), "100 101 94 100").events

    assert market.fill_price(market.trade(), event) == dec("94.99525")


def test_a_touched_stop_fills_at_the_stop_plus_slippage_for_short() -> None:
    market = Market(side=Direction.SHORT)
    (event,) = market.walk(market.trade(), "100 101 94 100").events

    assert market.fill_price(market.trade(), event) == dec("105.00525")


def test_a_bar_that_opens_beyond_the_stop_fills_at_its_open(market: Market) -> None:
    walked = market.walk(market.trade(targets=[("110", "1")]), QUIET, "90 111 89 100")

    (event,) = walked.events
    assert (event.reason, event.at, event.pricing) == ("stop", minute(1), Pricing.MARKET)
    assert market.tested(event) == market.price("90")


def test_a_bar_that_opens_on_a_level_fills_at_its_open(market: Market) -> None:
    stopped = market.walk(market.trade(), QUIET, "95 101 94 100")
    reached = market.walk(market.trade(targets=[("110", "1")]), QUIET, "110 111 109 110")

    assert [(event.reason, event.at) for event in stopped.events] == [("stop", minute(1))]
    assert [(event.reason, event.at) for event in reached.events] == [("target", minute(1))]


def test_the_stop_comes_before_the_target_within_one_bar(market: Market) -> None:
    walked = market.walk(market.trade(targets=[("110", "1")]), "100 115 95 112")

    assert reasons(walked) == ["stop"]


def test_a_target_fills_at_its_limit_at_the_bars_end(market: Market) -> None:
    trade = market.trade(targets=[("110", "0.5")])
    walked = market.walk(trade, "100 112 99 111")

    (event,) = walked.events
    assert (event.reason, event.at, event.pricing) == ("target", minute(1), Pricing.LIMIT)
    assert (event.fraction, event.is_final) == (dec("0.5"), False)
    assert market.fill_price(trade, event) == market.price("110")
    assert (walked.state.remaining, walked.state.targets_hit, walked.state.legs) == (dec("0.5"), 1, 1)


def test_a_target_is_touched_at_exactly_its_price(market: Market) -> None:
    walked = market.walk(market.trade(targets=[("110", "1")]), "100 110 99 100")

    assert reasons(walked) == ["target"]


def test_a_bar_that_opens_beyond_the_target_fills_at_its_better_open(market: Market) -> None:
    trade = market.trade(targets=[("110", "1")])
    walked = market.walk(trade, QUIET, "115 116 114 115")

    (event,) = walked.events
    assert (event.reason, event.at, event.pricing) == ("target", minute(1), Pricing.LIMIT)
    assert market.fill_price(trade, event) == market.price("115")


def test_what_an_open_beyond_the_target_leaves_is_stopped_later_in_the_bar(market: Market) -> None:
    walked = market.walk(market.trade(targets=[("110", "0.4")]), QUIET, "115 116 94 95")

    assert [(event.reason, event.fraction, event.at) for event in walked.events] == [
        ("target", dec("0.4"), minute(1)),
        ("stop", dec("0.6"), minute(2)),
    ]


def test_several_targets_in_one_bar_are_hit_nearest_first(market: Market) -> None:
    walked = market.walk(market.trade(targets=[("105", "0.3"), ("110", "0.7")]), "100 112 99 111")

    assert [market.tested(event) for event in walked.events] == [market.price("105"), market.price("110")]
    assert [event.is_final for event in walked.events] == [False, True]
    assert (walked.state.targets_hit, walked.state.legs) == (2, 2)


def test_a_target_is_hit_once(market: Market) -> None:
    walked = market.walk(market.trade(targets=[("105", "0.3"), ("120", "0.3")]), "100 106 99 106", "106 107 104 106")

    assert reasons(walked) == ["target"]


def test_what_targets_leave_open_closes_at_the_stop(market: Market) -> None:
    walked = market.walk(market.trade(targets=[("105", "0.3")]), "100 106 99 104", "104 104 94 95")

    assert [(event.reason, event.fraction, event.is_final) for event in walked.events] == [
        ("target", dec("0.3"), False),
        ("stop", dec("0.7"), True),
    ]


def test_a_target_closes_no_more_than_what_is_left(market: Market) -> None:
    walked = market.walk(market.trade(targets=[("105", "0.8"), ("106", "0.8")]), "100 107 99 104")

    assert [event.fraction for event in walked.events] == [dec("0.8"), dec("0.2")]


def test_trailing_moves_the_stop_after_the_bars_checks(market: Market) -> None:
    # The bar reaches 110 and falls to 104: a stop moved to 107 within the bar would have been hit by it.
    walked = market.walk(market.trade(trailing=("105", "3")), "100 110 104 108")

    assert walked.events == ()
    assert (walked.state.stop, walked.state.best) == (market.price("107"), market.price("110"))


def test_a_stop_that_trailing_moved_is_a_trailing_stop(market: Market) -> None:
    walked = market.walk(market.trade(trailing=("105", "3")), "100 110 104 108", "108 109 106 108")

    (event,) = walked.events
    assert (event.reason, event.at) == ("trailing_stop", minute(2))
    assert market.tested(event) == market.price("107")


def test_trailing_waits_for_its_activation(market: Market) -> None:
    walked = market.walk(market.trade(trailing=("105", "3")), "100 104.99 99 100")

    assert (walked.state.stop, walked.state.best) == (market.price("95"), None)


def test_trailing_is_armed_at_exactly_its_activation(market: Market) -> None:
    walked = market.walk(market.trade(trailing=("105", "3")), "100 105 99 100")

    assert walked.state.stop == market.price("102")


def test_an_armed_trailing_stop_never_moves_back(market: Market) -> None:
    walked = market.walk(market.trade(trailing=("105", "3")), "100 110 104 108", "108 108.5 107.5 108")

    assert (walked.state.stop, walked.state.best) == (market.price("107"), market.price("110"))


def test_an_armed_trailing_stop_follows_below_its_activation_too(market: Market) -> None:
    trade = market.trade(trailing=("105", "12"))
    walked = market.walk(trade, "100 105 99 100", "100 101 94.9 96")

    assert reasons(walked) == ["stop"]
    assert walked.state.stop == market.price("95")
