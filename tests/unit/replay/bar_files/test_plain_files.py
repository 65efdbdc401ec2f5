"""Plain bar files: what is read, and how each mistake is told."""

from __future__ import annotations

import gzip
import hashlib
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.context import Bar, PriceSide
from domain.signal import Instrument, InstrumentKind
from replay import bar_files
from replay.alert_files import parse_time
from replay.bar_files import HEADER_WITH_VOLUME, BarSpecInvalid
from replay.file_content import FileInvalid
from tests.support.builders.replays import GOOD_ROW, a_file_of, a_spec


def _bars_of(path: Path) -> list[Bar]:
    return list(bar_files.read_bars(bar_files.inspect_bar_file(a_spec(path))))


def _problem_of(path: Path) -> FileInvalid:
    with pytest.raises(FileInvalid) as caught:
        bar_files.inspect_bar_file(a_spec(path))
    return caught.value


@pytest.mark.parametrize(
    ("text", "instrument", "side", "path"),
    [
        ("EURUSD=a.csv", ("", "EURUSD", InstrumentKind.FOREX), PriceSide.MID, "a.csv"),
        ("eurusd:ask=a.csv.gz", ("", "EURUSD", InstrumentKind.FOREX), PriceSide.ASK, "a.csv.gz"),
        ("FX:EURUSD=a.csv", ("FX", "EURUSD", InstrumentKind.FOREX), PriceSide.MID, "a.csv"),
        ("FX:EURUSD:bid=dir/a=b.csv", ("FX", "EURUSD", InstrumentKind.FOREX), PriceSide.BID, "dir/a=b.csv"),
        ("BTCUSDT.P:mid=a.csv", ("", "BTCUSDT", InstrumentKind.PERP), PriceSide.MID, "a.csv"),
        ("BINANCE:BTCUSDT=a.csv", ("BINANCE", "BTCUSDT", InstrumentKind.SPOT), PriceSide.MID, "a.csv"),
        ("BTC/USDT:USDT:bid=a.csv", ("", "BTCUSDT", InstrumentKind.PERP), PriceSide.BID, "a.csv"),
        ("NYSE:MID=a.csv", ("NYSE", "MID", InstrumentKind.UNKNOWN), PriceSide.MID, "a.csv"),
    ],
)
def test_a_spec_names_instrument_side_and_file(
    text: str, instrument: tuple[str, str, InstrumentKind], side: PriceSide, path: str
) -> None:
    spec = bar_files.parse_spec(text)

    exchange, symbol, kind = instrument
    assert spec.instrument == Instrument(symbol=symbol, exchange=exchange, kind=kind)
    assert (spec.side, spec.path) == (side, Path(path))


@pytest.mark.parametrize("text", ["", "EURUSD", "EURUSD=", "=a.csv", ":ask=a.csv", "EUR;USD=a.csv", "a.csv"])
def test_a_spec_of_another_form_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BarSpecInvalid, match=r"EURUSD:ask=eurusd\.csv\.gz"):
        bar_files.parse_spec(text)


@pytest.mark.parametrize("name", ["bars.csv", "bars.csv.gz"])
def test_bars_are_read_plain_and_gzipped_with_the_same_digest(tmp_path: Path, name: str) -> None:
    rows = ("2017-01-05T10:00:00Z,1.05,1.07,1.04,1.06,12.5", "2017-01-05T11:00:00Z,1.06,1.06,1.06,1.06,")
    path = a_file_of(tmp_path, *rows, header=HEADER_WITH_VOLUME, name=name)

    file = bar_files.inspect_bar_file(a_spec(path))

    assert list(bar_files.read_bars(file)) == [
        Bar(
            open_time=datetime(2017, 1, 5, 10, tzinfo=UTC),
            open=Decimal("1.05"),
            high=Decimal("1.07"),
            low=Decimal("1.04"),
            close=Decimal("1.06"),
            volume=Decimal("12.5"),
        ),
        Bar(
            open_time=datetime(2017, 1, 5, 11, tzinfo=UTC),
            open=Decimal("1.06"),
            high=Decimal("1.06"),
            low=Decimal("1.06"),
            close=Decimal("1.06"),
            volume=None,
        ),
    ]
    assert (file.count, str(file.interval)) == (2, "1h")
    assert (file.first_open.hour, file.last_end.hour) == (10, 12)
    assert file.digest == hashlib.sha256("\n".join((HEADER_WITH_VOLUME, *rows, "")).encode()).hexdigest()


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("2017-01-05T10:00:00Z", "2017-01-05T11:00:00Z"),
        ("2017-01-05 10:00:00.000000", "2017-01-05 11:00:00.000000"),
        ("2017-01-05 10:00:00+00:00", "2017-01-05 11:00:00+00:00"),
        ("2017-01-05T12:00:00+02:00", "2017-01-05T13:00:00+02:00"),
        ("1483610400", "1483614000"),
        ("1483610400000", "1483614000000"),
    ],
)
def test_each_way_to_write_a_time_is_the_same_moment_in_utc(tmp_path: Path, first: str, second: str) -> None:
    path = a_file_of(tmp_path, f"{first},{GOOD_ROW}", f"{second},{GOOD_ROW}")

    times = [bar.open_time for bar in _bars_of(path)]

    assert times == [datetime(2017, 1, 5, 10, tzinfo=UTC), datetime(2017, 1, 5, 11, tzinfo=UTC)]


def test_the_interval_is_the_most_frequent_gap_and_an_odd_row_is_left_out_and_counted(tmp_path: Path) -> None:
    times = ("10:00", "11:00", "12:00", "12:30", "13:00", "14:00")
    path = a_file_of(tmp_path, *(f"2017-01-05T{time},{GOOD_ROW}" for time in times))

    file = bar_files.inspect_bar_file(a_spec(path))

    assert (str(file.interval), file.count) == ("1h", 5)
    assert [bar.open_time.hour for bar in bar_files.read_bars(file)] == [10, 11, 12, 13, 14]
    assert bar_files.describe(file)["left_out"] == [{"reason": "off_grid", "count": 1, "first_line": 5}]


def test_a_missing_volume_stays_missing(tmp_path: Path) -> None:
    rows = ("2017-01-05T10:00,1.05,1.07,1.04,1.06,NaN", "2017-01-05T11:00,1.05,1.07,1.04,1.06,")
    path = a_file_of(tmp_path, *rows, header=HEADER_WITH_VOLUME)

    assert [bar.volume for bar in _bars_of(path)] == [None, None]


def test_blank_lines_windows_line_ends_and_a_byte_order_mark_do_no_harm(tmp_path: Path) -> None:
    text = f"timestamp,open,high,low,close\r\n2017-01-05T10:00,{GOOD_ROW}\r\n\r\n2017-01-05T11:00,{GOOD_ROW}\r\n"
    path = tmp_path / "bars.csv"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())

    assert len(_bars_of(path)) == 2


@pytest.mark.parametrize(
    ("row", "field", "problem"),
    [
        ("yesterday,1.05,1.07,1.04,1.06", "timestamp", "'yesterday' is not a time; write 2017-01-05T10:00:00Z"),
        ("05.01.2017 10:00:00,1.05,1.07,1.04,1.06", "timestamp", "'05.01.2017 10:00:00' is not a time"),
        ("20170106,1.05,1.07,1.04,1.06", "timestamp", "'20170106' is not a time"),
        ("2017-01-05T11:00:00,abc,1.07,1.04,1.06", "open", "'abc' is not a price; write a number above 0"),
        ("2017-01-05T11:00:00,1.05,NaN,1.04,1.06", "high", "'NaN' is not a price"),
        ("2017-01-05T11:00:00,1.05,1.07,-1.04,1.06", "low", "'-1.04': prices at or below zero are not supported"),
        ("2017-01-05T11:00:00,1.05,1.07,0,1.06", "low", "'0': prices at or below zero are not supported"),
        ("2017-01-05T11:00:00,1.05,1.07,1.04,", "close", "'' is not a price"),
        ('2017-01-05T11:00:00,"1,05",1.07,1.04,1.06', "open", "a decimal comma is read where ; or tabs stand between"),
        ("2017-01-05T11:00:00,1.05,1.07,1.04,inf", "close", "'inf' is not a price"),
        ("2017-01-05T11:00:00,1.05,1.055,1.04,1.06", "high", "1.055 is below the open or the close"),
        ("2017-01-05T11:00:00,1.05,1.07,1.055,1.06", "low", "1.055 is above the open or the close"),
        ("2017-01-05T11:00:00,1.05,1.07,1.04", None, "has 4 fields, not the 5 of the header"),
        ("2017-01-05T11:00:00,1,05,1,07,1,04,1,06", None, "has 9 fields, not the 5 of the header"),
    ],
)
def test_a_bad_row_is_told_with_file_line_field_and_what_would_be_right(
    tmp_path: Path, row: str, field: str | None, problem: str
) -> None:
    path = a_file_of(tmp_path, f"2017-01-05T10:00:00Z,{GOOD_ROW}", row)

    error = _problem_of(path)

    assert (error.path, error.line, error.field) == (path, 3, field)
    assert str(error).startswith(f"{path}, line 3")
    assert problem in str(error)


def test_a_bad_volume_is_told(tmp_path: Path) -> None:
    path = a_file_of(tmp_path, f"2017-01-05,{GOOD_ROW},-3", header=HEADER_WITH_VOLUME)

    error = _problem_of(path)

    assert (error.line, error.field) == (2, "volume")


@pytest.mark.parametrize(
    ("header", "missing"),
    [
        ("open,high,low,close,volume", "timestamp"),
        ("timestamp,open,high,low,volume", "close"),
        ("timestamp,bid,size,side,id", "open, high, low, close"),
    ],
)
def test_a_wrong_header_is_told_with_what_it_lacks(tmp_path: Path, header: str, missing: str) -> None:
    path = a_file_of(tmp_path, f"2017-01-05T10:00,{GOOD_ROW}", header=header)

    error = _problem_of(path)

    assert error.line == 1
    assert f"has the header {header}; it must be timestamp,open,high,low,close or name these" in str(error)
    assert str(error).endswith(f"Not there: {missing}")


def test_an_empty_file_is_told_with_the_header_it_needs(tmp_path: Path) -> None:
    path = tmp_path / "bars.csv"
    path.touch()

    assert "is empty; the first line must be timestamp,open,high,low,close" in str(_problem_of(path))


@pytest.mark.parametrize("rows", [(), (f"2017-01-05T10:00,{GOOD_ROW}",)])
def test_fewer_than_two_bars_have_no_interval(tmp_path: Path, rows: tuple[str, ...]) -> None:
    path = a_file_of(tmp_path, *rows)

    assert f"holds {len(rows)} bar" in str(_problem_of(path))


def test_bars_closer_than_a_second_are_refused(tmp_path: Path) -> None:
    path = a_file_of(tmp_path, f"2017-01-05 10:00:00.0,{GOOD_ROW}", f"2017-01-05 10:00:00.5,{GOOD_ROW}")

    assert "gaps must be whole seconds" in str(_problem_of(path))


def test_a_file_that_is_not_there_or_not_what_its_name_says_is_told(tmp_path: Path) -> None:
    cut, binary = tmp_path / "b.csv.gz", tmp_path / "c.csv"
    cut.write_bytes(gzip.compress(f"timestamp,open,high,low,close\n2017-01-05,{GOOD_ROW}\n".encode())[:-12])
    binary.write_bytes(b"timestamp,open,high,low,close\n\x80\x81\n")

    assert "there is no such file" in str(_problem_of(tmp_path / "none.csv"))
    assert "cannot be read" in str(_problem_of(cut))
    assert "is not UTF-8 text" in str(_problem_of(binary))


def test_a_file_that_changed_after_its_inspection_is_not_loaded(tmp_path: Path) -> None:
    rows = (f"2017-01-05T10:00,{GOOD_ROW}", f"2017-01-05T11:00,{GOOD_ROW}")
    file = bar_files.inspect_bar_file(a_spec(a_file_of(tmp_path, *rows)))
    a_file_of(tmp_path, *rows, f"2017-01-05T12:00,{GOOD_ROW}")

    with pytest.raises(FileInvalid, match="changed while it was being read"):
        list(bar_files.read_bars(file))


def test_both_sides_of_a_symbol_are_welcome_and_the_same_side_twice_is_not(tmp_path: Path) -> None:
    path = a_file_of(tmp_path, f"2017-01-05T10:00,{GOOD_ROW}", f"2017-01-05T11:00,{GOOD_ROW}")
    bid, ask = a_spec(path, side=PriceSide.BID), a_spec(path, side=PriceSide.ASK)

    both = bar_files.inspect_bar_files([bid, ask])

    assert [one.spec.side for one in both] == [PriceSide.BID, PriceSide.ASK]
    with pytest.raises(BarSpecInvalid, match="both give EURUSD bid 1h bars"):
        bar_files.inspect_bar_files([bid, ask, bid])


@settings(max_examples=200)
@given(st.datetimes(min_value=datetime(1975, 1, 1), max_value=datetime(2100, 1, 1)))  # noqa: DTZ001 - made aware below
def test_a_time_survives_being_written_in_any_accepted_form(moment: datetime) -> None:
    at = moment.replace(tzinfo=UTC, microsecond=moment.microsecond // 1000 * 1000)
    milliseconds = (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)

    written = (at.isoformat(), at.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds"), str(milliseconds))

    assert {parse_time(text) for text in written} == {at}
