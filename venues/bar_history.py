"""The bars of contexts, taken from stored series: chosen, resampled where needed, and shared between signals."""

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
NO_WINDOW = Window(base=None, higher=None)
MAX_SOURCE_BARS = 100_000
_SIDES = (PriceSide.MID, PriceSide.BID, PriceSide.ASK)
_SERIES_KEPT = 64
_BEGINNING = datetime.min.replace(tzinfo=UTC)
_INSTANT = timedelta(microseconds=1)
_READY_AT = attrgetter("ready_at")


class Histories:
    """Closed bars of any interval that a stored series makes up, read from the store at each call."""

    def __init__(self, bars: BarStore) -> None:
        self._bars = bars
        self.made = MadeWindows()
        self.reads: dict[tuple[_Shape, ContextDepth], _Read] = {}

    def closed(self, feed: Feed, *, to: Interval, as_of: datetime, count: int) -> list[ClosedBar]:
        """Return the newest bars of `to` that are certain at `as_of`, oldest first, at least `count` where stored.

        The store is asked for at most MAX_SOURCE_BARS bars.
        """
        return self._load(feed, to=to, as_of=as_of, count=count).bars

    def _load(self, feed: Feed, *, to: Interval, as_of: datetime, count: int) -> _History:
        limit = _source_bars(feed, to=to, count=count)
        bars = self._bars.last_closed(feed, as_of=as_of, count=limit)
        made = _made(resample.mark_ready_times(bars, interval=feed.interval), source=feed.interval, to=to)
        return _History(bars=_certain(made, as_of), is_whole=len(bars) < limit)


class MadeWindows:
    """Windows by the bars they are made of: the same bars give the same object, whose work is then done already."""

    def __init__(self) -> None:
        self._kept: dict[tuple[BarSeries | None, BarSeries | None], Window] = {}

    def of(self, base: BarSeries | None, higher: BarSeries | None) -> Window:
        """Return the window of these series."""
        window = self._kept.get((base, higher)) or Window(base=base, higher=higher)
        _keep(self._kept, (base, higher), window)
        return window


class WatchedHistories(Histories):
    """Histories of books whose bars come one by one, late ones too: kept while a count shows that none was added.

    What was kept is returned as the same list, so that what is made of it need not be made again.
    """

    def __init__(self, bars: BarStore) -> None:
        super().__init__(bars)
        self._kept: dict[tuple[Feed, Interval, int], _Watched] = {}

    def closed(self, feed: Feed, *, to: Interval, as_of: datetime, count: int) -> list[ClosedBar]:
        """Answer as `Histories.closed` does."""
        key = (feed, to, count)
        kept = self._kept.pop(key, None)
        if kept is None or not self._is_current(feed, kept, as_of=as_of):
            kept = self._watched(feed, to=to, as_of=as_of, count=count)
        _keep(self._kept, key, kept)
        is_certain = not kept.bars or kept.bars[-1].ready_at <= as_of
        return kept.bars if is_certain else _certain(kept.bars, as_of)

    def _is_current(self, feed: Feed, kept: _Watched, *, as_of: datetime) -> bool:
        """Whether what closed by `as_of` is what was read: bars are only ever added, so that their number tells."""
        if as_of < kept.newest_end:
            return False
        until = max(as_of, kept.read_as_of)
        return self._bars.count_closed(feed, after=kept.after, until=until) == kept.source_bars

    def _watched(self, feed: Feed, *, to: Interval, as_of: datetime, count: int) -> _Watched:
        limit = _source_bars(feed, to=to, count=count)
        bars = self._bars.last_closed(feed, as_of=as_of, count=limit)
        made = _made(resample.mark_ready_times(bars, interval=feed.interval), source=feed.interval, to=to)
        return _Watched(
            bars=made,
            source_bars=len(bars),
            after=_BEGINNING if len(bars) < limit else feed.interval.end(bars[0].open_time) - _INSTANT,
            newest_end=feed.interval.end(bars[-1].open_time) if bars else _BEGINNING,
            read_as_of=as_of,
        )


class KeptHistories(Histories):
    """Histories of books whose bars never change: what was made once is kept, and only newer bars are read."""

    def __init__(self, bars: BarStore) -> None:
        super().__init__(bars)
        self._kept: dict[tuple[Feed, Interval], _History] = {}

    def closed(self, feed: Feed, *, to: Interval, as_of: datetime, count: int) -> list[ClosedBar]:
        """Answer as `Histories.closed` does."""
        kept = self._kept.pop((feed, to), None)
        if kept is None or not kept.suffices(as_of, count=count):
            kept = self._load(feed, to=to, as_of=as_of, count=count)
        else:
            kept = kept.with_newer(self._newer(feed, to=to, kept=kept.bars, as_of=as_of), keep=2 * count)
        _keep(self._kept, (feed, to), kept)
        return _certain(kept.bars, as_of)

    def _newer(self, feed: Feed, *, to: Interval, kept: list[ClosedBar], as_of: datetime) -> list[ClosedBar]:
        edge = to.end(kept[-1].bar.open_time)
        if as_of <= edge:
            return []
        bars = [one for one in self._bars.closed_between(feed, after=edge, until=as_of) if one.open_time >= edge]
        made = resample.combine_bars(
            resample.mark_ready_times(bars, interval=feed.interval), source=feed.interval, to=to
        )
        return _certain(made, as_of)


@dataclass(frozen=True, slots=True, kw_only=True)
class _History:
    """Closed bars of one series; `is_whole` says that nothing older is stored."""

    bars: list[ClosedBar]
    is_whole: bool

    def suffices(self, as_of: datetime, *, count: int) -> bool:
        """Whether what is wanted at `as_of` is here, but for newer bars."""
        known = len(_certain(self.bars, as_of))
        return known >= count or (self.is_whole and known > 0)

    def with_newer(self, newer: list[ClosedBar], *, keep: int) -> _History:
        bars = self.bars + newer
        return _History(bars=bars[-keep:], is_whole=self.is_whole and len(bars) <= keep)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Watched:
    """Bars made of all `source_bars` that closed in (after, read_as_of], the newest at `newest_end`."""

    bars: list[ClosedBar]
    source_bars: int
    after: datetime
    newest_end: datetime
    read_as_of: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class _Read:
    """The closed bars for both halves of a window, and the windows made of them, by how many bars of each."""

    base: list[ClosedBar]
    higher: list[ClosedBar]
    windows: dict[tuple[int, int], Window]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shape:
    """From which series the two halves of a window come; without a `higher` one the base makes it up, if it can."""

    base: Feed
    higher: Feed | None
    timeframe: Interval


def for_moments(
    histories: Histories,
    feeds: Sequence[Feed],
    *,
    timeframe: Interval,
    moments: Iterable[datetime],
    depth: ContextDepth,
) -> dict[datetime, Window]:
    """Return the window of each moment; moments with the same closed bars get the same object.

    The moments lie within one bar of `timeframe`, so that one reading serves them all. Bars are mid prices where
    a mid series fits the timeframe, else bid, else ask.
    """
    shape = _shape(feeds, timeframe)
    if shape is None:
        return dict.fromkeys(moments, NO_WINDOW)
    wanted = set(moments)
    read = _read(histories, shape, as_of=max(wanted), depth=depth)
    return {at: _window(histories, shape, read, at=at, depth=depth) for at in wanted}


def _shape(feeds: Sequence[Feed], timeframe: Interval) -> _Shape | None:
    for side in _SIDES:
        recorded = [one for one in feeds if one.side is side]
        base = _best(recorded, timeframe)
        if base is not None:
            return _Shape(base=base, higher=_higher_feed(recorded, timeframe), timeframe=timeframe)
    return None


def _best(feeds: Sequence[Feed], interval: Interval) -> Feed | None:
    """Return the series of the interval itself, else the finest one that makes it up."""
    fitting = [one for one in feeds if resample.divides(one.interval, interval)]
    return next((one for one in fitting if one.interval == interval), next(iter(fitting), None))


def _higher_feed(feeds: Sequence[Feed], timeframe: Interval) -> Feed | None:
    best = _best(feeds, timeframe.next)
    if best is None or best.interval == timeframe.next or not resample.divides(timeframe, timeframe.next):
        return best
    return None


def _window(histories: Histories, shape: _Shape, read: _Read, *, at: datetime, depth: ContextDepth) -> Window:
    cut = (bisect_right(read.base, at, key=_READY_AT), bisect_right(read.higher, at, key=_READY_AT))
    if cut not in read.windows:
        halves = _halves(shape, read.base[: cut[0]], read.higher[: cut[1]], depth)
        read.windows[cut] = histories.made.of(*halves)
    return read.windows[cut]


def _read(histories: Histories, shape: _Shape, *, as_of: datetime, depth: ContextDepth) -> _Read:
    timeframe, above = shape.timeframe, shape.timeframe.next
    needed = max(depth.base, (depth.higher + 1) * _bars_per(above, timeframe)) + 1
    makes_higher = shape.higher is None and resample.divides(timeframe, above)
    base = histories.closed(shape.base, to=timeframe, as_of=as_of, count=needed if makes_higher else depth.base + 1)
    higher = None
    if shape.higher is not None:
        higher = histories.closed(shape.higher, to=above, as_of=as_of, count=depth.higher + 1)
    known = histories.reads.pop((shape, depth), None)
    if known is None or known.base is not base or (higher is not None and known.higher is not higher):
        made = _made(base, source=timeframe, to=above) if makes_higher else higher or []
        known = _Read(base=base, higher=made, windows={})
    _keep(histories.reads, (shape, depth), known)
    return known


def _halves(
    shape: _Shape, base: list[ClosedBar], higher: list[ClosedBar], depth: ContextDepth
) -> tuple[BarSeries | None, BarSeries | None]:
    side = shape.base.side
    return (
        _series(shape.timeframe, side, base[-depth.base :]),
        _series(shape.timeframe.next, side, higher[-depth.higher :]),
    )


def _series(interval: Interval, side: PriceSide, bars: Sequence[ClosedBar]) -> BarSeries | None:
    return BarSeries(interval=interval, side=side, bars=tuple(one.bar for one in bars)) if bars else None


def _made(bars: list[ClosedBar], *, source: Interval, to: Interval) -> list[ClosedBar]:
    """Combine bars, leaving out a first bucket of which the beginning is not known."""
    made = resample.combine_bars(bars, source=source, to=to)
    return made[1:] if made and bars[0].bar.open_time > made[0].bar.open_time else made


def _keep(kept: dict[K, V], key: K, value: V) -> None:
    """Remember a value, and of all values those that were remembered last."""
    kept.pop(key, None)
    kept[key] = value
    while len(kept) > _SERIES_KEPT:
        kept.pop(next(iter(kept)), None)


def _source_bars(feed: Feed, *, to: Interval, count: int) -> int:
    return min(MAX_SOURCE_BARS, (count + 1) * _bars_per(to, feed.interval))


def _certain(bars: list[ClosedBar], as_of: datetime) -> list[ClosedBar]:
    return bars[: bisect_right(bars, as_of, key=_READY_AT)]


def _bars_per(to: Interval, source: Interval) -> int:
    return -(-_longest(to) // source.approximate)


def _longest(interval: Interval) -> timedelta:
    return timedelta(days=31 * interval.count) if interval.unit is Unit.MONTH else interval.approximate
