"""The days over which returns are measured: sessions of what a study trades, and how many of them a year has."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from domain import session_calendars
from domain.comparison import numbers

ROUND_THE_CLOCK = "24/7"
WEEKDAYS = "24/5"
# What a year has of each: days, weekdays, and sessions of an exchange.
_DAYS, _WEEKDAYS, _SESSIONS = 365, 260, 252
_SATURDAY = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingDays:
    """The days that count, in order, and the number of such days in a year."""

    days: tuple[date, ...]
    per_year: int

    def gather(self, pnl_by_day: Mapping[date, Decimal]) -> dict[date, Decimal]:
        """Return the P&L by counted day: that of another day, such as a Sunday evening, belongs to the next one."""
        gathered: dict[date, list[Decimal]] = {}
        for day, pnl in pnl_by_day.items():
            place = min(bisect_left(self.days, day), len(self.days) - 1)
            gathered.setdefault(self.days[place], []).append(pnl)
        return {day: numbers.sum_exactly(pnls) for day, pnls in gathered.items()}


def list_trading_days(calendars: Collection[str], *, first: date, last: date) -> TradingDays:
    """Return the days from `first` to `last` on which anything of these calendars is traded.

    With one that never closes these are all days, 365 a year; else with one that is open on all weekdays (currencies,
    and instruments of which no calendar is known) weekdays, 260 a year; else the sessions of the exchanges, 252 a year.
    """
    every_day = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    if ROUND_THE_CLOCK in calendars:
        return TradingDays(days=tuple(every_day), per_year=_DAYS)
    weekdays = [day for day in every_day if day.weekday() < _SATURDAY]
    sessions = None if WEEKDAYS in calendars or not calendars else _list_sessions(calendars, first, last)
    if sessions is None:
        return TradingDays(days=tuple(weekdays or every_day), per_year=_WEEKDAYS)
    return TradingDays(days=tuple(sessions or every_day), per_year=_SESSIONS)


def _list_sessions(calendars: Collection[str], first: date, last: date) -> list[date] | None:
    """Return the session dates of exchanges in a span; None where a calendar is unknown or does not reach so far."""
    days = set[date]()
    for name in calendars:
        try:
            sessions = session_calendars.load_calendar(name).sessions
        except session_calendars.CalendarUnknown:
            return None
        if not sessions or sessions[0].day > first or sessions[-1].day < last:
            return None
        days |= {session.day for session in sessions if first <= session.day <= last}
    return sorted(days)
