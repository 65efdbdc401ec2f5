"""Property 54: bar files in any form are read as the same bars, which never overlap, or refused."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from replay import bar_files
from replay.file_content import FileInvalid
from tests.support.builders.replays import GOOD_ROW, a_file_of, a_spec

NEW_YORK = "America/New_York"
_NAMES = {
    "time": ("timestamp", "Timestamp", "TIMESTAMP", "timestamp_utc", "Time (UTC)", "Gmt time"),
    "open": ("open", "Open", "<OPEN>", "o"),
    "high": ("high", "High", "<HIGH>", "h"),
    "low": ("low", "Low", "<LOW>", "l"),
    "close": ("close", "Close", "<CLOSE>", "c", "Close/Last"),
    "volume": ("volume", "Vol.", "<TICKVOL>", "tick_volume", "Volume BTC"),
    "extra": ("rsi", "Trades", "Adj Close"),
}
_START = datetime(2024, 1, 5, 14, tzinfo=UTC)


def _write_time(at: datetime, style: str) -> str:
    seconds = int(at.timestamp())
    return {
        "s": str(seconds),
        "ms": f"{seconds}000",
        "us": f"{seconds}000000",
        "iso": at.isoformat(),
        "naive": f"{at:%Y-%m-%d %H:%M:%S}",
        "dots": f"{at:%Y.%m.%d %H:%M}",
        "german": f"{at:%d.%m.%Y %H:%M:%S}.000",
        "compact": f"{at:%Y%m%d %H%M%S}",
    }[style]


@pytest.mark.property_id(54)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_columns_delimiter_numbers_and_times_in_any_form_read_as_the_same_bars(tmp_path: Path, data: Any) -> None:
    order = data.draw(st.permutations(list(_NAMES)))
    header = [data.draw(st.sampled_from(_NAMES[column])) for column in order]
    delimiter = data.draw(st.sampled_from([",", ";", "\t"]))
    comma = delimiter != "," and data.draw(st.booleans())
    style = data.draw(st.sampled_from(["s", "ms", "us", "iso", "naive", "dots", "german", "compact"]))
    minutes = data.draw(st.sampled_from([1, 5, 15, 60, 240]))
    rows = []
    for number in range(data.draw(st.integers(2, 6))):
        at = _START + timedelta(minutes=minutes * number)
        values = {"time": _write_time(at, style), "extra": "7.5"} | {
            name: f"{value + number / 4:.2f}"
            for name, value in (("open", 100), ("high", 103), ("low", 99), ("close", 101), ("volume", 10))
        }
        cells = [values[column].replace(".", ",") if comma and column != "time" else values[column] for column in order]
        rows.append(delimiter.join(cells))
    path = a_file_of(tmp_path, *rows, header=delimiter.join(header))

    file = bar_files.inspect_bar_file(a_spec(path))
    bars = list(bar_files.read_bars(file))

    assert [bar.open_time for bar in bars] == [_START + timedelta(minutes=minutes * n) for n in range(len(rows))]
    assert file.interval.approximate == timedelta(minutes=minutes)
    for number, bar in enumerate(bars):
        expected = [value + number / 4 for value in (100, 103, 99, 101, 10)]
        assert [float(value or 0) for value in (bar.open, bar.high, bar.low, bar.close, bar.volume)] == expected


_WORDS = ("timestamp", "time", "date", "open", "high", "low", "close", "volume", "1", "2", "1.5", "1,5", "-1", "null")
_MOMENTS = (
    *(
        "2024-01-05",
        "2024-01-05 10:00",
        "1704463200",
        "20240105",
        "10:00",
        "05.01.2024",
        "3/4/2024",
        "2024-11-03 01:30",
    ),
    *("2024-03-10T02:30", "2024-01-06T10:00+01:00", "99999999999", "0001-01-01", "9999-12-31"),
)
_CELLS = st.one_of(st.sampled_from((*_WORDS, *_MOMENTS, "", '"')), st.text(max_size=5))
_ROWS = st.tuples(st.sampled_from(_MOMENTS), *[st.sampled_from(("1", "1.5", "null"))] * 4).map(list)


@pytest.mark.property_id(54)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=400)
@given(
    header=st.sampled_from([[], ["timestamp", "open", "high", "low", "close"], ["datetime", "o", "h", "l", "c"]]),
    rows=st.one_of(st.lists(_ROWS, max_size=6), st.lists(st.lists(_CELLS, min_size=1, max_size=9), max_size=8)),
    delimiter=st.sampled_from([",", ";", "\t"]),
    options=st.sampled_from([{}, {"calendar": "XNYS"}, {"timezone": NEW_YORK}, {"calendar": "24/7"}]),
)
def test_whatever_a_file_holds_it_is_read_or_refused_with_its_name(
    tmp_path: Path, header: list[str], rows: list[list[str]], delimiter: str, options: dict[str, Any]
) -> None:
    path = tmp_path / "bars.csv"
    path.write_bytes("\n".join(delimiter.join(row) for row in (header, *rows)).encode(errors="replace"))
    try:
        file = bar_files.inspect_bar_file(a_spec(path, **options))
    except FileInvalid as error:
        refusal = str(error)
    else:
        refusal = ""
        assert len(list(bar_files.read_bars(file))) == file.count

    assert not refusal or refusal.startswith(str(path))


@pytest.mark.property_id(54)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
@given(minutes=st.lists(st.integers(0, 600), min_size=4, max_size=40, unique=True), data=st.data())
def test_bars_of_any_rows_ascend_and_do_not_overlap(tmp_path: Path, minutes: list[int], data: Any) -> None:
    calendar = data.draw(st.sampled_from([None, "XNYS", "24/7"]))
    times = [(_START + timedelta(minutes=minute)).isoformat() for minute in data.draw(st.permutations(minutes))]

    path = a_file_of(tmp_path, *(f"{time},{GOOD_ROW}" for time in times))
    file = bar_files.inspect_bar_file(a_spec(path, calendar=calendar))

    assert file.rows is not None
    timing = file.rows.in_time.timing
    opens = [bar.open_time for bar in bar_files.read_bars(file)]
    assert all(timing.closes_at(earlier, next_open=later) <= later for earlier, later in pairwise(opens))
    left_out = sum(omission["count"] for omission in bar_files.describe(file)["left_out"])
    assert len(opens) + left_out == len(minutes)
