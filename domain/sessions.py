"""Trading sessions of an exchange, and the time at which a bar closes.

How to use it::

    calendar = session_calendars.load_calendar("XNYS")  # or "NASDAQ", "24/7"; None when the instrument has none
    timing = sessions.fit_timing(Interval.parse("1h"), calendar, open_times)  # open times of all bars of the series
    timing.closes_at(bar.open_time, next_open=following.open_time if following else None)

`closes_at` returns the earliest of: open + interval (a day, week or month on the calendar of the exchange's time
zone); the close of the session, or of the part before its break; the open of the next bar. `fit_timing` drops the
sessions of a series that has a bar outside of them, such as pre-market bars: its bars end by the other two.

Everything here is pure: `SessionCalendar` is a value, made from the library's data in `domain/session_calendars.py`.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo

from domain.intervals import Interval, Unit

_CALENDAR_UNITS = frozenset({Unit.DAY, Unit.WEEK, Unit.MONTH})


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One trading session: its date at the exchange, and its open and close as aware UTC.

    `break_starts_at` and `break_ends_at` bound the pause at midday of exchanges that have one.
    """

    day: date
    opens_at: datetime
    closes_at: datetime
    break_starts_at: datetime | None = None
    break_ends_at: datetime | None = None

    @property
    def part_opens(self) -> tuple[datetime, ...]:
        """Times at which trading begins in this session: its open, and the end of its break."""
        return (self.opens_at,) if self.break_ends_at is None else (self.opens_at, self.break_ends_at)


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionCalendar:
    """All sessions of an exchange from its first date to its last, oldest first, never overlapping.

    `version` names the data that the sessions come from; it belongs to the identity of what is computed with them.
    Nothing is known of other dates: `session_at` and `session_on` return None there.
    """

    name: str
    version: str
    zone: tzinfo
    sessions: tuple[Session, ...]
    _opens: tuple[datetime, ...] = field(init=False, repr=False, compare=False)
    _days: tuple[date, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_opens", tuple(session.opens_at for session in self.sessions))
        object.__setattr__(self, "_days", tuple(session.day for session in self.sessions))

    @property
    def first_day(self) -> date:
        """Date of the first session that is known."""
        return self._days[0]

    @property
    def last_day(self) -> date:
        """Date of the last session that is known."""
        return self._days[-1]

    def session_at(self, at: datetime) -> Session | None:
        """Return the session with opens_at <= `at` < closes_at; its break counts as within it."""
        session = self.last_open_before(at, inclusive=True)
        return session if session is not None and at < session.closes_at else None

    def session_on(self, day: date) -> Session | None:
        """Return the session of that date at the exchange, None on a holiday."""
        session = self.first_session_from(day)
        return session if session is not None and session.day == day else None

    def first_session_from(self, day: date) -> Session | None:
        """Return the first session of that date or a later one."""
        index = bisect_left(self._days, day)
        return self.sessions[index] if index < len(self.sessions) else None

    def are_consecutive(self, earlier: date, later: date) -> bool:
        """Return whether the next session after that of a date is the one of another date."""
        index = bisect_left(self._days, later)
        return index > 0 and self._days[index - 1 : index + 1] == (earlier, later)

    def next_session(self, at: datetime) -> Session | None:
        """Return the first session that opens after `at`."""
        index = bisect_right(self._opens, at)
        return self.sessions[index] if index < len(self.sessions) else None

    def last_open_before(self, at: datetime, *, inclusive: bool = False) -> Session | None:
        """Return the last session that opens before `at` (or at it), whether it has closed or not."""
        index = (bisect_right if inclusive else bisect_left)(self._opens, at)
        return self.sessions[index - 1] if index else None

    def is_open(self, at: datetime) -> bool:
        """Return whether the exchange trades at that time: in a session, and not in its break."""
        session = self.session_at(at)
        return session is not None and not _is_in_break(session, at)

    def opens_part(self, at: datetime) -> bool:
        """Return whether a session, or its part after the break, opens at exactly that time."""
        session = self.session_at(at)
        return session is not None and at in session.part_opens

    def end_of_trading(self, open_time: datetime, *, end: datetime) -> datetime:
        """Return when the session ends a bar that opens at `open_time` and would end at `end`; `end` if it does not.

        A break ends a bar only when trading has not gone on by `end`. Sessions that follow each other without a gap
        are one, as round the clock.
        """
        session = self.session_at(open_time)
        if session is None:
            return end
        if _ends_in_break(session, open_time, end):
            return session.break_starts_at or end
        while (following := self.next_session(session.opens_at)) and following.opens_at <= session.closes_at < end:
            session = following
        return min(end, session.closes_at)

    def last_close_before(self, day: date, *, since: Session) -> datetime | None:
        """Return the close of the last session before that date; None when the calendar does not reach so far.

        `since` is a session before `day`, and the answer if there is no later one.
        """
        if day > self.last_day:
            return None
        return max(since, self.sessions[bisect_left(self._days, day) - 1], key=lambda session: session.day).closes_at


@dataclass(frozen=True, slots=True, kw_only=True)
class BarTiming:
    """When the bars of one series close.

    `calendar` is None for series without sessions, and for those with a bar outside of them. `zone` is the time zone
    in which a day is a day over changes of daylight saving time; the calendar's own when there is one.
    """

    interval: Interval
    calendar: SessionCalendar | None = None
    zone: tzinfo = UTC

    def closes_at(self, open_time: datetime, *, next_open: datetime | None = None) -> datetime:
        """Return when the bar that opened at `open_time` is closed (aware UTC), never after `next_open`."""
        end = self._cut_to_session(open_time, self.nominal_end(open_time))
        return end if next_open is None else min(end, next_open)

    def nominal_end(self, open_time: datetime) -> datetime:
        """Return open + interval; days, weeks and months are counted on the clock of the time zone."""
        if self.interval.unit not in _CALENDAR_UNITS:
            return self.interval.end(open_time)
        zone = self.calendar.zone if self.calendar is not None else self.zone
        local = open_time.astimezone(zone).replace(tzinfo=UTC)
        return self.interval.end(local).replace(tzinfo=zone).astimezone(UTC)

    def _cut_to_session(self, open_time: datetime, end: datetime) -> datetime:
        session = self.calendar.session_at(open_time) if self.calendar is not None else None
        if self.calendar is None or session is None:
            return end
        if self.interval.unit not in _CALENDAR_UNITS:
            return self.calendar.end_of_trading(open_time, end=end)
        return self.calendar.last_close_before(self.interval.end_day(session.day), since=session) or end


def fit_timing(
    interval: Interval, calendar: SessionCalendar | None, open_times: Iterable[datetime], *, zone: tzinfo = UTC
) -> BarTiming:
    """Return the timing of a series; its calendar is kept only if every bar opens in a session.

    Bars of dates that the calendar does not know say nothing about it.
    """
    if calendar is None:
        return BarTiming(interval=interval, zone=zone)
    outside = any(is_outside(calendar, open_time) for open_time in open_times)
    return BarTiming(interval=interval, calendar=None if outside else calendar, zone=calendar.zone)


def is_outside(calendar: SessionCalendar, at: datetime) -> bool:
    """Return whether the exchange is known not to trade at that time."""
    known = calendar.first_day <= at.astimezone(calendar.zone).date() <= calendar.last_day
    return known and not calendar.is_open(at)


def _is_in_break(session: Session, at: datetime) -> bool:
    starts, ends = session.break_starts_at, session.break_ends_at
    return starts is not None and ends is not None and starts <= at < ends


def _ends_in_break(session: Session, open_time: datetime, end: datetime) -> bool:
    """Return whether a bar begins before the session's break and ends in it, or with it."""
    starts, ends = session.break_starts_at, session.break_ends_at
    return starts is not None and ends is not None and open_time < starts < end <= ends
