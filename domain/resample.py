"""Bars of a longer interval made from bars of a shorter one, in buckets aligned to UTC."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from domain.context import Bar
from domain.intervals import Interval, Unit

_DAY = timedelta(days=1)
_SOME_MOMENT = datetime(2024, 1, 1, tzinfo=UTC)


class IntervalsUnfit(ValueError):
    """Bars of the one interval do not make up whole bars of the other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedBar:
    """A bar and the moment from which it is certain: when its last source bar can be no longer open."""

    bar: Bar
    ready_at: datetime


def resample(bars: Sequence[Bar], *, source: Interval, to: Interval, as_of: datetime) -> tuple[Bar, ...]:
    """Make bars of `to` from `bars` (oldest first), keeping only those that are complete at `as_of`.

    A bucket holds the source bars that exist, so gaps are allowed. Its volume is None when any of theirs is.

    Raises:
        IntervalsUnfit: when `source` does not divide `to`.
    """
    made = combine_bars(mark_ready_times(bars, interval=source), source=source, to=to)
    return tuple(one.bar for one in made if one.ready_at <= as_of)


def mark_ready_times(bars: Iterable[Bar], *, interval: Interval) -> list[ClosedBar]:
    """Say for each bar as stored when it is certain: at its end."""
    return [ClosedBar(bar=bar, ready_at=interval.end(bar.open_time)) for bar in bars]


def combine_bars(bars: Sequence[ClosedBar], *, source: Interval, to: Interval) -> list[ClosedBar]:
    """Make bars of `to` from bars of `source`, oldest first, the unfinished last one included.

    A source bar belongs to the bucket it opens in. Where source bars are not aligned to UTC (hours that begin at
    half past), the last one of a bucket ends after the bucket, and the bucket is certain only then.

    Raises:
        IntervalsUnfit: when `source` does not divide `to`.
    """
    if source == to:
        return list(bars)
    if not divides(source, to):
        raise IntervalsUnfit(f"bars of {source} do not make up bars of {to}")
    return [_merged(group, source=source, to=to) for group in _groups(bars, to)]


def divides(source: Interval, to: Interval) -> bool:
    """Whether every bar of `to` begins and ends where a bar of `source` does."""
    if source.unit is Unit.MONTH:
        return to.unit is Unit.MONTH and to.count % source.count == 0
    if to.unit is Unit.MONTH:
        return _DAY % source.approximate == timedelta(0)
    edge = to.floor(_SOME_MOMENT)
    return to.approximate % source.approximate == timedelta(0) and source.floor(edge) == edge


def _groups(bars: Sequence[ClosedBar], to: Interval) -> list[list[ClosedBar]]:
    groups: list[list[ClosedBar]] = []
    end = datetime.min.replace(tzinfo=UTC)
    for one in bars:
        if one.bar.open_time >= end:
            end = to.end(to.floor(one.bar.open_time))
            groups.append([])
        groups[-1].append(one)
    return groups


def _merged(group: Sequence[ClosedBar], *, source: Interval, to: Interval) -> ClosedBar:
    last = group[-1]
    lateness = last.ready_at - source.end(source.floor(last.bar.open_time))
    opened = to.floor(group[0].bar.open_time)
    bar = Bar(
        open_time=opened,
        open=group[0].bar.open,
        high=max(one.bar.high for one in group),
        low=min(one.bar.low for one in group),
        close=last.bar.close,
        volume=_total([one.bar.volume for one in group]),
    )
    return ClosedBar(bar=bar, ready_at=to.end(opened) + lateness)


def _total(volumes: Sequence[Decimal | None]) -> Decimal | None:
    known = [volume for volume in volumes if volume is not None]
    return sum(known, Decimal(0)) if len(known) == len(volumes) else None
