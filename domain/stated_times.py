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


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedTime:
    """The firing time, the bar and the interval that an alert states (None: not stated), and its arrival; aware UTC."""

    fired_at: datetime | None
    bar_at: datetime | None
    timeframe: Interval | None
    arrived_at: datetime

    @property
    def latest(self) -> datetime:
        """The latest moment at which the alert can have fired: no alert fires after it arrived."""
        if self.fired_at is not None:
            return min(self.fired_at, self.arrived_at)
        if self.bar_at is not None and self.timeframe is not None:
            return min(self.timeframe.end(self.bar_at), self.arrived_at)
        return self.arrived_at

    @property
    def earliest(self) -> datetime:
        """The earliest moment at which the alert can have fired; a stated time after its arrival counts as that."""
        stated_at = self.fired_at or self.bar_at
        return self.arrived_at - LONGEST_DELIVERY if stated_at is None else min(stated_at, self.arrived_at)


def is_before(first: StatedTime, second: StatedTime) -> bool:
    """Return whether the first alert surely fired before the second; False also where that cannot be known."""
    if first.fired_at is not None and second.fired_at is not None:
        return min(first.fired_at, first.arrived_at) < min(second.fired_at, second.arrived_at)
    if first.bar_at is not None and second.bar_at is not None and first.timeframe == second.timeframe:
        return first.bar_at < second.bar_at
    return first.latest < second.earliest
