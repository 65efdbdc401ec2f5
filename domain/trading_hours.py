"""When an instrument is traded: its exchange's sessions, where they are known, else round the clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import lru_cache

from domain import session_calendars
from domain.intervals import Interval
from domain.session_calendars import CalendarUnknown
from domain.sessions import BarTiming, SessionCalendar
from domain.signal import Instrument, InstrumentKind
from domain.study import ROUND_THE_CLOCK, compute_horizon_end

# Kinds that trade in the sessions of one exchange; currencies and crypto trade at many places.
_WITH_SESSIONS = frozenset(
    {
        InstrumentKind.STOCK,
        InstrumentKind.INDEX,
        InstrumentKind.FUTURE,
        InstrumentKind.OPTION,
        InstrumentKind.UNKNOWN,
    }
)
_WEEKEND = timedelta(days=2, hours=3)
# Currencies are traded from Sunday evening on, which the calendar of weekdays does not know: no order waits by it.
_WITHOUT_CLOSE = frozenset({session_calendars.ROUND_THE_CLOCK, "24/5"})


def find_calendar(instrument: Instrument, *, named: str | None = None) -> SessionCalendar | None:
    """Return the calendar of that name, else of an instrument's exchange; None where none is known or has sessions."""
    if instrument.kind not in _WITH_SESSIONS:
        return None
    if named is not None:
        return session_calendars.load_calendar(named)
    if not instrument.exchange:
        return None
    return _load_calendar(instrument.exchange)


def choose_calendar(instrument: Instrument, *, of_source: str | None, of_terms: str | None) -> str | None:
    """Return the name of an instrument's calendar: its source's where it has sessions, else that of its terms."""
    return of_source if of_source is not None and instrument.kind in _WITH_SESSIONS else of_terms


def is_in_session(instrument: Instrument, at: datetime, *, calendar: str | None = None) -> bool:
    """Return whether an instrument may be traded at a moment; true where no calendar is known.

    `calendar` is the name of the instrument's own (None: that of its exchange).
    """
    sessions = _find_sessions(instrument, calendar)
    return sessions is None or sessions.is_open(at)


def find_opening(instrument: Instrument, at: datetime, *, calendar: str | None = None) -> datetime | None:
    """Return when an instrument that is out of session opens again; None while it may be traded, or if unknown."""
    sessions = _find_sessions(instrument, calendar)
    if sessions is None or sessions.is_open(at):
        return None
    session, following = sessions.session_at(at), sessions.next_session(at)
    if session is not None and session.break_ends_at is not None:
        return session.break_ends_at
    return None if following is None else following.opens_at


def _find_sessions(instrument: Instrument, name: str | None) -> SessionCalendar | None:
    """Return the calendar of that name, else of the exchange; one that cannot be loaded is none."""
    if name in _WITHOUT_CLOSE:
        return None
    try:
        return find_calendar(instrument, named=name)
    except CalendarUnknown:
        return find_calendar(instrument)


def is_traded_between(instrument: Instrument, after: datetime, before: datetime) -> bool:
    """Return whether an instrument is traded at some time in [after, before): a pause of its exchange is none.

    Without a calendar, what does not trade round the clock is taken to rest from Friday 20:00 to Sunday 23:00 UTC.
    """
    calendar = find_calendar(instrument)
    if calendar is None:
        return instrument.kind in ROUND_THE_CLOCK or not _is_weekend(after, before)
    session, following = calendar.session_at(after), calendar.next_session(after)
    if calendar.is_open(after) or (following is not None and following.opens_at < before):
        return True
    return session is not None and session.break_ends_at is not None and after < session.break_ends_at < before


def _is_weekend(after: datetime, before: datetime) -> bool:
    friday = _last_friday_evening(after)
    return friday <= after and before <= friday + _WEEKEND


def _last_friday_evening(at: datetime) -> datetime:
    """Return 20:00 UTC of the Friday on or before the date of `at`."""
    return (at - timedelta(days=(at.weekday() - 4) % 7)).replace(hour=20, minute=0, second=0, microsecond=0)


def count_traded_time(instrument: Instrument, after: datetime, before: datetime) -> timedelta:
    """Return for how long an instrument is traded in [after, before), with the weekend of `is_traded_between`."""
    calendar = find_calendar(instrument)
    if calendar is not None:
        return _count_in_sessions(calendar, after, before)
    rest = timedelta(0) if instrument.kind in ROUND_THE_CLOCK else _count_weekends(after, before)
    return max(before - after, timedelta(0)) - rest


def _count_in_sessions(calendar: SessionCalendar, after: datetime, before: datetime) -> timedelta:
    traded, session = timedelta(0), calendar.session_at(after) or calendar.next_session(after)
    while session is not None and session.opens_at < before:
        traded += _overlap(session.opens_at, session.closes_at, after, before)
        if session.break_starts_at is not None and session.break_ends_at is not None:
            traded -= _overlap(session.break_starts_at, session.break_ends_at, after, before)
        session = calendar.next_session(session.opens_at)
    return traded


def _count_weekends(after: datetime, before: datetime) -> timedelta:
    friday, rest = _last_friday_evening(after), timedelta(0)
    while friday < before:
        rest += _overlap(friday, friday + _WEEKEND, after, before)
        friday += timedelta(days=7)
    return rest


def _overlap(starts: datetime, ends: datetime, after: datetime, before: datetime) -> timedelta:
    return max(min(ends, before) - max(starts, after), timedelta(0))


def bar_closes_at(
    instrument: Instrument, interval: Interval, open_time: datetime, *, calendar: str | None = None
) -> datetime:
    """Return when a bar closes: with its interval, or before that with its session, by the calendar of that name."""
    return BarTiming(interval=interval, calendar=find_calendar(instrument, named=calendar)).closes_at(open_time)


def compute_fill_deadline(instrument: Instrument, at: datetime, *, calendar: str | None = None) -> datetime:
    """Return until when an order without a price waits for the open of a bar.

    That is the end of the next session; without a calendar 24 h round the clock, else the end of the next weekday.
    `calendar` is the name of the instrument's own (None: that of its exchange).
    """
    if instrument.kind in ROUND_THE_CLOCK:
        return at + timedelta(days=1)
    sessions = _find_sessions(instrument, calendar)
    following = None if sessions is None else sessions.next_session(at)
    return compute_horizon_end(at, sessions=1, kind=instrument.kind) if following is None else following.closes_at


@lru_cache(maxsize=256)
def _load_calendar(exchange: str) -> SessionCalendar | None:
    try:
        name = session_calendars.find_name(exchange)
        return None if name is None else session_calendars.load_calendar(name)
    except CalendarUnknown:
        return None
