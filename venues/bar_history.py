"""Bar windows of market contexts, from stored series: choice of the series, resampling, and caching."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from operator import attrgetter
from typing import TypeVar

from domain import resample
from domain.context import BarSeries, ContextDepth, PriceSide, Window
from domain.intervals import Interval, Unit
from domain.ports import BarStore, Feed
from domain.resample import ClosedBar

K = TypeVar("K")
V = TypeVar("V")
EMPTY_WINDOW = Window(base=None, higher=None)
MAX_SOURCE_BARS = 100_000
_SIDES = (PriceSide.MID, PriceSide.BID, PriceSide.ASK)
_CACHE_SIZE = 64
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_INSTANT = timedelta(microseconds=1)
_READY_AT = attrgetter("ready_at")


class BarHistories:
    """Closed bars of any interval that a stored series can be combined to, read from the store at each call."""

    def __init__(self, bars: BarStore) -> None:
        self._bars = bars
        self.window_cache = WindowCache()
        self.window_bars: dict[tuple[_WindowSources, ContextDepth], _WindowBars] = {}

    def load_closed(self, feed: Feed, *, to: Interval, as_of: datetime, count: int) -> list[ClosedBar]:
        """Return the newest bars of `to` that were certainly closed at `as_of`, oldest first.

        They are at least `count` where that many are stored. The store is asked for at most MAX_SOURCE_BARS bars.
        """
        return self._load(feed, to=to, as_of=as_of, count=count).bars

    def _load(self, feed: Feed, *, to: Interval, as_of: datetime, count: int) -> _LoadedHistory:
        """Read about `count` newest bars of `to` from the store."""
        limit = _count_source_bars(feed, to=to, count=count)
        bars = self._bars.last_closed(feed, as_of=as_of, count=limit)
        combined = _combine_whole_bars(
            resample.mark_ready_times(bars, interval=feed.interval), source=feed.interval, to=to
        )
        return _LoadedHistory(bars=_select_ready(combined, as_of), is_whole=len(bars) < limit)


class WindowCache:
    """Cache of windows by their bars: equal bars give the same object, so that values cached on it are kept."""

    def __init__(self) -> None:
        self._cache: dict[tuple[BarSeries | None, BarSeries | None], Window] = {}

    def window_of(self, base: BarSeries | None, higher: BarSeries | None) -> Window:
        """Return the window of these series."""
        window = self._cache.get((base, higher)) or Window(base=base, higher=higher)
        _put_in_cache(self._cache, (base, higher), window)
        return window


class GrowingBarHistories(BarHistories):
    """Histories of books whose bars arrive one by one, some late: cached while a count shows that none was added.

    A cached history is returned as the same list object, so that values derived from it can be cached by identity.
    """

    def __init__(self, bars: BarStore) -> None:
        super().__init__(bars)
        self._cache: dict[tuple[Feed, Interval, int], _CheckedHistory] = {}

    def load_closed(self, feed: Feed, *, to: Interval, as_of: datetime, count: int) -> list[ClosedBar]:
        """Return the bars as `BarHistories.load_closed` does, from the cache where it is current."""
        key = (feed, to, count)
        history = self._cache.pop(key, None)
        if history is None or not self._is_current(feed, history, as_of=as_of):
            history = self._load_checked(feed, to=to, as_of=as_of, count=count)
        _put_in_cache(self._cache, key, history)
        are_all_ready = not history.bars or history.bars[-1].ready_at <= as_of
        return history.bars if are_all_ready else _select_ready(history.bars, as_of)

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
        combined = _combine_whole_bars(
            resample.mark_ready_times(bars, interval=feed.interval), source=feed.interval, to=to
        )
        return _CheckedHistory(
            bars=combined,
            source_bars=len(bars),
            after=_BEGINNING if len(bars) < limit else feed.interval.end(bars[0].open_time) - _INSTANT,
            newest_end=feed.interval.end(bars[-1].open_time) if bars else _BEGINNING,
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
        _put_in_cache(self._cache, (feed, to), history)
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
class _WindowBars:
    """Closed bars of both timeframes, and the windows built from them, by the number of bars taken of each."""

    base: list[ClosedBar]
    higher: list[ClosedBar]
    windows: dict[tuple[int, int], Window]


@dataclass(frozen=True, slots=True, kw_only=True)
class _WindowSources:
    """Stored series for both timeframes of a window; without `higher` its bars are combined from base, if possible."""

    base: Feed
    higher: Feed | None
    timeframe: Interval


def build_windows(
    histories: BarHistories,
    feeds: Sequence[Feed],
    *,
    timeframe: Interval,
    moments: Iterable[datetime],
    depth: ContextDepth,
) -> dict[datetime, Window]:
    """Return the window of each moment; moments with the same closed bars get the same object.

    The moments lie within one bar of `timeframe`, so that the bars are read once for all. Bars are mid prices where
    a mid series fits the timeframe, else bid, else ask.
    """
    sources = _choose_window_sources(feeds, timeframe)
    if sources is None:
        return dict.fromkeys(moments, EMPTY_WINDOW)
    wanted = set(moments)
    window_bars = _load_window_bars(histories, sources, as_of=max(wanted), depth=depth)
    return {at: _build_window(histories, sources, window_bars, at=at, depth=depth) for at in wanted}


def _choose_window_sources(feeds: Sequence[Feed], timeframe: Interval) -> _WindowSources | None:
    """Choose series of one price side for both timeframes; None when no series fits the base timeframe."""
    for side in _SIDES:
        recorded = [feed for feed in feeds if feed.side is side]
        base = _choose_feed(recorded, timeframe)
        if base is not None:
            return _WindowSources(base=base, higher=_choose_higher_feed(recorded, timeframe), timeframe=timeframe)
    return None


def _choose_feed(feeds: Sequence[Feed], interval: Interval) -> Feed | None:
    """Return the series of the interval itself, else the finest one whose bars combine into it, else None."""
    fitting = [feed for feed in feeds if resample.divides(feed.interval, interval)]
    return next((feed for feed in fitting if feed.interval == interval), next(iter(fitting), None))


def _choose_higher_feed(feeds: Sequence[Feed], timeframe: Interval) -> Feed | None:
    """Return the series for the next higher timeframe; None where the base bars combine into it just as well."""
    feed = _choose_feed(feeds, timeframe.next)
    if feed is None or feed.interval == timeframe.next or not resample.divides(timeframe, timeframe.next):
        return feed
    return None


def _build_window(
    histories: BarHistories, sources: _WindowSources, window_bars: _WindowBars, *, at: datetime, depth: ContextDepth
) -> Window:
    """Return the window of the bars that were closed at a moment, from the cache when it was built before."""
    counts = (bisect_right(window_bars.base, at, key=_READY_AT), bisect_right(window_bars.higher, at, key=_READY_AT))
    if counts not in window_bars.windows:
        both_series = _build_both_series(sources, window_bars.base[: counts[0]], window_bars.higher[: counts[1]], depth)
        window_bars.windows[counts] = histories.window_cache.window_of(*both_series)
    return window_bars.windows[counts]


def _load_window_bars(
    histories: BarHistories, sources: _WindowSources, *, as_of: datetime, depth: ContextDepth
) -> _WindowBars:
    """Load the bars of both timeframes, keeping the windows built before while the bars are the same objects."""
    timeframe, higher_timeframe = sources.timeframe, sources.timeframe.next
    base_count = max(depth.base, (depth.higher + 1) * _count_bars_per(higher_timeframe, timeframe)) + 1
    is_higher_from_base = sources.higher is None and resample.divides(timeframe, higher_timeframe)
    base = histories.load_closed(
        sources.base, to=timeframe, as_of=as_of, count=base_count if is_higher_from_base else depth.base + 1
    )
    stored_higher = None
    if sources.higher is not None:
        stored_higher = histories.load_closed(sources.higher, to=higher_timeframe, as_of=as_of, count=depth.higher + 1)
    window_bars = histories.window_bars.pop((sources, depth), None)
    if (
        window_bars is None
        or window_bars.base is not base
        or (stored_higher is not None and window_bars.higher is not stored_higher)
    ):
        higher_bars = (
            _combine_whole_bars(base, source=timeframe, to=higher_timeframe)
            if is_higher_from_base
            else stored_higher or []
        )
        window_bars = _WindowBars(base=base, higher=higher_bars, windows={})
    _put_in_cache(histories.window_bars, (sources, depth), window_bars)
    return window_bars


def _build_both_series(
    sources: _WindowSources, base: list[ClosedBar], higher: list[ClosedBar], depth: ContextDepth
) -> tuple[BarSeries | None, BarSeries | None]:
    """Cut the closed bars to the depth and return them as base and higher series."""
    side = sources.base.side
    return (
        _build_series(sources.timeframe, side, base[-depth.base :]),
        _build_series(sources.timeframe.next, side, higher[-depth.higher :]),
    )


def _build_series(interval: Interval, side: PriceSide, bars: Sequence[ClosedBar]) -> BarSeries | None:
    return BarSeries(interval=interval, side=side, bars=tuple(closed_bar.bar for closed_bar in bars)) if bars else None


def _combine_whole_bars(bars: list[ClosedBar], *, source: Interval, to: Interval) -> list[ClosedBar]:
    """Combine bars to a longer interval, without a first bar whose beginning is not covered."""
    combined = resample.combine_bars(bars, source=source, to=to)
    return combined[1:] if combined and bars[0].bar.open_time > combined[0].bar.open_time else combined


def _put_in_cache(cache: dict[K, V], key: K, value: V) -> None:
    """Put a value in a cache as its newest, and drop the oldest ones beyond _CACHE_SIZE."""
    cache.pop(key, None)
    cache[key] = value
    while len(cache) > _CACHE_SIZE:
        cache.pop(next(iter(cache)), None)


def _count_source_bars(feed: Feed, *, to: Interval, count: int) -> int:
    """Return how many stored bars are read for `count` bars of `to`, one more than needed where allowed."""
    return min(MAX_SOURCE_BARS, (count + 1) * _count_bars_per(to, feed.interval))


def _select_ready(bars: list[ClosedBar], as_of: datetime) -> list[ClosedBar]:
    """Return the bars that were closed for certain at `as_of`."""
    return bars[: bisect_right(bars, as_of, key=_READY_AT)]


def _count_bars_per(to: Interval, source: Interval) -> int:
    """Return how many source bars one bar of `to` takes at most."""
    return -(-_longest_duration(to) // source.approximate)


def _longest_duration(interval: Interval) -> timedelta:
    return timedelta(days=31 * interval.count) if interval.unit is Unit.MONTH else interval.approximate
