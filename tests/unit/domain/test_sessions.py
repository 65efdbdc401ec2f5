"""Sessions and the times at which bars close."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain import session_calendars, sessions
from domain.intervals import Interval
from domain.sessions import BarTiming, SessionCalendar

NEW_YORK = ZoneInfo("America/New_York")


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _timing(interval: str, name: str, *open_times: str) -> BarTiming:
    calendar = session_calendars.load_calendar(name)
    return sessions.fit_timing(Interval.parse(interval), calendar, [_at(text) for text in open_times])


@pytest.mark.parametrize(
    ("calendar", "interval", "open_time", "closes_at"),
    [
        ("XNYS", "1h", "2024-01-05T14:30", "2024-01-05T15:30"),
        ("XNYS", "1h", "2024-01-05T20:30", "2024-01-05T21:00"),  # the short last bar of a session
        ("XNYS", "1h", "2024-07-03T16:30", "2024-07-03T17:00"),  # half day
        ("XNYS", "4h", "2024-01-05T18:30", "2024-01-05T21:00"),
        ("XNYS", "1d", "2024-01-05T14:30", "2024-01-05T21:00"),
        ("XNYS", "1d", "2024-07-03T13:30", "2024-07-03T17:00"),
        ("XNYS", "1w", "2024-01-02T14:30", "2024-01-05T21:00"),  # Monday was a holiday
        ("XNYS", "1mo", "2024-01-02T14:30", "2024-01-31T21:00"),
        ("XNYS", "1mo", "2024-03-01T14:30", "2024-03-28T20:00"),  # Good Friday was the 29th
        ("XTKS", "1h", "2024-01-05T02:00", "2024-01-05T02:30"),  # the break at midday
        ("XTKS", "1d", "2024-01-05T00:00", "2024-01-05T06:00"),
        ("XTKS", "2h", "2024-01-05T02:00", "2024-01-05T04:00"),  # trading goes on before it ends
        ("CMES", "1d", "2024-01-04T23:00", "2024-01-05T23:00"),
        ("CMES", "1w", "2024-01-07T23:00", "2024-01-12T23:00"),
        ("24/7", "1d", "2024-01-05T00:00", "2024-01-06T00:00"),
        ("24/7", "4h", "2024-01-05T22:00", "2024-01-06T02:00"),  # one session follows the other without a gap
        ("24/7", "1w", "2024-01-01T00:00", "2024-01-08T00:00"),
        ("24/5", "1h", "2024-01-05T23:30", "2024-01-06T00:00"),  # the weekend begins
    ],
)
def test_a_bar_closes_with_its_interval_or_its_session(
    calendar: str, interval: str, open_time: str, closes_at: str
) -> None:
    timing = _timing(interval, calendar, open_time)

    assert timing.calendar is not None
    assert timing.closes_at(_at(open_time)) == _at(closes_at)


def test_no_bar_reaches_into_the_next_one() -> None:
    timing = BarTiming(interval=Interval.parse("1h"))

    assert timing.closes_at(_at("2024-01-05T14:00"), next_open=_at("2024-01-05T14:30")) == _at("2024-01-05T14:30")
    assert timing.closes_at(_at("2024-01-05T14:00"), next_open=_at("2024-01-08T14:00")) == _at("2024-01-05T15:00")


def test_sessions_do_not_end_the_bars_of_a_series_that_has_one_outside_of_them() -> None:
    timing = _timing("1h", "XNYS", "2024-01-05T09:00", "2024-01-05T20:30")

    assert timing.calendar is None
    assert timing.closes_at(_at("2024-01-05T20:30")) == _at("2024-01-05T21:30")


def test_a_day_is_a_day_over_the_change_to_daylight_saving_time() -> None:
    timing = BarTiming(interval=Interval.parse("1d"), zone=NEW_YORK)

    assert timing.closes_at(_at("2024-03-10T05:00")) == _at("2024-03-11T04:00")
    assert timing.closes_at(_at("2024-11-03T04:00")) == _at("2024-11-04T05:00")


def test_a_month_that_begins_on_the_31st_ends_with_a_shorter_one() -> None:
    timing = BarTiming(interval=Interval.parse("1mo"))

    assert timing.closes_at(_at("2024-01-31T23:00")) == _at("2024-02-29T23:00")
    assert timing.closes_at(_at("2024-12-01T00:00")) == _at("2025-01-01T00:00")


def test_dates_that_the_calendar_does_not_know_end_by_the_interval() -> None:
    timing = _timing("1d", "XNYS", "1960-01-05T14:30", "2040-01-05T14:30")

    assert timing.calendar is not None
    assert timing.closes_at(_at("2040-01-05T14:30")) == _at("2040-01-06T14:30")
    assert timing.closes_at(_at("1960-01-05T14:30")) == _at("1960-01-06T14:30")


def test_a_calendar_knows_sessions_breaks_and_holidays() -> None:
    tokyo = session_calendars.load_calendar("XTKS")

    session = tokyo.session_on(date(2024, 1, 5))

    assert session is not None
    assert session.part_opens == (_at("2024-01-05T00:00"), _at("2024-01-05T03:30"))
    assert tokyo.is_open(_at("2024-01-05T01:00"))
    assert not tokyo.is_open(_at("2024-01-05T03:00"))
    assert tokyo.opens_part(_at("2024-01-05T03:30"))
    assert tokyo.session_on(date(2024, 1, 6)) is None
    following = tokyo.next_session(_at("2024-01-05T07:00"))
    assert following is not None
    assert following.day == date(2024, 1, 9)  # the 8th is a holiday


@given(
    st.sampled_from(["XNYS", "XTKS", "CMES", "24/5", "24/7"]),
    st.sampled_from(["1m", "15m", "1h", "4h", "1d", "1w", "1mo"]),
    st.integers(0, 20_000),
    st.integers(0, 2000),
)
def test_each_bar_closes_after_its_open_and_not_after_its_interval(
    name: str, interval: str, index: int, minutes: int
) -> None:
    calendar: SessionCalendar = session_calendars.load_calendar(name)
    session = calendar.sessions[index % len(calendar.sessions)]
    open_time = session.opens_at + timedelta(minutes=minutes) % (session.closes_at - session.opens_at)
    timing = BarTiming(interval=Interval.parse(interval), calendar=calendar)

    closes_at = timing.closes_at(open_time)

    assert open_time < closes_at <= timing.nominal_end(open_time)
