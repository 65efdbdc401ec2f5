"""Session calendars by name, from the library `exchange_calendars`: sessions, half days, breaks, holidays.

First and last dates are fixed, so that the same version of the library gives the same sessions on any day.
"""

from __future__ import annotations

import re
import warnings
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from domain import instruments
from domain.sessions import Session, SessionCalendar

_FIRST_DATES = (date(1970, 1, 1), date(1990, 1, 1), date(2000, 1, 1))
LAST_DATE = date(2035, 12, 31)
ROUND_THE_CLOCK = "24/7"
_COMMON = ("XNYS", "XNAS", "CMES", "XLON", "XETR", "XTKS", "XHKG", "24/5", ROUND_THE_CLOCK)
_MARKET_CODE = re.compile(r"X[A-Z]{3}")  # ISO 10383, which most calendars are named by


class CalendarUnknown(ValueError):
    """No calendar has this name, or the library cannot compute it."""


def load_calendar(name: str) -> SessionCalendar:
    """Return the calendar of that name, in any case: XNYS, NASDAQ, CMES, 24/7; the same value each time.

    Raises:
        CalendarUnknown: when there is no such calendar, or the library cannot compute its sessions.
    """
    return _load(name.strip().upper())


def find_name(exchange: str) -> str | None:
    """Return the name of the calendar of an exchange by TradingView's prefix (NASDAQ, CME_MINI); None if unknown.

    The library is not loaded for that, so that exchanges without sessions do not cost its memory.
    """
    prefix = exchange.strip().upper()
    return prefix if _MARKET_CODE.fullmatch(prefix) else instruments.find_exchange_calendar(prefix)


@lru_cache(maxsize=64)
def _load(name: str) -> SessionCalendar:
    library = _import_library()
    names = {known.upper(): known for known in library.get_calendar_names()}
    if name not in names:
        raise CalendarUnknown(f"there is no calendar {name!r}; some are {', '.join(_COMMON)}")
    calendar = _compute(library, library.resolve_alias(names[name]))
    return SessionCalendar(
        name=calendar.name,
        version=f"exchange_calendars {library.__version__}",
        zone=ZoneInfo(str(calendar.tz)),
        sessions=_read_sessions(calendar),
    )


def _import_library() -> Any:
    """Import the library at its first use: with pandas it takes more than a second and 60 MB.

    Raises:
        CalendarUnknown: when it is not installed.
    """
    try:
        import exchange_calendars  # noqa: PLC0415 - see above
    except ImportError as error:
        raise CalendarUnknown(f"calendars need the library exchange_calendars, which is missing: {error}") from None
    return exchange_calendars


def _compute(library: Any, name: str) -> Any:
    """Compute the sessions from the earliest of the fixed first dates for which the library can."""
    problem: Exception | None = None
    for first in _FIRST_DATES:
        try:
            return _compute_from(library, name, first)
        except (ValueError, NotImplementedError) as error:  # its data contradict each other, or do not fit pandas
            problem = error
    raise CalendarUnknown(f"the library cannot compute the calendar {name}: {str(problem)[:200]}")


def _compute_from(library: Any, name: str, first: date) -> Any:
    factory = library.calendar_utils.global_calendar_dispatcher._calendar_factories[name]  # noqa: SLF001 - its bounds are nowhere else
    earliest, latest = factory.bound_min(), factory.bound_max()
    start = first if earliest is None else max(first, earliest.date())
    end = LAST_DATE if latest is None else min(LAST_DATE, latest.date())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the library uses what pandas will change; nothing a user can act on
        return factory(start=start.isoformat(), end=end.isoformat())


def _read_sessions(calendar: Any) -> tuple[Session, ...]:
    schedule = calendar.schedule
    columns = [_read_times(schedule[name]) for name in ("open", "close", "break_start", "break_end")]
    return tuple(
        Session(day=day.date(), opens_at=opens, closes_at=closes, break_starts_at=starts, break_ends_at=ends)
        for day, opens, closes, starts, ends in zip(schedule.index, *columns, strict=True)
    )


def _read_times(column: Any) -> list[Any]:
    """Return a column of times as aware UTC datetimes, None where there is none."""
    return [
        datetime.fromtimestamp(time.timestamp(), UTC) if known else None
        for time, known in zip(column, column.notna(), strict=True)
    ]
