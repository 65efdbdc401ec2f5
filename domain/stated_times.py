"""Times that alerts state, and whether one alert fired before another although it arrived after it.

An alert may state when it fired, or only its bar, or nothing. Two alerts are compared by the same kind of time where
both state it; else one is before the other only when the latest moment it can have fired is before the earliest moment
of the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from domain.intervals import Interval

# Alerts arrive within a second as a rule; a minute happens.
LONGEST_DELIVERY = timedelta(seconds=60)
# A sender's clock may be ahead of ours by so much.
CLOCKS_APART = timedelta(seconds=60)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedTime:
    """The firing time, the bar and the interval that an alert states (None: not stated), and its arrival; aware UTC."""

    fired_at: datetime | None
    bar_at: datetime | None
    timeframe: Interval | None
    arrived_at: datetime

    @property
    def trusted_fired_at(self) -> datetime | None:
        """The firing time, unless it lies after the arrival by more than clocks differ, as in a wrong time zone."""
        return self.fired_at if self.fired_at is not None and self.fired_at <= self._last_moment else None

    @property
    def trusted_bar_at(self) -> datetime | None:
        """The opening of the bar, unless it lies after the arrival."""
        return self.bar_at if self.bar_at is not None and self.bar_at <= self._last_moment else None

    @property
    def latest(self) -> datetime:
        """The latest moment at which the alert can have fired."""
        if self.trusted_fired_at is not None:
            return self.trusted_fired_at
        if self.trusted_bar_at is not None and self.timeframe is not None:
            return min(self.timeframe.end(self.trusted_bar_at), self.arrived_at)
        return self.arrived_at

    @property
    def earliest(self) -> datetime:
        """The earliest moment at which the alert can have fired."""
        return self.trusted_fired_at or self.trusted_bar_at or self.arrived_at - LONGEST_DELIVERY

    @property
    def _last_moment(self) -> datetime:
        return self.arrived_at + CLOCKS_APART


def is_before(first: StatedTime, second: StatedTime) -> bool:
    """Return whether the first alert surely fired before the second; False also where that cannot be known."""
    if first.trusted_fired_at is not None and second.trusted_fired_at is not None:
        return first.trusted_fired_at < second.trusted_fired_at
    if (
        first.trusted_bar_at is not None
        and second.trusted_bar_at is not None
        and first.timeframe is not None
        and first.timeframe == second.timeframe
    ):
        return first.trusted_bar_at < second.trusted_bar_at
    return first.latest < second.earliest
