"""Bar intervals: their notation and length, and the bars into which they divide time."""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from enum import Enum
from functools import cached_property

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST_MONDAY = datetime(1970, 1, 5, tzinfo=UTC)
_NOTATION = re.compile(r"([1-9][0-9]{0,4})(s|m|h|d|w|mo)")


class IntervalInvalid(ValueError):
    """The text is not an interval: `<n>(s|m|h|d|w|mo)`."""


class Unit(Enum):
    """A unit of time as it is written in an interval."""

    SECOND = "s"
    MINUTE = "m"
    HOUR = "h"
    DAY = "d"
    WEEK = "w"
    MONTH = "mo"


_SECONDS = {Unit.SECOND: 1, Unit.MINUTE: 60, Unit.HOUR: 3600, Unit.DAY: 86400, Unit.WEEK: 604800}


@dataclass(frozen=True, kw_only=True)
class Interval:
    """A bar interval such as 5m or 1mo.

    Months have no fixed length; `approximate` counts them as 30 days and serves ordering only.
    """

    count: int
    unit: Unit

    @classmethod
    def parse(cls, text: str) -> Interval:
        """Return the interval of a text such as `15s 5m 1h 4h 1d 1w 1mo`.

        Raises:
            IntervalInvalid: when the text has another form.
        """
        match = _NOTATION.fullmatch(text)
        if match is None:
            raise IntervalInvalid(f"{text!r} is not an interval such as 15s, 5m, 1h, 1d, 1w or 1mo")
        return cls(count=int(match.group(1)), unit=Unit(match.group(2)))

    @classmethod
    def of(cls, length: timedelta) -> Interval:
        """Return the interval of a fixed length, in its largest whole unit.

        Raises:
            IntervalInvalid: when the length is not a positive whole number of seconds.
        """
        seconds = length.total_seconds()
        if seconds <= 0 or seconds != int(seconds):
            raise IntervalInvalid(f"{length} is not a positive whole number of seconds")
        for unit in (Unit.WEEK, Unit.DAY, Unit.HOUR, Unit.MINUTE, Unit.SECOND):
            if int(seconds) % _SECONDS[unit] == 0:
                return cls(count=int(seconds) // _SECONDS[unit], unit=unit)
        raise AssertionError("a whole number of seconds is divisible by one second")

    def __str__(self) -> str:
        return f"{self.count}{self.unit.value}"

    @cached_property
    def approximate(self) -> timedelta:
        """The length as a timedelta; a month counts as 30 days."""
        if self.unit is Unit.MONTH:
            return timedelta(days=30 * self.count)
        return timedelta(seconds=self.count * _SECONDS[self.unit])

    def floor(self, at: datetime) -> datetime:
        """Return the start of the bar that covers `at` (aware UTC; weeks start on Monday)."""
        if self.unit is Unit.MONTH:
            months = (at.year - 1970) * 12 + at.month - 1
            months -= months % self.count
            return datetime(1970 + months // 12, months % 12 + 1, 1, tzinfo=UTC)
        origin = _FIRST_MONDAY if self.unit is Unit.WEEK else _EPOCH
        return at - (at - origin) % self.approximate

    def end(self, open_time: datetime) -> datetime:
        """Return open + interval; a month that is too short for the day of the open ends on its last day."""
        if self.unit is Unit.MONTH:
            end_year, end_month = divmod(open_time.year * 12 + open_time.month - 1 + self.count, 12)
            days = calendar.monthrange(end_year, end_month + 1)[1]
            return open_time.replace(year=end_year, month=end_month + 1, day=min(open_time.day, days))
        return open_time + self.approximate

    def end_day(self, day: date) -> date:
        """Return the first date after the bar of days, weeks or months that covers `day`; weeks begin on Monday."""
        if self.unit is Unit.MONTH:
            months = day.year * 12 + day.month - 1 + self.count
            return date(months // 12, months % 12 + 1, 1)
        start = day - timedelta(days=day.weekday()) if self.unit is Unit.WEEK else day
        return start + self.approximate

    @property
    def next(self) -> Interval:
        """The next longer interval of the ladder that this one divides: the higher interval of a context."""
        for longer in _LADDER:
            if longer.approximate > self.approximate and self._divides(longer):
                return longer
        return Interval(count=self.count * 4, unit=self.unit)

    def _divides(self, other: Interval) -> bool:
        return other.approximate % self.approximate == timedelta(0)


_LADDER = tuple(Interval.parse(text) for text in ("1m", "5m", "15m", "1h", "4h", "1d", "1w", "1mo"))
