"""Market data from stored bars."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import resample
from domain.context import Bar, ContextDepth, MarketView, PriceBasis, PriceSide, Quality
from tests.support.builders.markets import (
    BOOK,
    EURUSD,
    START,
    BarsInMemory,
    a_feed,
    a_stored_market,
    a_walk,
    ask_for,
    interval,
    minutes,
)
from venues.stored_market_data import StoredMarketData

_BID, _ASK, _MID = a_feed(side=PriceSide.BID), a_feed(side=PriceSide.ASK), a_feed(side=PriceSide.MID)
_COVERED = minutes(10.5)


def _bars(view: MarketView, *, higher: bool = False) -> Sequence[Bar]:
    series = view.window.higher if higher else view.window.base
    return () if series is None else series.bars


def test_a_window_holds_the_newest_closed_bars_of_the_stored_interval() -> None:
    bars = a_walk(400, step="5m")
    market = a_stored_market({a_feed("5m"): bars}, depth=ContextDepth(base=250, higher=10))

    (view,) = ask_for(market, minutes(5 * 300 + 2))

    assert _bars(view) == tuple(bars[50:300])
    assert view.quality["bars"] is Quality.REPLAY


def test_bars_of_a_coarser_timeframe_are_made_from_the_finest_series() -> None:
    minute_bars = a_walk(2000)
    as_of = START + minutes(1201)

    (view,) = ask_for(a_stored_market({_BID: minute_bars}), minutes(1201))

    whole = resample.resample(minute_bars, source=interval("1m"), to=interval("5m"), as_of=as_of)
    quarters = resample.resample(minute_bars, source=interval("1m"), to=interval("15m"), as_of=as_of)
    assert _bars(view) == whole[-250:]
    assert len(_bars(view)) == 240
    assert _bars(view, higher=True) == quarters[-100:]
    assert view.window.base is not None
    assert view.window.base.side is PriceSide.BID


def test_the_higher_half_takes_a_stored_series_where_there_is_one() -> None:
    stored = a_walk(40, step="15m", seed=9)
    market = a_stored_market({a_feed("5m"): a_walk(100, step="5m"), a_feed("15m"): stored})

    (view,) = ask_for(market, minutes(302))

    assert _bars(view, higher=True) == tuple(stored[:20])


@pytest.mark.parametrize(
    ("sides", "chosen"),
    [
        ((PriceSide.ASK, PriceSide.BID, PriceSide.MID), PriceSide.MID),
        ((PriceSide.ASK, PriceSide.BID), PriceSide.BID),
        ((PriceSide.ASK,), PriceSide.ASK),
    ],
)
def test_the_window_shows_mid_prices_before_bid_before_ask_and_says_which(
    sides: Iterable[PriceSide], chosen: PriceSide
) -> None:
    (view,) = ask_for(a_stored_market({a_feed(side=side): a_walk(20) for side in sides}), minutes(11))

    assert view.window.base is not None
    assert view.window.base.side is chosen


@pytest.mark.parametrize("timeframe", [None, interval("15s"), interval("7m")])
def test_a_timeframe_that_the_series_cannot_make_up_has_no_window(timeframe: Any) -> None:
    market = a_stored_market({a_feed("5m"): a_walk(100, step="5m")})

    (view,) = ask_for(market, minutes(100), timeframe=timeframe)

    assert view.window.base is view.window.higher is None
    assert view.quality["bars"] is view.quality["higher_bars"] is view.quality["volume"] is Quality.MISSING


def test_a_first_bucket_whose_beginning_is_not_stored_is_left_out() -> None:
    bars = a_walk(20, start=START + minutes(3))

    (view,) = ask_for(a_stored_market({_MID: bars}), minutes(16))

    assert [bar.open_time for bar in _bars(view)] == [START + minutes(5), START + minutes(10)]


def test_a_window_that_misses_its_newest_bar_says_delayed() -> None:
    market = a_stored_market({a_feed("5m"): a_walk(10, step="5m")})

    fresh, late = ask_for(market, minutes(54.9), minutes(55))

    assert fresh.quality["bars"] is Quality.REPLAY
    assert late.quality["bars"] is Quality.DELAYED


def test_months_are_made_of_days() -> None:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    market = a_stored_market({a_feed("1d"): a_walk(400, step="1d", start=start)})

    (view,) = ask_for(market, timedelta(), timeframe=interval("1mo"))

    assert [bar.open_time.month for bar in _bars(view)] == list(range(1, 13))


def test_an_interval_that_does_not_divide_the_next_takes_it_from_the_series_itself() -> None:
    start = datetime(2025, 1, 1, tzinfo=UTC)
    market = a_stored_market({a_feed("1d"): a_walk(400, step="1d", start=start)})

    (view,) = ask_for(market, timedelta(), timeframe=interval("2d"))

    assert [bar.open_time.month for bar in _bars(view, higher=True)] == list(range(1, 13))


def test_a_burst_on_one_bar_shares_one_window_and_reads_the_bars_once() -> None:
    store = BarsInMemory({_BID: a_walk(2000), _ASK: a_walk(2000, price=11_002)})
    market = StoredMarketData(bars=store, opened=Quality.REPLAY)

    views = ask_for(market, *[minutes(1200) + timedelta(milliseconds=9 * place) for place in range(64)])

    assert len({id(view.window) for view in views}) == 1
    assert store.calls == {"feeds": 1, "last_closed": 1, "around": 2}


def test_signals_on_two_bars_of_one_batch_see_their_own_window() -> None:
    bars = a_walk(100, step="5m")
    market = a_stored_market({a_feed("5m"): bars})

    views = ask_for(market, minutes(251), minutes(256), minutes(252))

    assert [_bars(view)[-1] for view in views] == [bars[49], bars[50], bars[49]]
    assert views[0].window is views[2].window


def test_where_bars_begin_at_half_past_each_moment_sees_what_was_closed_then() -> None:
    bars = a_walk(30, step="1h", start=START + minutes(30))
    market = a_stored_market({a_feed("1h"): bars})

    before, after = ask_for(market, minutes(10 * 60 + 10), minutes(10 * 60 + 40), timeframe=interval("1h"))

    assert _bars(before)[-1] == bars[8]
    assert _bars(after)[-1] == bars[9]


@pytest.mark.parametrize("opened", [Quality.REPLAY, Quality.ALERT])
def test_the_alerts_own_price_is_shown_where_it_fired_just_now(opened: Quality) -> None:
    market = a_stored_market({a_feed("5m"): a_walk(10, step="5m")}, opened=opened)

    inside_a_bar, at_an_open = ask_for(market, minutes(49), minutes(45), price=Decimal("1.1234"))

    for view in (inside_a_bar, at_an_open):
        assert (view.quote.last, view.quality["last"], view.quote.basis) == (
            Decimal("1.1234"),
            Quality.ALERT,
            PriceBasis.ALERT,
        )


def test_the_price_of_an_alert_that_fired_long_ago_is_not_shown() -> None:
    bars = a_walk(10, step="5m")
    fired_at = START + minutes(49) - timedelta(seconds=61)

    (view,) = ask_for(a_stored_market({a_feed("5m"): bars}), minutes(49), price=Decimal("1.1234"), event_at=fired_at)

    assert (view.quote.last, view.quote.basis) == (bars[8].close, PriceBasis.CLOSE)


def test_an_alerts_price_far_from_the_newest_known_one_is_not_shown_and_the_view_says_so() -> None:
    bars = a_walk(10, step="5m")

    (view,) = ask_for(a_stored_market({a_feed("5m"): bars}), minutes(49), price=Decimal(2))

    assert (view.quote.last, view.quality["alert_price"]) == (bars[8].close, Quality.IMPLAUSIBLE)


def test_in_an_alert_book_a_moment_without_bar_or_price_has_the_last_close() -> None:
    bars = a_walk(10, step="5m")

    (view,) = ask_for(a_stored_market({a_feed("5m"): bars}, opened=Quality.ALERT), minutes(51))

    assert (view.quote.last, view.quality["last"]) == (bars[-1].close, Quality.DELAYED)


def test_in_an_alert_book_a_bar_that_arrives_late_is_seen_by_the_next_signal() -> None:
    bars = a_walk(10, step="5m")
    store = BarsInMemory({a_feed("5m"): bars[:9]})
    market = StoredMarketData(bars=store, opened=Quality.ALERT)

    (first,) = ask_for(market, minutes(51))
    store.series[a_feed("5m")].append(bars[9])
    (second,) = ask_for(market, minutes(51))

    assert _bars(first)[-1] == bars[8]
    assert _bars(second)[-1] == bars[9]


def test_walked_bars_are_those_of_all_sides_and_intervals_in_the_span() -> None:
    bids, asks, coarse = a_walk(20), a_walk(20, price=11_002), a_walk(4, step="5m")
    market = a_stored_market({_BID: bids, _ASK: asks, a_feed("5m"): coarse})

    walked = market.walk_bars(BOOK, EURUSD, after=START + minutes(5), until=START + minutes(10))

    assert [(one.interval, one.side) for one in walked.series] == [
        (interval("1m"), PriceSide.ASK),
        (interval("1m"), PriceSide.BID),
        (interval("5m"), PriceSide.MID),
    ]
    assert walked.series[1].bars == tuple(bids[5:10])
    assert walked.series[2].bars == (coarse[1],)


def test_an_unknown_instrument_has_nothing_to_walk() -> None:
    walked = a_stored_market({}).walk_bars(BOOK, EURUSD, after=START, until=START + minutes(10))

    assert walked.series == ()


@given(
    seed=st.integers(0, 1000),
    dropped=st.sets(st.integers(0, 599), max_size=300),
    moments=st.lists(st.integers(0, 700), min_size=1, max_size=8),
    timeframe=st.sampled_from(["1m", "5m", "15m", "1h"]),
    shift=st.sampled_from([0, 0.5]),
)
@settings(max_examples=100, deadline=None)
def test_what_a_replay_keeps_between_calls_never_changes_an_answer(
    seed: int, dropped: set[int], moments: list[int], timeframe: str, shift: float
) -> None:
    bars = [
        replace(bar, open_time=bar.open_time + minutes(shift))
        for place, bar in enumerate(a_walk(600, seed=seed))
        if place not in dropped
    ]
    depth = ContextDepth(base=12, higher=3)
    keeping = a_stored_market({_MID: bars}, depth=depth)

    for moment in moments:
        (kept,) = ask_for(keeping, minutes(moment), timeframe=interval(timeframe))
        (fresh,) = ask_for(a_stored_market({_MID: bars}, depth=depth), minutes(moment), timeframe=interval(timeframe))

        assert kept == fresh


def test_a_replay_that_steps_forward_reads_each_bar_once() -> None:
    store = BarsInMemory({_MID: a_walk(3000)})
    market = StoredMarketData(bars=store, opened=Quality.REPLAY, depth=ContextDepth(base=10, higher=2))

    for hour in range(20, 40):
        ask_for(market, minutes(60 * hour + 1), timeframe=interval("15m"))

    assert store.calls["last_closed"] == 1
    assert store.calls["closed_between"] == 19
