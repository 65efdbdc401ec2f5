"""Bar windows of market contexts, from stored series: the choice of series, the cut to a depth, and caching."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from domain import resample
from domain.context import BarSeries, ContextDepth, PriceSide, Window
from domain.intervals import Interval
from domain.ports import Feed
from domain.resample import ClosedBar
from venues.bar_history import READY_AT, BarHistories, combine_whole_bars, count_bars_per, put_in_cache

EMPTY_WINDOW = Window(base=None, higher=None)
_SIDES = (PriceSide.MID, PriceSide.BID, PriceSide.ASK)


class WindowCache:
    """Cache of windows by their bars: equal bars give the same object, so that values cached on it are kept."""

    def __init__(self) -> None:
        self._cache: dict[tuple[BarSeries | None, BarSeries | None], Window] = {}

    def window_of(self, base: BarSeries | None, higher: BarSeries | None) -> Window:
        """Return the window of these series."""
        window = self._cache.get((base, higher)) or Window(base=base, higher=higher)
        put_in_cache(self._cache, (base, higher), window)
        return window


@dataclass(frozen=True, slots=True, kw_only=True)
class _WindowBars:
    """Closed bars of both timeframes, and the windows built from them, by the number of bars taken of each."""

    base: list[ClosedBar]
    higher: list[ClosedBar]
    windows: dict[tuple[int, int], Window]

    def is_built_from(self, base: list[ClosedBar], stored_higher: list[ClosedBar] | None) -> bool:
        """Return whether these are the same list objects, which caches return while nothing changed."""
        return self.base is base and (stored_higher is None or self.higher is stored_higher)


@dataclass(frozen=True, slots=True, kw_only=True)
class _WindowSources:
    """Stored series for both timeframes of a window, of each the one to use first.

    Without `higher` its bars are combined from base, if possible.
    """

    base: tuple[Feed, ...]
    higher: tuple[Feed, ...]
    timeframe: Interval

    @property
    def combines_higher(self) -> bool:
        """True when the bars of the higher timeframe are combined from those of the base."""
        return not self.higher and resample.divides(self.timeframe, self.timeframe.next)


class WindowBuilder:
    """Builder of windows from bar histories; equal windows are built once."""

    def __init__(self, histories: BarHistories, *, depth: ContextDepth) -> None:
        self._histories, self._depth = histories, depth
        self._window_cache = WindowCache()
        self._bars_by_sources: dict[_WindowSources, _WindowBars] = {}

    def build_windows(
        self, feeds: Sequence[Feed], *, timeframe: Interval, moments: Iterable[datetime]
    ) -> dict[datetime, Window]:
        """Return the window of each moment; moments with the same closed bars get the same object.

        The moments lie within one bar of `timeframe`, so that the bars are read once for all. Bars are mid prices
        where a mid series fits the timeframe, else bid, else ask.
        """
        sources = _choose_window_sources(feeds, timeframe)
        if sources is None:
            return dict.fromkeys(moments, EMPTY_WINDOW)
        wanted = set(moments)
        window_bars = self._load_window_bars(sources, as_of=max(wanted))
        return {at: self._build_window(sources, window_bars, at=at) for at in wanted}

    def _build_window(self, sources: _WindowSources, window_bars: _WindowBars, *, at: datetime) -> Window:
        """Return the window of the bars that were closed at a moment, from the cache when it was built before."""
        base_count = bisect_right(window_bars.base, at, key=READY_AT)
        higher_count = bisect_right(window_bars.higher, at, key=READY_AT)
        if (base_count, higher_count) not in window_bars.windows:
            both_series = _build_both_series(
                sources, window_bars.base[:base_count], window_bars.higher[:higher_count], self._depth
            )
            window_bars.windows[base_count, higher_count] = self._window_cache.window_of(*both_series)
        return window_bars.windows[base_count, higher_count]

    def _load_window_bars(self, sources: _WindowSources, *, as_of: datetime) -> _WindowBars:
        """Load the bars of both timeframes, keeping the windows built before while the bars are the same objects."""
        base = self._load_base(sources, as_of=as_of)
        stored_higher = self._load_stored_higher(sources, as_of=as_of)
        window_bars = self._bars_by_sources.pop(sources, None)
        if window_bars is None or not window_bars.is_built_from(base, stored_higher):
            higher = _combine_higher(sources, base) if stored_higher is None else stored_higher
            window_bars = _WindowBars(base=base, higher=higher, windows={})
        put_in_cache(self._bars_by_sources, sources, window_bars)
        return window_bars

    def _load_base(self, sources: _WindowSources, *, as_of: datetime) -> list[ClosedBar]:
        """Load the bars of the timeframe, enough of them for the higher timeframe where it is combined from them."""
        count = self._depth.base + 1
        if sources.combines_higher:
            per_bar = count_bars_per(sources.timeframe.next, sources.timeframe)
            count = max(self._depth.base, (self._depth.higher + 1) * per_bar) + 1
        return self._histories.load_filled(sources.base, to=sources.timeframe, as_of=as_of, count=count)

    def _load_stored_higher(self, sources: _WindowSources, *, as_of: datetime) -> list[ClosedBar] | None:
        """Load the bars of the higher timeframe from their own series; None where they are combined from the base."""
        if not sources.higher:
            return None
        count = self._depth.higher + 1
        return self._histories.load_filled(sources.higher, to=sources.timeframe.next, as_of=as_of, count=count)


def _combine_higher(sources: _WindowSources, base: list[ClosedBar]) -> list[ClosedBar]:
    """Combine base bars to the higher timeframe; none where it has a series of its own, or cannot be combined."""
    if not sources.combines_higher:
        return []
    return combine_whole_bars(base, source=sources.timeframe, to=sources.timeframe.next)


def _choose_window_sources(feeds: Sequence[Feed], timeframe: Interval) -> _WindowSources | None:
    """Choose series of one price side for both timeframes; None when no series fits the base timeframe."""
    for side in _SIDES:
        recorded = [feed for feed in feeds if feed.side is side]
        base = _list_fitting_feeds(recorded, timeframe)
        if base:
            return _WindowSources(base=base, higher=_list_higher_feeds(recorded, timeframe), timeframe=timeframe)
    return None


def _list_fitting_feeds(feeds: Sequence[Feed], interval: Interval) -> tuple[Feed, ...]:
    """Return the series of the interval itself, then those whose bars combine into it, the finest first."""
    fitting = [feed for feed in feeds if resample.divides(feed.interval, interval)]
    return tuple(sorted(fitting, key=lambda feed: feed.interval != interval))


def _list_higher_feeds(feeds: Sequence[Feed], timeframe: Interval) -> tuple[Feed, ...]:
    """Return the series for the next higher timeframe; none where the base bars combine into it just as well."""
    fitting = _list_fitting_feeds(feeds, timeframe.next)
    if fitting and fitting[0].interval != timeframe.next and resample.divides(timeframe, timeframe.next):
        return ()
    return fitting


def _build_both_series(
    sources: _WindowSources, base: list[ClosedBar], higher: list[ClosedBar], depth: ContextDepth
) -> tuple[BarSeries | None, BarSeries | None]:
    """Cut the closed bars to the depth and return them as base and higher series."""
    side = sources.base[0].side
    return (
        _build_series(sources.timeframe, side, base[-depth.base :]),
        _build_series(sources.timeframe.next, side, higher[-depth.higher :]),
    )


def _build_series(interval: Interval, side: PriceSide, bars: Sequence[ClosedBar]) -> BarSeries | None:
    return BarSeries(interval=interval, side=side, bars=tuple(closed_bar.bar for closed_bar in bars)) if bars else None
