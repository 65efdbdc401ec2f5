"""The grid of a bar series: its interval by the most frequent gap, and the rows that are not on it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import pairwise

from domain.intervals import Interval, IntervalInvalid, Unit

_LONG_GAP = timedelta(hours=20)  # the shortest day there is has 23 hours; sessions may open a little earlier
_SHORTEST_DAY = timedelta(hours=23)
_SHORTEST_MONTH = timedelta(days=20)  # a month's first session may be late, the next one's early
_WEEK_DAYS = 7
_WEEK_OF_DAYS = range(5, 10)  # from the first session of a week to that of the next, holidays before either
_MONTH_DAYS = {1: range(28, 34), 2: range(58, 65), 3: range(88, 96), 6: range(179, 188), 12: range(362, 370)}
_USUAL = frozenset(
    Interval.parse(text)
    for text in (
        *("1m", "2m", "3m", "5m", "10m", "15m", "20m", "30m", "45m"),
        *("1h", "2h", "3h", "4h", "6h", "8h", "12h", "1d", "1w", "1mo"),
    )
)


def find_interval(
    open_times: Sequence[datetime],
    *,
    zone: tzinfo = UTC,
    are_consecutive: Callable[[date, date], bool] = lambda *_: False,
) -> Interval:
    """Return the interval of a series: its most frequent gap.

    `open_times` ascend. Gaps of about a day and more are counted in dates of `zone`, and are days, weeks and months of
    the calendar; two dates between which there is no session (`are_consecutive`) are a day apart. Of gaps that are
    equally frequent a usual length (5m, 1h) counts; of several that on whose grid the rows are, without those less than
    one interval after the row before; then the longest.

    Raises:
        IntervalInvalid: when there is no gap, or when it is not a whole number of seconds.
    """
    gaps = [
        later - earlier
        if later - earlier < _LONG_GAP
        else _count_dates(earlier.astimezone(zone).date(), later.astimezone(zone).date(), are_consecutive)
        for earlier, later in pairwise(open_times)
        if later > earlier
    ]
    if not gaps:
        raise IntervalInvalid("fewer than two different times have no interval")
    counts = Counter(gaps)
    highest = max(counts.values())
    most_frequent = [gap for gap, count in counts.items() if count == highest]
    if len(most_frequent) == 1:
        return _as_interval(most_frequent[0])
    return _as_interval(max(most_frequent, key=lambda gap: (_as_interval(gap) in _USUAL, _is_on_grid(gaps, gap), gap)))


def find_off_grid(
    open_times: Sequence[datetime],
    *,
    interval: Interval,
    zone: tzinfo = UTC,
    opens_part: Callable[[datetime], bool] = lambda _: False,
) -> list[int]:
    """Return the indices of the rows that are off the grid: less than one interval after the row before.

    `open_times` do not descend. For days the row before has the same date in `zone`, for weeks it is of the same week,
    for months less than 20 days away. Compared is with the last row on the grid. A row at which a session or its part
    after a break opens (`opens_part`) is on the grid.
    """
    is_too_close = _choose_rule(open_times, interval=interval, zone=zone)
    before: datetime | None = None
    off_grid: list[int] = []
    for index, open_time in enumerate(open_times):
        if before is not None and is_too_close(before, open_time) and not _opens_later(before, open_time, opens_part):
            off_grid.append(index)
        else:
            before = open_time
    return off_grid


def _opens_later(before: datetime, open_time: datetime, opens_part: Callable[[datetime], bool]) -> bool:
    return open_time > before and opens_part(open_time)


def _choose_rule(
    open_times: Sequence[datetime], *, interval: Interval, zone: tzinfo
) -> Callable[[datetime, datetime], bool]:
    """Return whether two rows are too close for bars of the interval, as a function of both open times."""
    match interval.unit:
        case Unit.MONTH:
            return lambda before, after: after - before < _SHORTEST_MONTH
        case Unit.WEEK:
            first_weekday = _find_first_weekday(open_times, zone=zone)
            return lambda before, after: _week(before, first_weekday, zone) == _week(after, first_weekday, zone)
        case Unit.DAY:
            return lambda before, after: (
                after - before < _SHORTEST_DAY and before.astimezone(zone).date() == after.astimezone(zone).date()
            )
        case _:
            length = interval.approximate
            return lambda before, after: after - before < length


def _find_first_weekday(open_times: Sequence[datetime], *, zone: tzinfo) -> int:
    """Return the weekday on which most bars of a weekly series open."""
    return Counter(at.astimezone(zone).weekday() for at in open_times).most_common(1)[0][0]


def _week(at: datetime, first_weekday: int, zone: tzinfo) -> int:
    return (at.astimezone(zone).date().toordinal() - 1 - first_weekday) // _WEEK_DAYS


def _is_on_grid(gaps: Sequence[timedelta], length: timedelta) -> bool:
    """Return whether each row is a whole number of lengths after the one before, but for those that are too close."""
    since = timedelta(0)
    for gap in gaps:
        since += gap
        if since >= length:
            if since % length:
                return False
            since = timedelta(0)
    return True


def _count_dates(earlier: date, later: date, are_consecutive: Callable[[date, date], bool]) -> timedelta:
    """Return the distance of two dates as whole days; a week is 7, a month the days of its shortest."""
    days = 1 if are_consecutive(earlier, later) else max((later - earlier).days, 1)
    if days in _WEEK_OF_DAYS:
        return timedelta(days=_WEEK_DAYS)
    return timedelta(days=next((month.start for month in _MONTH_DAYS.values() if days in month), days))


def _as_interval(gap: timedelta) -> Interval:
    for count, days in _MONTH_DAYS.items():
        if gap == timedelta(days=days.start):
            return Interval(count=count, unit=Unit.MONTH)
    return Interval.of(gap)
