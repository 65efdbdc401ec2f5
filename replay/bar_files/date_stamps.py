"""Bars that are stamped with a date in place of a time: when they open."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from domain.intervals import Interval, Unit
from domain.sessions import SessionCalendar

_MIDNIGHT = time(0)
_SATURDAY = 5


def are_dates(times: Sequence[datetime]) -> bool:
    """Return whether all times are midnight on the clock they are written in."""
    return all(at.time() == _MIDNIGHT for at in times)


def find_dates(times: Sequence[datetime], zone: tzinfo | None) -> list[date] | None:
    """Return the dates that the times stand for: all midnight as written or, if aware, in `zone`; None for times."""
    if are_dates(times):
        return [at.date() for at in times]
    if zone is None or times[0].tzinfo is None:
        return None
    local = [at.astimezone(zone) for at in times]
    return [at.date() for at in local] if are_dates(local) else None


def open_in_session(day: date, interval: Interval, calendar: SessionCalendar) -> datetime | None:
    """Return the open of the bar with that stamp: of its session; of the first session of its week or month.

    None when there is no session: on a holiday, or on a date that the calendar does not know.
    """
    start = _first_day(day, interval)
    session = calendar.first_session_from(start)
    if session is None or start < calendar.first_day or session.day >= interval.end_day(start):
        return None
    return session.opens_at


def open_at_midnight(day: date, interval: Interval, zone: tzinfo) -> datetime:
    """Return the open of the bar with that stamp: the midnight in `zone` with which its day, week or month begins."""
    return datetime.combine(_first_day(day, interval), _MIDNIGHT, tzinfo=zone).astimezone(UTC)


def _first_day(day: date, interval: Interval) -> date:
    """Return the first day of a bar: some write the first day of a week or month, others the last one.

    A week that is stamped with its Saturday or Sunday is the one that follows.
    """
    if interval.count > 1:
        return day
    match interval.unit:
        case Unit.MONTH:
            return day.replace(day=1)
        case Unit.WEEK:
            ahead = 7 if day.weekday() >= _SATURDAY else 0
            return day - timedelta(days=day.weekday() - ahead)
        case _:
            return day
