"""The interval of a series, and the rows that are off its grid."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from domain import bar_grid
from domain.intervals import Interval, IntervalInvalid


def _times(*texts: str) -> list[datetime]:
    return [datetime.fromisoformat(text).replace(tzinfo=UTC) for text in texts]


@pytest.mark.parametrize(
    ("times", "interval"),
    [
        (("2024-01-05T10:00", "2024-01-05T11:00", "2024-01-05T11:30", "2024-01-05T12:00", "2024-01-05T13:00"), "1h"),
        (("2024-01-05T10:00", "2024-01-05T11:00"), "1h"),
        (("2024-01-05T10:00", "2024-01-05T10:15", "2024-01-05T10:45", "2024-01-08T10:00"), "15m"),
        (("2024-01-05T10:00", "2024-01-05T11:00", "2024-01-05T13:00"), "1h"),  # one bar is missing
        (("2024-01-05T10:00", "2024-01-05T11:00", "2024-01-05T11:30"), "1h"),  # one row is odd
        (("2024-01-05T13:00", "2024-01-05T14:30", "2024-01-05T15:30"), "1h"),  # a session begins at half past
        (("2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09", "2024-01-10"), "1d"),
        (("2024-03-08T05:00", "2024-03-09T05:00", "2024-03-10T05:00", "2024-03-11T04:00"), "1d"),
        (("2024-01-02T14:30", "2024-01-08T14:30", "2024-01-16T14:30", "2024-01-22T14:30", "2024-01-29T14:30"), "1w"),
        (("2024-01-01", "2024-02-01", "2024-03-01", "2024-04-01"), "1mo"),
        (("2024-01-02", "2024-02-01", "2024-03-01", "2024-04-01", "2024-05-01", "2024-06-03"), "1mo"),
        (("2024-01-01", "2024-04-01", "2024-07-01", "2024-10-01"), "3mo"),
        (("2024-01-05T14:30", "2024-01-05T18:30", "2024-01-08T14:30", "2024-01-08T18:30"), "4h"),
    ],
)
def test_the_interval_is_the_most_frequent_gap(times: Sequence[str], interval: str) -> None:
    assert str(bar_grid.find_interval(_times(*times))) == interval


@pytest.mark.parametrize("times", [(), ("2024-01-05T10:00",), ("2024-01-05T10:00", "2024-01-05T10:00")])
def test_fewer_than_two_times_have_no_interval(times: Sequence[str]) -> None:
    with pytest.raises(IntervalInvalid, match="fewer than two"):
        bar_grid.find_interval(_times(*times))


@pytest.mark.parametrize(
    ("interval", "times", "off_grid"),
    [
        ("1h", ("2024-01-05T10:00", "2024-01-05T10:30", "2024-01-05T11:00"), [1]),
        ("1h", ("2024-01-05T10:00", "2024-01-05T11:30", "2024-01-05T12:30"), []),
        ("1d", ("2024-01-05T14:30", "2024-01-05T20:00", "2024-01-06T10:00"), [1]),
        ("1d", ("2024-03-31T00:00", "2024-03-31T23:00", "2024-04-01T23:00"), []),  # London's days, in UTC
        ("1w", ("2024-01-01", "2024-01-08", "2024-01-10", "2024-01-16"), [2]),
        ("1w", ("2024-01-07T23:00", "2024-01-14T23:00", "2024-01-15T23:00", "2024-01-21T23:00"), [2]),
        ("1mo", ("2024-01-31T22:00", "2024-02-29T22:00", "2024-03-15T22:00", "2024-03-31T22:00"), [2]),
        ("1mo", ("2024-06-02T22:00", "2024-06-30T22:00"), []),  # months of futures begin with their first session
    ],
)
def test_a_row_too_close_to_the_one_before_is_off_the_grid(
    interval: str, times: Sequence[str], off_grid: list[int]
) -> None:
    assert bar_grid.find_off_grid(_times(*times), interval=Interval.parse(interval)) == off_grid


def test_the_dates_of_a_time_zone_tell_days_apart() -> None:
    tokyo = ZoneInfo("Asia/Tokyo")
    times = _times("2024-01-05T14:00", "2024-01-05T16:00")  # 23:00 and 01:00 there

    assert bar_grid.find_off_grid(times, interval=Interval.parse("1d"), zone=tokyo) == []
    assert bar_grid.find_off_grid(times, interval=Interval.parse("1d")) == [1]


def test_a_row_with_which_trading_begins_is_on_the_grid() -> None:
    times = _times("2024-01-05T14:00", "2024-01-05T14:30", "2024-01-05T14:30", "2024-01-05T15:30")

    off_grid = bar_grid.find_off_grid(
        times, interval=Interval.parse("1h"), opens_part=lambda at: at == times[0] + timedelta(minutes=30)
    )

    assert off_grid == [2]
