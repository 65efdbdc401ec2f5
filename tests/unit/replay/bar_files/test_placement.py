"""Times of a file's rows: local times, dates, order, the grid, and what each mistake says."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from replay import bar_files
from replay.bar_files import BarFile
from replay.file_content import FileInvalid
from tests.support.builders.replays import GOOD_ROW, a_file_of, a_spec

NEW_YORK = "America/New_York"


def _file(tmp_path: Path, *times: str, header: str = bar_files.HEADER, **options: Any) -> BarFile:
    path = a_file_of(tmp_path, *(f"{time},{GOOD_ROW}" for time in times), header=header)
    return bar_files.inspect_bar_file(a_spec(path, **options))


def _problem(tmp_path: Path, *times: str, **options: Any) -> FileInvalid:
    with pytest.raises(FileInvalid) as caught:
        _file(tmp_path, *times, **options)
    return caught.value


def _opens(file: BarFile) -> list[str]:
    return [bar.open_time.isoformat()[:16] for bar in bar_files.read_bars(file)]


@pytest.mark.parametrize(
    ("day", "times"),
    [
        ("2023-11-05", ("01:00", "01:30", "01:00", "01:30")),
        ("2023-11-05", ("00:00", "01:00", "01:00", "02:00")),
        ("2023-11-05", ("01:30", "01:00", "01:30", "01:00")),
        ("2024-10-06", ("01:00", "01:30", "01:00", "01:30")),  # no zone that we know changed its clock then
    ],
)
def test_a_repeated_hour_of_local_times_is_refused(tmp_path: Path, day: str, times: Sequence[str]) -> None:
    error = _problem(tmp_path, *(f"{day}T{time}:00" for time in times))

    assert "the times look local" in str(error) or "--timezone America/New_York" in str(error)
    assert error.line is not None


def test_with_its_time_zone_a_repeated_hour_is_read_in_order(tmp_path: Path) -> None:
    times = ("00:30", "01:00", "01:30", "01:00", "01:30", "02:00")

    file = _file(tmp_path, *(f"2023-11-05T{time}:00" for time in times), timezone=NEW_YORK)

    assert _opens(file) == [
        "2023-11-05T04:30",
        "2023-11-05T05:00",
        "2023-11-05T05:30",
        "2023-11-05T06:00",
        "2023-11-05T06:30",
        "2023-11-05T07:00",
    ]


def test_a_local_time_that_the_clock_skips_is_refused(tmp_path: Path) -> None:
    error = _problem(tmp_path, "2024-03-10T01:00", "2024-03-10T02:00", "2024-03-10T03:00", timezone=NEW_YORK)

    assert error.line == 3
    assert "2024-03-10 02:00:00 does not exist in the time zone" in str(error)


def test_a_repeated_row_is_left_out_and_counted(tmp_path: Path) -> None:
    file = _file(tmp_path, "2024-01-05T14:00Z", "2024-01-05T15:00Z", "2024-01-05T15:00Z", "2024-01-05T16:00Z")

    assert file.count == 3
    assert bar_files.describe(file)["left_out"] == [{"reason": "repeated", "count": 1, "first_line": 4}]
    assert "left out: 1 row with the time of the row before (first on line 4)" in bar_files.format_lines(file)[1]


def test_rows_in_any_order_are_sorted_and_that_is_told(tmp_path: Path) -> None:
    file = _file(tmp_path, "2024-01-05T16:00Z", "2024-01-05T14:00Z", "2024-01-05T15:00Z")

    assert _opens(file) == ["2024-01-05T14:00", "2024-01-05T15:00", "2024-01-05T16:00"]
    assert "sorted: its rows are mixed" in bar_files.format_lines(file)[1]


def test_a_session_that_opens_with_a_row_keeps_it_on_the_grid(tmp_path: Path) -> None:
    times = ("2024-01-05T13:00Z", "2024-01-05T14:00Z", "2024-01-05T14:30Z", "2024-01-05T15:30Z", "2024-01-05T16:30Z")

    without, with_calendar = _file(tmp_path, *times), _file(tmp_path, *times, calendar="XNYS")

    assert (without.count, with_calendar.count) == (4, 5)
    assert "outside the sessions of XNYS" in "".join(bar_files.format_lines(with_calendar))


def test_a_second_row_of_one_date_is_off_the_grid_of_days(tmp_path: Path) -> None:
    times = ("2024-01-03T14:30Z", "2024-01-04T14:30Z", "2024-01-05T14:30Z", "2024-01-05T20:59Z")

    file = _file(tmp_path, *times)

    assert (str(file.interval), file.count) == ("1d", 3)


def test_the_last_bar_of_a_session_ends_with_it(tmp_path: Path) -> None:
    times = ("2024-01-05T18:30Z", "2024-01-05T19:30Z", "2024-01-05T20:30Z")

    assert _file(tmp_path, *times).last_end == datetime(2024, 1, 5, 21, 30, tzinfo=UTC)
    assert _file(tmp_path, *times, calendar="XNYS").last_end == datetime(2024, 1, 5, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("times", "options", "closes"),
    [
        (("2024-01-05T19:30Z", "2024-01-05T20:30Z"), {"calendar": "XNYS"}, (None, "2024-01-05T21:00")),
        (("2024-07-02", "2024-07-03"), {"calendar": "XNYS"}, ("2024-07-02T20:00", "2024-07-03T17:00")),
        (("2024-01-05T13:00Z", "2024-01-05T14:30Z", "2024-01-05T15:30Z"), {}, (None, None, None)),
        (("2024-03-09", "2024-03-10", "2024-03-11"), {"timezone": NEW_YORK}, (None, "2024-03-11T04:00", None)),
        (("2024-01-05T14:00Z", "2024-01-05T15:00Z"), {"calendar": "24/7"}, (None, None)),
    ],
)
def test_bars_have_a_close_time_where_it_is_not_that_of_their_interval(
    tmp_path: Path, times: Sequence[str], options: dict[str, str], closes: Sequence[str | None]
) -> None:
    bars = list(bar_files.read_bars(_file(tmp_path, *times, **options)))

    assert [bar.close_time.isoformat()[:16] if bar.close_time is not None else None for bar in bars] == list(closes)
    assert all(earlier.close_time <= later.open_time for earlier, later in pairwise(bars) if earlier.close_time)


def test_dates_without_a_session_are_left_out_and_counted(tmp_path: Path) -> None:
    file = _file(tmp_path, "2024-07-03", "2024-07-04", "2024-07-05", calendar="XNYS")

    assert _opens(file) == ["2024-07-03T13:30", "2024-07-05T13:30"]
    assert bar_files.describe(file)["left_out"] == [{"reason": "no_session", "count": 1, "first_line": 3}]
    assert bar_files.describe(file)["timezone"] == NEW_YORK


def test_dates_over_a_weekend_without_sessions_are_days(tmp_path: Path) -> None:
    assert str(_file(tmp_path, "2024-01-05", "2024-01-08", calendar="XNYS").interval) == "1d"
    assert str(_file(tmp_path, "2024-01-05", "2024-01-08", calendar="24/7").interval) == "3d"


def test_dates_of_another_calendar_alone_make_no_series(tmp_path: Path) -> None:
    assert "holds no bar; rows that are left out: 2 on a date without a session" in str(
        _problem(tmp_path, "2024-07-06", "2024-07-07", calendar="XNYS")
    )


@pytest.mark.parametrize(
    ("times", "opens"),
    [
        (("2024-01-01", "2024-01-08", "2024-01-15"), ("2024-01-02", "2024-01-08", "2024-01-16")),  # Mondays
        (("2024-01-05", "2024-01-12", "2024-01-19"), ("2024-01-02", "2024-01-08", "2024-01-16")),  # Fridays
        (("2023-12-31", "2024-01-07", "2024-01-14"), ("2024-01-02", "2024-01-08", "2024-01-16")),  # Sundays before
        (("2024-01-01", "2024-02-01", "2024-03-01"), ("2024-01-02", "2024-02-01", "2024-03-01")),
        (("2024-01-31", "2024-02-29", "2024-03-28"), ("2024-01-02", "2024-02-01", "2024-03-01")),
    ],
)
def test_weeks_and_months_open_with_their_first_session_whatever_day_they_are_stamped_with(
    tmp_path: Path, times: Sequence[str], opens: Sequence[str]
) -> None:
    file = _file(tmp_path, *times, calendar="XNYS")

    assert [text[:10] for text in _opens(file)] == list(opens)
    assert str(file.interval) in ("1w", "1mo")


def test_dates_by_time_zone_open_at_its_midnight_over_changes_of_the_clock(tmp_path: Path) -> None:
    file = _file(tmp_path, "2024-03-09", "2024-03-10", "2024-03-11", timezone=NEW_YORK)

    assert _opens(file) == ["2024-03-09T05:00", "2024-03-10T05:00", "2024-03-11T04:00"]
    assert str(file.interval) == "1d"
    assert file.last_end == datetime(2024, 3, 12, 4, tzinfo=UTC)


@pytest.mark.parametrize("times", [("03/04/2024 10:00", "03/04/2024 11:00"), ("03-04-2024 10:00", "04-04-2024 10:00")])
def test_dates_of_which_day_and_month_are_unclear_are_refused(tmp_path: Path, times: Sequence[str]) -> None:
    error = _problem(tmp_path, *times)

    assert "no date tells whether the day or the month comes first; write dates as 2024-12-31" in str(error)
    assert (error.line, error.field) == (2, "timestamp")


def test_one_date_of_the_file_tells_day_from_month_for_all(tmp_path: Path) -> None:
    times = [f"{day:02}/02/2024 10:00" for day in range(1, 20)]

    assert _opens(_file(tmp_path, *times))[:2] == ["2024-02-01T10:00", "2024-02-02T10:00"]


def test_dates_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    error = _problem(tmp_path, "13/01/2024 10:00", "01/14/2024 10:00")

    assert "some dates begin with their day, others with their month" in str(error)


@pytest.mark.parametrize(
    ("row", "problem"),
    [
        ("2024-01-05T16:00:00,1,2,1,2", "differ in whether they name an offset"),
        ("noon,1,2,1,2", "is not a time"),
    ],
)
def test_times_with_and_without_offset_are_refused_in_forms_of_local_times(
    tmp_path: Path, row: str, problem: str
) -> None:
    path = a_file_of(tmp_path, "2024-01-05T15:00:00Z,1,2,1,2", row, header="datetime,open,high,low,close")

    with pytest.raises(FileInvalid, match=problem) as caught:
        bar_files.inspect_bar_file(a_spec(path))

    assert caught.value.line == 3


def test_a_file_without_header_and_known_form_says_what_to_write_above_it(tmp_path: Path) -> None:
    path = a_file_of(tmp_path, "1704463200,1,2,1,2", header="1704459600,1,2,1,2")

    with pytest.raises(FileInvalid, match=r"line 1: begins with .* write a header above it"):
        bar_files.inspect_bar_file(a_spec(path))


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"timezone": "Mars/Olympus"}, "is not a time zone; write one such as America/New_York"),
        ({"timezone": "../etc/passwd"}, "is not a time zone"),
        ({"timezone": ""}, "is not a time zone"),
        ({"calendar": "MARS"}, "there is no calendar 'MARS'"),
    ],
)
def test_an_option_that_names_nothing_is_refused(options: dict[str, str], problem: str) -> None:
    names: dict[str, str | None] = {"timezone": None, "calendar": None}

    with pytest.raises(bar_files.BarSpecInvalid, match=problem):
        bar_files.parse_options(**(names | options))


def test_options_are_for_all_files_or_for_those_of_a_symbol() -> None:
    texts = ["AAPL=a.csv", "BTCUSDT=b.csv", "FX:EURUSD:bid=c.csv"]

    specs = bar_files.parse_specs(
        texts, timezones=["EURUSD=Etc/GMT+5", NEW_YORK], calendars=["AAPL=XNYS", "BTCUSDT=24/7"]
    )

    assert [str(spec.options.zone) for spec in specs] == [NEW_YORK, NEW_YORK, "Etc/GMT+5"]
    assert [spec.options.calendar.name if spec.options.calendar else None for spec in specs] == ["XNYS", "24/7", None]
    with pytest.raises(bar_files.BarSpecInvalid, match="there is no bar file of MSFT"):
        bar_files.parse_specs(texts, calendars=["MSFT=XNYS"])


@pytest.mark.parametrize(
    ("name", "calendar"),
    [
        ("NASDAQ:AAPL", "XNYS"),
        ("CME_MINI:ES1!", "CMES"),
        ("AAPL", None),
        ("BINANCE:BTCUSDT", None),
        ("NASDAQ:EURUSD", None),  # a pair of currencies trades at no exchange
    ],
)
def test_the_calendar_of_the_exchange_that_is_named_counts_without_an_option(name: str, calendar: str | None) -> None:
    (spec,) = bar_files.parse_specs([f"{name}=a.csv"])

    assert (spec.options.calendar.name if spec.options.calendar is not None else None) == calendar
    (chosen,) = bar_files.parse_specs([f"{name}=a.csv"], calendars=["24/5"])
    assert chosen.options.calendar is not None
    assert chosen.options.calendar.name == "24/5"
