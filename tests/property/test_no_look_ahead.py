"""Nothing that happens after a moment shows at that moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import context_builder
from domain.context import Bar, ContextDepth, MarketContext, MarketView, PriceSide, Quality
from domain.ports import Feed, ViewRequest, WalkBars
from tests.support.builders.markets import (
    BOOK,
    EURUSD,
    RULES,
    START,
    BarsInMemory,
    a_feed,
    a_signal,
    a_walk,
    interval,
    minutes,
)
from venues.stored_market_data import StoredMarketData

Series = dict[Feed, list[Bar]]

_LENGTHS = {"1m": 600, "5m": 120, "15m": 40}
_DEPTH = ContextDepth(base=60, higher=10)

_feeds = st.lists(
    st.builds(a_feed, st.sampled_from(sorted(_LENGTHS)), st.sampled_from(PriceSide)),
    min_size=1,
    max_size=4,
    unique=True,
)
_moments = st.integers(0, 620 * 60).map(lambda seconds: START + timedelta(seconds=seconds))
_timeframes = st.sampled_from(["1m", "5m", "15m", "1h"]).map(interval)
_kinds = st.sampled_from([Quality.REPLAY, Quality.ALERT])


@st.composite
def _histories(draw: st.DrawFn) -> Series:
    """Draw one to four series of one market, with gaps, some beginning at half past."""
    series: Series = {}
    for feed in draw(_feeds):
        step = str(feed.interval)
        bars = a_walk(_LENGTHS[step], step=step, seed=draw(st.integers(0, 999)), start=START + draw(_shifts))
        dropped = draw(st.sets(st.integers(0, _LENGTHS[step] - 1), max_size=40))
        series[feed] = [bar for place, bar in enumerate(bars) if place not in dropped]
    return series


_shifts = st.sampled_from([minutes(0), minutes(0.5)])


def _another_future(series: Mapping[Feed, list[Bar]], *, at: datetime, seed: int) -> Series:
    """Change, drop or keep every bar that opens after `at`, and all of the covering bars but their opens."""
    draw = Random(seed)
    out: Series = {}
    for feed, bars in series.items():
        changed = (_changed(bar, feed, at=at, draw=draw) for bar in bars)
        out[feed] = [bar for bar in changed if bar is not None]
    return out


def _changed(bar: Bar, feed: Feed, *, at: datetime, draw: Random) -> Bar | None:
    if feed.interval.end(bar.open_time) <= at:
        return bar
    other = Decimal(draw.randint(1, 90_000)) / 10_000
    rest = replace(bar, high=other * 3, low=other / 3, close=other, volume=draw.choice([None, other]))
    if bar.open_time <= at:
        return rest
    return draw.choice([None, replace(rest, open=other * 2)])


def _seen(
    series: Mapping[Feed, list[Bar]], *, at: datetime, timeframe: str, opened: Quality
) -> tuple[MarketContext, MarketView, WalkBars]:
    market = StoredMarketData(bars=BarsInMemory(dict(series)), opened=opened, depth=_DEPTH)
    signal = a_signal(timeframe=timeframe, price=Decimal("1.2345"))
    (view,) = market.views([ViewRequest(signal=signal, as_of=at)])
    context = context_builder.build(signal, view, as_of=at, rules=RULES)
    return context, market.quote(BOOK, EURUSD, at=at), market.walk_bars(BOOK, EURUSD, after=START, until=at)


@pytest.mark.property_id(3)
@given(series=_histories(), at=_moments, timeframe=_timeframes, opened=_kinds, seed=st.integers(0, 2**32))
@settings(max_examples=300, deadline=None)
def test_no_look_ahead_changing_any_bar_after_a_moment_changes_no_context_quote_or_walk_at_it(
    series: Series, at: datetime, timeframe: str, opened: Quality, seed: int
) -> None:
    other = _another_future(series, at=at, seed=seed)

    context, quote, walked = _seen(series, at=at, timeframe=timeframe, opened=opened)
    context_then, quote_then, walked_then = _seen(other, at=at, timeframe=timeframe, opened=opened)

    assert context_then == context
    assert context_then.context_hash == context.context_hash
    assert quote_then == quote
    assert walked_then == walked


@given(series=_histories(), at=_moments, timeframe=_timeframes, opened=_kinds)
@settings(max_examples=100, deadline=None)
def test_no_look_ahead_in_a_batch_a_signal_sees_what_it_would_see_alone(
    series: Series, at: datetime, timeframe: str, opened: Quality
) -> None:
    moments = [at + minutes(later) for later in (0, 0.4, 3, 20, 70, 600)]
    requests = [ViewRequest(signal=a_signal(timeframe=timeframe), as_of=moment) for moment in moments]
    store = BarsInMemory(dict(series))

    together = StoredMarketData(bars=store, opened=opened, depth=_DEPTH).views(requests)

    for request, view in zip(requests, together, strict=True):
        (alone,) = StoredMarketData(bars=store, opened=opened, depth=_DEPTH).views([request])
        assert view == alone


@given(series=_histories(), at=_moments, timeframe=_timeframes)
@settings(max_examples=100, deadline=None)
def test_every_bar_of_a_context_had_closed_when_the_signal_arrived(
    series: Series, at: datetime, timeframe: str
) -> None:
    context, _, walked = _seen(series, at=at, timeframe=timeframe, opened=Quality.REPLAY)

    shown = [one for one in (context.window.base, context.window.higher, *walked.series) if one is not None]

    assert all(one.interval.end(bar.open_time) <= at for one in shown for bar in one.bars)
