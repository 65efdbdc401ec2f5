"""Cached bars: each is fetched once, none is left out, and none appears before it is final."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.context import Bar
from tests.support.builders.trades import MINUTE, ONE_MINUTE, a_bar, minute
from venues.bar_cache import SETTLED_AFTER, CachedBars


class BarSource:
    """A venue's bars from Monday 10:00 on, at most `page` at a time; it records the requests."""

    def __init__(self, *, page: int = 1000, without: frozenset[int] = frozenset()) -> None:
        self.page, self.without = page, without
        self.requests: list[tuple[datetime, datetime]] = []

    def __call__(self, start: datetime, end: datetime) -> tuple[Sequence[Bar], datetime]:
        self.requests.append((start, end))
        numbers = range(int((start - minute(0)) / MINUTE), int((end - minute(0)) / MINUTE))
        bars = [a_bar(number, "1 1 1 1") for number in numbers if number not in self.without][: self.page]
        whole = len(bars) < self.page
        return bars, end if whole else bars[-1].open_time + MINUTE


def walk(cache: CachedBars, source: BarSource, *, after: datetime, until: datetime) -> list[datetime]:
    cache.extend(source, after=after, until=until)
    return [bar.open_time for bar in cache.select(after=after, until=until)]


def test_a_bar_counts_shortly_after_its_end() -> None:
    cache, source = CachedBars(ONE_MINUTE), BarSource()

    before = walk(cache, source, after=minute(0), until=minute(2))
    after = walk(cache, source, after=minute(0), until=minute(2) + SETTLED_AFTER)

    assert before == [minute(0)]
    assert after == [minute(0), minute(1)]


def test_cached_bars_are_not_fetched_again() -> None:
    cache, source = CachedBars(ONE_MINUTE), BarSource()
    until = minute(10) + SETTLED_AFTER
    walk(cache, source, after=minute(0), until=until)

    again = walk(cache, source, after=minute(5), until=until + timedelta(seconds=30))

    assert again == [minute(number) for number in range(5, 10)]
    assert len(source.requests) == 1


def test_only_missing_bars_are_fetched() -> None:
    cache, source = CachedBars(ONE_MINUTE), BarSource()
    walk(cache, source, after=minute(0), until=minute(10) + SETTLED_AFTER)

    walk(cache, source, after=minute(8), until=minute(12) + SETTLED_AFTER)

    assert source.requests[1] == (minute(10), minute(12))


def test_minutes_without_a_bar_are_not_fetched_again() -> None:
    cache, source = CachedBars(ONE_MINUTE), BarSource(without=frozenset({3, 9}))
    until = minute(10) + SETTLED_AFTER

    first = walk(cache, source, after=minute(0), until=until)
    again = walk(cache, source, after=minute(0), until=until)

    assert first == again == [minute(number) for number in range(10) if number not in (3, 9)]
    assert len(source.requests) == 1


def test_bars_before_the_cached_ones_are_fetched_from_the_start() -> None:
    cache, source = CachedBars(ONE_MINUTE), BarSource()
    walk(cache, source, after=minute(50), until=minute(60) + SETTLED_AFTER)

    bars = walk(cache, source, after=minute(10), until=minute(60) + SETTLED_AFTER)

    assert bars == [minute(number) for number in range(10, 60)]


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 120)), min_size=1, max_size=8),
    st.integers(1, 50),
    st.frozensets(st.integers(0, 320), max_size=40),
)
def test_whatever_is_requested_no_bar_is_left_out_before_the_last_one(
    spans: list[tuple[int, int]], page: int, without: frozenset[int]
) -> None:
    cache, source = CachedBars(ONE_MINUTE), BarSource(page=page, without=without)

    for after, length in spans:
        bars = walk(cache, source, after=minute(after), until=minute(after + length) + SETTLED_AFTER)

        wanted = [minute(number) for number in range(after, after + length) if number not in without]
        assert bars == wanted[: len(bars)]
        assert not wanted or bars
