"""Bar intervals: reading, writing, and cutting time."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.intervals import Interval, IntervalInvalid, Unit

INTERVALS = st.builds(Interval, count=st.integers(1, 99), unit=st.sampled_from(Unit))
MOMENTS = st.datetimes(datetime(1971, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive by contract


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@given(st.integers(1, 99_999), st.sampled_from(Unit))
def test_what_is_written_reads_back(count: int, unit: Unit) -> None:
    interval = Interval(count=count, unit=unit)

    assert Interval.parse(str(interval)) == interval


@pytest.mark.parametrize(
    "text", ["", "5", "m", "0m", "05m", "5 m", "5M", "-5m", "1.5h", "5min", "100000s", "5m\n", "٥m"]
)
def test_text_of_another_form_is_refused(text: str) -> None:
    with pytest.raises(IntervalInvalid, match="is not an interval such as"):
        Interval.parse(text)


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(seconds=15), "15s"),
        (timedelta(minutes=5), "5m"),
        (timedelta(minutes=90), "90m"),
        (timedelta(hours=1), "1h"),
        (timedelta(days=1), "1d"),
        (timedelta(days=7), "1w"),
        (timedelta(days=30), "30d"),
    ],
)
def test_a_length_is_named_by_its_largest_whole_unit(length: timedelta, text: str) -> None:
    assert str(Interval.of(length)) == text


@pytest.mark.parametrize("length", [timedelta(0), timedelta(seconds=-1), timedelta(milliseconds=1500)])
def test_a_length_that_is_not_whole_seconds_is_refused(length: timedelta) -> None:
    with pytest.raises(IntervalInvalid, match="not a positive whole number of seconds"):
        Interval.of(length)


@pytest.mark.parametrize(
    ("interval", "moment", "start", "end"),
    [
        ("1m", "2026-03-04T12:34:56", "2026-03-04T12:34", "2026-03-04T12:35"),
        ("4h", "2026-03-04T11:59:59", "2026-03-04T08:00", "2026-03-04T12:00"),
        ("1d", "2026-03-04T00:00", "2026-03-04T00:00", "2026-03-05T00:00"),
        ("1w", "2026-03-08T23:59", "2026-03-02T00:00", "2026-03-09T00:00"),
        ("1mo", "2024-02-29T12:00", "2024-02-01T00:00", "2024-03-01T00:00"),
        ("3mo", "2026-12-31T12:00", "2026-10-01T00:00", "2027-01-01T00:00"),
        ("12mo", "2026-12-31T12:00", "2026-01-01T00:00", "2027-01-01T00:00"),
    ],
)
def test_time_is_cut_into_bars_on_the_calendar(interval: str, moment: str, start: str, end: str) -> None:
    floor = Interval.parse(interval).floor(at(moment))

    assert floor == at(start)
    assert Interval.parse(interval).end(floor) == at(end)


@given(INTERVALS, MOMENTS)
def test_the_bar_that_covers_a_moment_holds_it_and_touches_the_next(interval: Interval, moment: datetime) -> None:
    start = interval.floor(moment)
    end = interval.end(start)

    assert start <= moment < end
    assert interval.floor(start) == start
    assert interval.floor(end) == end


@pytest.mark.parametrize(
    ("interval", "above"),
    [
        ("15s", "1m"),
        ("1m", "5m"),
        ("5m", "15m"),
        ("15m", "1h"),
        ("1h", "4h"),
        ("4h", "1d"),
        ("1d", "1w"),
        ("45m", "1d"),
        ("1w", "4w"),
        ("1mo", "4mo"),
    ],
)
def test_the_next_interval_up_is_made_of_whole_ones(interval: str, above: str) -> None:
    assert str(Interval.parse(interval).next) == above


@given(INTERVALS)
def test_the_next_interval_up_is_longer(interval: Interval) -> None:
    above = interval.next

    assert above.approximate > interval.approximate
    assert above.approximate % interval.approximate == timedelta(0)
