"""The bars of one instrument that exits were walked on lately, so that each is fetched once."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from domain.context import Bar
from domain.intervals import Interval

Fetch: TypeAlias = Callable[[datetime, datetime], tuple[Sequence[Bar], datetime]]

SETTLED_AFTER = timedelta(seconds=2)
_KEPT = 20_000
_NEVER = datetime.min.replace(tzinfo=UTC)


class Walked:
    """Closed bars without a gap between two moments; a bar counts once it cannot change any more."""

    def __init__(self, interval: Interval) -> None:
        self._interval = interval
        self._bars: list[Bar] = []
        self._start = self._end = _NEVER

    def extend(self, fetch: Fetch, *, after: datetime, until: datetime) -> None:
        """Fetch what is missing of the bars that end in (after, until]; nothing when none can have closed since.

        `fetch(start, end)` returns the bars that open in [start, end), and up to which moment none of them is missing.
        """
        start, end = self._interval.floor(after), self._interval.floor(until - SETTLED_AFTER)
        if not self._start <= start <= self._end:
            self._bars, self._start, self._end = [], start, start
        if end > self._end:
            self._take(*fetch(self._end, end))
        if len(self._bars) > _KEPT:
            self._bars = [one for one in self._bars if one.open_time >= start]
            self._start = start

    def between(self, *, after: datetime, until: datetime) -> tuple[Bar, ...]:
        """Return the bars that end in (after, until]."""
        ends = [self._interval.end(one.open_time) for one in self._bars]
        return tuple(self._bars[bisect_right(ends, after) : bisect_right(ends, until)])

    def _take(self, bars: Sequence[Bar], reached: datetime) -> None:
        closed = (one for one in bars if self._interval.end(one.open_time) <= reached)
        newer = {one.open_time: one for one in closed if one.open_time >= self._end}
        self._bars += [newer[opened] for opened in sorted(newer)]
        self._end = max(self._end, reached)
