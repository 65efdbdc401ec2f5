"""Quotes from stored bars."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from domain.context import PriceBasis, PriceSide, Quality
from tests.support.builders.markets import (
    BOOK,
    EURUSD,
    START,
    BarsInMemory,
    a_bar,
    a_feed,
    a_stored_market,
    a_walk,
    ask_for,
    minutes,
)
from venues.stored_market_data import StoredMarketData

_BID, _ASK, _MID = a_feed(side=PriceSide.BID), a_feed(side=PriceSide.ASK), a_feed(side=PriceSide.MID)
_COVERED = minutes(10.005)


def test_a_quote_takes_the_open_of_the_bar_that_covers_the_moment_from_each_sides_series() -> None:
    bids, asks = a_walk(20, price=11_000), a_walk(20, price=11_002)

    quote = a_stored_market({_BID: bids, _ASK: asks}).quote(BOOK, EURUSD, at=START + _COVERED).quote

    assert (quote.bid, quote.ask, quote.last) == (bids[10].open, asks[10].open, None)
    assert (quote.at, quote.quality) == (START + _COVERED, Quality.REPLAY)


def test_a_moment_that_no_bar_covers_gets_the_last_close_and_says_delayed() -> None:
    mids = a_walk(5)

    view = a_stored_market({_MID: mids}).quote(BOOK, EURUSD, at=START + minutes(60))

    assert view.quote.last == mids[-1].close
    assert view.quality["last"] is view.quote.quality is Quality.DELAYED


def test_a_bar_covers_its_open_but_not_its_end() -> None:
    market = a_stored_market({_MID: [a_bar(START, "1", "3", "1", "2")]})

    at_open = market.quote(BOOK, EURUSD, at=START)
    at_end = market.quote(BOOK, EURUSD, at=START + minutes(1))

    assert (at_open.quote.last, at_open.quote.quality) == (Decimal(1), Quality.REPLAY)
    assert (at_end.quote.last, at_end.quote.quality) == (Decimal(2), Quality.DELAYED)


def test_before_the_first_bar_nothing_is_known() -> None:
    view = a_stored_market({_BID: a_walk(5), _ASK: a_walk(5)}).quote(BOOK, EURUSD, at=START - minutes(1))

    assert not view.quote.is_usable
    assert set(view.quality.values()) == {Quality.MISSING}


def test_an_instrument_that_no_series_records_is_missing_altogether() -> None:
    (view,) = ask_for(a_stored_market({}), _COVERED)

    assert not view.quote.is_usable
    assert set(view.quality.values()) == {Quality.MISSING}
    assert (view.window.base, view.window.higher) == (None, None)


def test_a_crossed_quote_is_shown_as_crossed_and_missing() -> None:
    view = a_stored_market({_BID: a_walk(20, price=11_002), _ASK: a_walk(20, price=11_000)}).quote(
        BOOK, EURUSD, at=START + _COVERED
    )

    assert (view.quote.bid, view.quote.ask, view.quote.quality) == (None, None, Quality.CROSSED)


def test_beside_an_open_an_old_close_of_the_other_side_is_left_out() -> None:
    view = a_stored_market({_BID: a_walk(20), _ASK: a_walk(5, price=11_100)}).quote(BOOK, EURUSD, at=START + _COVERED)

    assert (view.quality["bid"], view.quality["ask"]) == (Quality.REPLAY, Quality.MISSING)
    assert view.quote.ask is None


def test_an_open_counts_for_a_hundredth_of_its_interval_and_five_seconds_at_most() -> None:
    minute_bars = a_stored_market({_MID: a_walk(20)})
    hours = a_stored_market({a_feed("1h"): a_walk(20, step="1h")})

    found = [
        market.quote(BOOK, EURUSD, at=START + minutes(600) + timedelta(seconds=seconds)).quote.basis
        for market, seconds in ((hours, 5), (hours, 5.1))
    ]
    in_a_minute = [
        minute_bars.quote(BOOK, EURUSD, at=START + minutes(10) + timedelta(seconds=seconds)).quote.basis
        for seconds in (0.6, 0.7)
    ]

    assert found == in_a_minute == [PriceBasis.OPEN, PriceBasis.CLOSE]


def test_a_fresh_close_of_a_fine_series_beats_the_old_open_of_a_coarse_one() -> None:
    fine = [a_bar(START + minutes(59), "5", "5", "5", "5")]
    day = [a_bar(START, "1", "9", "1", "9")]

    view = a_stored_market({_MID: fine, a_feed("1d"): day}).quote(BOOK, EURUSD, at=START + minutes(62))

    assert (view.quote.last, view.quote.quality) == (Decimal(5), Quality.DELAYED)


def test_where_the_finest_series_covers_no_coarser_one_is_asked() -> None:
    store = BarsInMemory({_MID: a_walk(20), a_feed("5m"): a_walk(4, step="5m", seed=5)})

    view = StoredMarketData(bars=store, opened=Quality.REPLAY).quote(BOOK, EURUSD, at=START + _COVERED)

    assert view.quote.last == store.series[_MID][10].open
    assert store.calls["around"] == 1


def test_moments_of_one_batch_on_both_edges_of_a_bar_get_their_own_open() -> None:
    bars = a_walk(20)

    inside, at_its_end = ask_for(a_stored_market({_MID: bars}), minutes(10), minutes(11))

    assert (inside.quote.last, at_its_end.quote.last) == (bars[10].open, bars[11].open)


def test_moments_of_one_batch_in_two_gaps_get_their_own_last_close() -> None:
    bars = [bar for place, bar in enumerate(a_walk(20)) if place not in (5, 10)]

    views = ask_for(a_stored_market({_MID: bars}), minutes(5.5), minutes(10.5), minutes(5.2))

    assert [view.quote.last for view in views] == [bars[4].close, bars[8].close, bars[4].close]


def test_many_moments_of_one_batch_get_the_quotes_they_would_get_alone() -> None:
    bars = [bar for place, bar in enumerate(a_walk(40)) if place % 3]
    store = BarsInMemory({_MID: bars})
    moments = [minutes(5 + place / 4) for place in range(100)]

    views = ask_for(StoredMarketData(bars=store, opened=Quality.REPLAY), *moments)

    alone = [StoredMarketData(bars=store, opened=Quality.REPLAY).quote(BOOK, EURUSD, at=START + at) for at in moments]
    assert [view.quote.last for view in views] == [view.quote.last for view in alone]
    assert [view.quality["last"] for view in views] == [view.quality["last"] for view in alone]


def test_moments_far_apart_on_a_fine_series_share_one_read() -> None:
    store = BarsInMemory({a_feed("1s"): a_walk(3600, step="1s")})

    first, last = ask_for(StoredMarketData(bars=store, opened=Quality.REPLAY), minutes(0.5), minutes(59.5))

    opens = [bar.open for bar in store.series[a_feed("1s")]]
    assert (first.quote.last, last.quote.last) == (opens[30], opens[3570])
    assert store.calls["around"] == 1
