"""Cache of one instrument's closed bars for checking exits, so that each bar is fetched once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from domain.context import Bar
from domain.intervals import Interval

FetchBars: TypeAlias = Callable[[datetime, datetime], tuple[Sequence[Bar], datetime]]

SETTLED_AFTER = timedelta(seconds=2)
_MAX_BARS = 20_000
_NEVER = datetime.min.replace(tzinfo=UTC)


class CachedBars:
    """Closed bars without a gap between two moments; a bar counts as closed once it cannot change any more."""

    def __init__(self, interval: Interval) -> None:
        self._interval = interval
        self._bars: list[Bar] = []
        self._start = self._end = _NEVER

    def extend(self, fetch: FetchBars, *, after: datetime, until: datetime) -> None:
        """Fetch the bars that end in (after, until] and are not cached yet; fetch nothing when none can have closed.

        `fetch(start, end)` returns the bars that open in [start, end), and the moment up to which they are complete.
        """
        start, end = self._interval.floor(after), self._interval.floor(until - SETTLED_AFTER)
        if not self._start <= start <= self._end:
            self._bars, self._start, self._end = [], start, start
        if end > self._end:
            self._append(*fetch(self._end, end))
        if len(self._bars) > _MAX_BARS:
            self._bars = [bar for bar in self._bars if bar.open_time >= start]
            self._start = start

    def select(self, *, after: datetime, until: datetime) -> tuple[Bar, ...]:
        """Return the bars that end in (after, until]."""
        ends = [self._interval.end(bar.open_time) for bar in self._bars]
        return tuple(self._bars[bisect_right(ends, after) : bisect_right(ends, until)])

    def _append(self, bars: Sequence[Bar], complete_until: datetime) -> None:
        """Append the closed ones of fetched bars, without repeating any that is cached."""
        closed_bars = (bar for bar in bars if self._interval.end(bar.open_time) <= complete_until)
        newer_bars = {bar.open_time: bar for bar in closed_bars if bar.open_time >= self._end}
        self._bars += [newer_bars[open_time] for open_time in sorted(newer_bars)]
        self._end = max(self._end, complete_until)
