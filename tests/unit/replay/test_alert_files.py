"""Alert files: TradingView's log, oldest first, messages verbatim."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from replay import alert_files
from replay.alert_files import HEADER
from replay.file_content import FileInvalid
from tests.support.builders.replays import a_file_of


def test_a_message_is_kept_verbatim_over_quotes_and_line_breaks(tmp_path: Path) -> None:
    message = '{""a"": 1,\r\n  ""b"": ""é""}'
    path = a_file_of(tmp_path, f'17,FX:EURUSD,Cross,"{message}",2017-01-05T10:00:00Z', header=HEADER)

    read = alert_files.read_alert_file(path)

    (alert,) = read.alerts
    assert alert.body == '{"a": 1,\r\n  "b": "é"}'.encode()
    assert (alert.line, alert.alert_id, alert.ticker, alert.name) == (3, "17", "FX:EURUSD", "Cross")
    assert alert.fired_at == datetime(2017, 1, 5, 10, tzinfo=UTC)


def test_alerts_of_one_moment_keep_their_order(tmp_path: Path) -> None:
    rows = (f"{number},A,b,c,2017-01-05T10:00:00Z" for number in (3, 1, 2))
    path = a_file_of(tmp_path, *rows, header=HEADER)

    assert [one.alert_id for one in alert_files.read_alert_file(path).alerts] == ["3", "1", "2"]


def test_alerts_are_sorted_and_those_of_one_moment_reversed_where_the_newest_come_first(tmp_path: Path) -> None:
    times = ("10:00:02", "10:00:01", "10:00:01", "10:00:00")
    rows = (f"{number},A,b,c,2017-01-05T{time}Z" for number, time in enumerate(times))
    path = a_file_of(tmp_path, *rows, header=HEADER)

    assert [alert.alert_id for alert in alert_files.read_alert_file(path).alerts] == ["3", "2", "1", "0"]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        (f"{HEADER},Webhook status", "17,FX:EURUSD,Cross,buy,2017-01-05T10:00:00Z,Webhook successfully delivered"),
        ("Time,Webhook status,Ticker,Description", '2017-01-05T10:00:00Z,,"FX:EURUSD, 1h",buy'),
        ("description;time;ticker", "buy;2017-01-05T12:00:00+02:00;FX:EURUSD"),
        ("\ufeffTicker,Description,Time", "FX:EURUSD,buy,1483610400"),
    ],
)
def test_columns_are_found_by_name_in_any_order(tmp_path: Path, header: str, row: str) -> None:
    (alert,) = alert_files.read_alert_file(a_file_of(tmp_path, row, header=header)).alerts

    assert (alert.ticker, alert.body, alert.fired_at) == ("FX:EURUSD", b"buy", datetime(2017, 1, 5, 10, tzinfo=UTC))


def test_the_ticker_column_may_hold_the_interval_of_the_chart(tmp_path: Path) -> None:
    path = a_file_of(tmp_path, '1,"BINANCE:BTCUSDT, 1h",b,c,2017-01-05T10:00:00Z', header=HEADER)

    (alert,) = alert_files.read_alert_file(path).alerts

    assert (alert.ticker, alert.interval) == ("BINANCE:BTCUSDT", "1h")


@pytest.mark.parametrize(
    ("rows", "header", "problem"),
    [
        (("1,A,b,c,noon",), HEADER, "line 2, Time: 'noon' is not a time; write 2017-01-05T10:00:00Z"),
        (("1,A,b,2017-01-05T10:00:00Z",), HEADER, "line 2: has 4 fields, not the 5 of the header"),
        (("1,A,b,c,2017-01-05T10:00:00Z",), "ID,Ticker,Name,Message,Time", "Not there: Description"),
        ((), HEADER, "holds no alert below its header"),
    ],
)
def test_what_is_wrong_in_a_file_is_told(tmp_path: Path, rows: tuple[str, ...], header: str, problem: str) -> None:
    path = a_file_of(tmp_path, *rows, header=header)

    with pytest.raises(FileInvalid) as caught:
        alert_files.read_alert_file(path)

    assert problem in str(caught.value)
