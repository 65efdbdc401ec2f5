"""Histories of closed bars of any interval, combined from stored series and cached."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import attrgetter
from typing import TypeVar

from domain import resample
from domain.intervals import Interval, Unit
from domain.ports import BarStore, Feed
from domain.resample import ClosedBar

K = TypeVar("K")
V = TypeVar("V")
MAX_SOURCE_BARS = 100_000
_CACHE_SIZE = 64
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_INSTANT = timedelta(microseconds=1)
READY_AT = attrgetter("ready_at")


class BarHistories:
    """Closed bars of any interval that a stored series can be combined to, read from the store at each call."""

    def __init__(self, bars: BarStore) -> None:
        self._bars = bars

    def load_closed(self, feed: Feed, *, to: Interval, as_of: datetime, count: int) -> list[ClosedBar]:
        """Return the newest bars of `to` that were certainly closed at `as_of`, oldest first.

        They are at least `count` where that many are stored. The store is asked for at most MAX_SOURCE_BARS bars.
        """
        return self._load(feed, to=to, as_of=as_of, count=count).bars

    def load_filled(self, feeds: Sequence[Feed], *, to: Interval, as_of: datetime, count: int) -> list[ClosedBar]:
        """Return the bars of the first series, as `load_closed` does."""
        return self.load_closed(feeds[0], to=to, as_of=as_of, count=count)

    def _load(self, feed: Feed, *, to: Interval, as_of: datetime, count: int) -> _LoadedHistory:
        """Read about `count` newest bars of `to` from the store."""
        limit = _count_source_bars(feed, to=to, count=count)
        bars = self._bars.last_closed(feed, as_of=as_of, count=limit)
        combined = combine_whole_bars(
            resample.mark_ready_times(bars, interval=feed.interval), source=feed.interval, to=to
        )
        return _LoadedHistory(bars=_select_ready(combined, as_of), is_whole=len(bars) < limit)


class GrowingBarHistories(BarHistories):
    """Histories of books whose bars arrive one by one, some late: cached while a count shows that none was added.

    A cached history is returned as the same list object, so that values derived from it can be cached by identity.
    """

    def __init__(self, bars: BarStore) -> None:
        super().__init__(bars)
        self._cache: dict[tuple[Feed, Interval, int], _CheckedHistory] = {}
        self._filled: dict[tuple[tuple[Feed, ...], Interval, int], _FilledHistory] = {}

    def load_closed(self, feed: Feed, *, to: Interval, as_of: datetime, count: int) -> list[ClosedBar]:
        """Return the bars as `BarHistories.load_closed` does, from the cache where it is current."""
        key = (feed, to, count)
        history = self._cache.pop(key, None)
        if history is None or not self._is_current(feed, history, as_of=as_of):
            history = self._load_checked(feed, to=to, as_of=as_of, count=count)
        put_in_cache(self._cache, key, history)
        are_all_ready = not history.bars or history.bars[-1].ready_at <= as_of
        return history.bars if are_all_ready else _select_ready(history.bars, as_of)

    def load_filled(self, feeds: Sequence[Feed], *, to: Interval, as_of: datetime, count: int) -> list[ClosedBar]:
        """Return the bars of the first series; where it has fewer than `count`, the other series fill its gaps.

        Alerts bring a few bars of their interval, and a file of finer ones may have been imported beside them.
        """
        first = self.load_closed(feeds[0], to=to, as_of=as_of, count=count)
        if len(first) >= count or len(feeds) == 1:
            return first
        key = (tuple(feeds), to, count)
        parts = [first, *(self.load_closed(feed, to=to, as_of=as_of, count=count) for feed in feeds[1:])]
        filled = self._filled.pop(key, None)
        if filled is None or not filled.is_made_of(parts):
            filled = _FilledHistory(parts=parts, bars=reduce(fill_gaps, parts))
        put_in_cache(self._filled, key, filled)
        return filled.bars

    def _is_current(self, feed: Feed, history: _CheckedHistory, *, as_of: datetime) -> bool:
        """Return whether the bars closed by `as_of` are those read: bars are only ever added, so their count tells."""
        if as_of < history.newest_end:
            return False
        until = max(as_of, history.read_as_of)
        return self._bars.count_closed(feed, after=history.after, until=until) == history.source_bars

    def _load_checked(self, feed: Feed, *, to: Interval, as_of: datetime, count: int) -> _CheckedHistory:
        """Read about `count` newest bars from the store, with the count by which a later call can check them."""
        limit = _count_source_bars(feed, to=to, count=count)
        bars = self._bars.last_closed(feed, as_of=as_of, count=limit)
        combined = combine_whole_bars(
            resample.mark_ready_times(bars, interval=feed.interval), source=feed.interval, to=to
        )
        return _CheckedHistory(
            bars=combined,
            source_bars=len(bars),
            after=_BEGINNING if len(bars) < limit else bars[0].end(feed.interval) - _INSTANT,
            newest_end=bars[-1].end(feed.interval) if bars else _BEGINNING,
            read_as_of=as_of,
        )


class FixedBarHistories(BarHistories):
    """Histories of books whose bars never change: cached for good, and only newer bars are read from the store."""

    def __init__(self, bars: BarStore) -> None:
        super().__init__(bars)
        self._cache: dict[tuple[Feed, Interval], _LoadedHistory] = {}

    def load_closed(self, feed: Feed, *, to: Interval, as_of: datetime, count: int) -> list[ClosedBar]:
        """Return the bars as `BarHistories.load_closed` does, from the cache where it is current."""
        history = self._cache.pop((feed, to), None)
        if history is None or not history.has_enough(as_of, count=count):
            history = self._load(feed, to=to, as_of=as_of, count=count)
        else:
            history = history.with_newer(
                self._load_newer(feed, to=to, known_bars=history.bars, as_of=as_of), max_count=2 * count
            )
        put_in_cache(self._cache, (feed, to), history)
        return _select_ready(history.bars, as_of)

    def _load_newer(self, feed: Feed, *, to: Interval, known_bars: list[ClosedBar], as_of: datetime) -> list[ClosedBar]:
        """Read the bars that closed after the last known one."""
        known_until = to.end(known_bars[-1].bar.open_time)
        if as_of <= known_until:
            return []
        bars = [
            bar
            for bar in self._bars.closed_between(feed, after=known_until, until=as_of)
            if bar.open_time >= known_until
        ]
        combined = resample.combine_bars(
            resample.mark_ready_times(bars, interval=feed.interval), source=feed.interval, to=to
        )
        return _select_ready(combined, as_of)


@dataclass(frozen=True, slots=True, kw_only=True)
class _LoadedHistory:
    """Closed bars of one series; `is_whole` means that no older ones are stored."""

    bars: list[ClosedBar]
    is_whole: bool

    def has_enough(self, as_of: datetime, *, count: int) -> bool:
        """Return whether at least `count` bars were closed by `as_of`, or all that are stored."""
        ready_count = len(_select_ready(self.bars, as_of))
        return ready_count >= count or (self.is_whole and ready_count > 0)

    def with_newer(self, newer: list[ClosedBar], *, max_count: int) -> _LoadedHistory:
        """Return a history with newer bars appended, cut to its newest `max_count` bars."""
        bars = self.bars + newer
        return _LoadedHistory(bars=bars[-max_count:], is_whole=self.is_whole and len(bars) <= max_count)


@dataclass(frozen=True, slots=True, kw_only=True)
class _CheckedHistory:
    """Bars combined from the `source_bars` stored bars that closed in (after, read_as_of], the last at `newest_end`."""

    bars: list[ClosedBar]
    source_bars: int
    after: datetime
    newest_end: datetime
    read_as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _FilledHistory:
    """Bars of several series as one, and the histories that they were taken from."""

    parts: list[list[ClosedBar]]
    bars: list[ClosedBar]

    def is_made_of(self, parts: list[list[ClosedBar]]) -> bool:
        """Return whether these are the same list objects, which the cache returns while nothing changed."""
        return all(mine is other for mine, other in zip(self.parts, parts, strict=True))


def fill_gaps(bars: list[ClosedBar], others: list[ClosedBar]) -> list[ClosedBar]:
    """Return closed bars together with those of another series that overlap none of them, oldest first."""
    opens = [closed.bar.open_time for closed in bars]
    fitting = [other for other in others if _fits_between(bars, other, place=bisect_right(opens, other.bar.open_time))]
    return sorted([*bars, *fitting], key=lambda closed: closed.bar.open_time)


def _fits_between(bars: list[ClosedBar], other: ClosedBar, *, place: int) -> bool:
    """Return whether a bar lies between the bars before and after a place."""
    begins_after = place == 0 or bars[place - 1].ready_at <= other.bar.open_time
    return begins_after and (place == len(bars) or other.ready_at <= bars[place].bar.open_time)


def combine_whole_bars(bars: list[ClosedBar], *, source: Interval, to: Interval) -> list[ClosedBar]:
    """Combine bars to a longer interval, without a first bar whose beginning is not covered."""
    combined = resample.combine_bars(bars, source=source, to=to)
    return combined[1:] if combined and bars[0].bar.open_time > combined[0].bar.open_time else combined


def put_in_cache(cache: dict[K, V], key: K, value: V) -> None:
    """Put a value in a cache as its newest, and drop the oldest ones beyond 64."""
    cache.pop(key, None)
    cache[key] = value
    while len(cache) > _CACHE_SIZE:
        cache.pop(next(iter(cache)), None)


def _count_source_bars(feed: Feed, *, to: Interval, count: int) -> int:
    """Return how many stored bars to read for `count` bars of `to`: enough for one bar more, up to a limit."""
    return min(MAX_SOURCE_BARS, (count + 1) * count_bars_per(to, feed.interval))


def _select_ready(bars: list[ClosedBar], as_of: datetime) -> list[ClosedBar]:
    """Return the bars that were closed for certain at `as_of`."""
    return bars[: bisect_right(bars, as_of, key=READY_AT)]


def count_bars_per(to: Interval, source: Interval) -> int:
    """Return how many source bars one bar of `to` takes at most."""
    return -(-_longest_duration(to) // source.approximate)


def _longest_duration(interval: Interval) -> timedelta:
    """Return the longest time that an interval can take; a month counts as 31 days."""
    return timedelta(days=31 * interval.count) if interval.unit is Unit.MONTH else interval.approximate
