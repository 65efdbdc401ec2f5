"""Bars of a longer interval made from bars of a shorter one, in buckets aligned to UTC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.context import Bar
from domain.intervals import Interval, Unit

_DAY = timedelta(days=1)
_SOME_TIME = datetime(2024, 1, 1, tzinfo=UTC)


class IntervalsUnfit(ValueError):
    """Bars of the shorter interval cannot be combined to whole bars of the longer one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedBar:
    """A bar and the time from which it is complete: the end of its last source bar."""

    bar: Bar
    ready_at: datetime


def resample(bars: Sequence[Bar], *, source: Interval, to: Interval, as_of: datetime) -> tuple[Bar, ...]:
    """Return bars of `to` made from `bars` (oldest first), only those that are complete at `as_of`.

    A bucket holds the source bars that exist, so gaps are allowed. Its volume is None when any of theirs is.

    Raises:
        IntervalsUnfit: when `source` does not divide `to`.
    """
    combined = combine_bars(mark_ready_times(bars, interval=source), source=source, to=to)
    return tuple(closed.bar for closed in combined if closed.ready_at <= as_of)


def mark_ready_times(bars: Iterable[Bar], *, interval: Interval) -> list[ClosedBar]:
    """Return each stored bar with the time from which it is complete: its end."""
    return [ClosedBar(bar=bar, ready_at=bar.end(interval)) for bar in bars]


def combine_bars(bars: Sequence[ClosedBar], *, source: Interval, to: Interval) -> list[ClosedBar]:
    """Return bars of `to` made from bars of `source`, oldest first, including the unfinished last one.

    A source bar belongs to the bucket it opens in. Where source bars are not aligned to UTC (hours that begin at
    half past), the last one of a bucket ends after the bucket, and the bucket is complete only then.

    Raises:
        IntervalsUnfit: when `source` does not divide `to`.
    """
    if source == to:
        return list(bars)
    if not divides(source, to):
        raise IntervalsUnfit(f"bars of {source} do not make up bars of {to}")
    return [_merge_bucket(bucket, source=source, to=to) for bucket in _group_by_bucket(bars, to)]


def divides(source: Interval, to: Interval) -> bool:
    """Return whether every bar of `to` begins and ends where a bar of `source` does."""
    if source.unit is Unit.MONTH:
        return to.unit is Unit.MONTH and to.count % source.count == 0
    if to.unit is Unit.MONTH:
        return _DAY % source.approximate == timedelta(0)
    edge = to.floor(_SOME_TIME)
    return to.approximate % source.approximate == timedelta(0) and source.floor(edge) == edge


def _group_by_bucket(bars: Sequence[ClosedBar], to: Interval) -> list[list[ClosedBar]]:
    """Return the bars by the bar of `to` in which they open; buckets without bars are left out."""
    buckets: list[list[ClosedBar]] = []
    end = datetime.min.replace(tzinfo=UTC)
    for closed in bars:
        if closed.bar.open_time >= end:
            end = to.end(to.floor(closed.bar.open_time))
            buckets.append([])
        buckets[-1].append(closed)
    return buckets


def _merge_bucket(bucket: Sequence[ClosedBar], *, source: Interval, to: Interval) -> ClosedBar:
    """Merge the bars of one bucket; it is late by as much as its last bar ends after the aligned end."""
    last = bucket[-1]
    lateness = max(last.ready_at - source.end(source.floor(last.bar.open_time)), timedelta(0))
    open_time = to.floor(bucket[0].bar.open_time)
    bar = Bar(
        open_time=open_time,
        open=bucket[0].bar.open,
        high=max(closed.bar.high for closed in bucket),
        low=min(closed.bar.low for closed in bucket),
        close=last.bar.close,
        volume=_add_volumes([closed.bar.volume for closed in bucket]),
    )
    return ClosedBar(bar=bar, ready_at=to.end(open_time) + lateness)


def _add_volumes(volumes: Sequence[Decimal | None]) -> Decimal | None:
    known = [volume for volume in volumes if volume is not None]
    return sum(known, Decimal(0)) if len(known) == len(volumes) else None
