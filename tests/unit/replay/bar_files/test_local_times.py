"""Local times as UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from replay.bar_files import local_times
from replay.bar_files.local_times import LocalTimeMissing

_ZONES = ("America/New_York", "Europe/Athens", "Australia/Sydney", "Asia/Kolkata", "UTC", "Etc/GMT+5")


@given(
    st.sampled_from(_ZONES),
    st.integers(0, 366 * 24),
    st.sampled_from([15, 30, 60]),
    st.integers(2, 60),
)
def test_every_series_of_local_times_is_read_back_over_any_change_of_the_clock(
    zone_name: str, first_hour: int, minutes: int, count: int
) -> None:
    zone, start = ZoneInfo(zone_name), datetime(2024, 1, 1, tzinfo=UTC) + timedelta(hours=first_hour)
    series = [start + timedelta(minutes=minutes * number) for number in range(count)]
    written = [at.astimezone(zone).replace(tzinfo=None) for at in series]

    read = list(local_times.to_utc(written, zone))

    begins_in_second_hour = series[0].astimezone(zone).fold == 1
    assert begins_in_second_hour or read == series


def test_a_time_that_the_clock_skipped_is_named_with_its_row() -> None:
    zone = ZoneInfo("America/New_York")
    times = [datetime(2024, 3, 10, hour) for hour in (1, 2, 3)]  # noqa: DTZ001 - local times

    with pytest.raises(LocalTimeMissing) as caught:
        list(local_times.to_utc(times, zone))

    assert caught.value.index == 1


def test_times_that_a_file_has_twice_look_repeated_where_a_clock_or_the_file_goes_back() -> None:
    in_autumn, in_spring = datetime(2024, 11, 3, 1, 30), datetime(2024, 4, 3, 1, 30)  # noqa: DTZ001 - local times

    assert local_times.looks_repeated(in_autumn, before=in_autumn)
    assert local_times.looks_repeated(in_spring, before=in_spring + timedelta(minutes=30))
    assert not local_times.looks_repeated(in_spring, before=in_spring)
    assert not local_times.looks_repeated(in_spring, before=in_spring + timedelta(days=1))
