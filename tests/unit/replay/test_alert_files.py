"""Alert files: TradingView's log, oldest first, messages verbatim."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from replay import alert_files
from replay.alert_files import HEADER
from replay.rows import FileInvalid
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


def test_alerts_out_of_order_are_told_with_the_line_and_both_times(tmp_path: Path) -> None:
    rows = ("1,A,b,c,2017-01-05T10:00:00Z", "2,A,b,c,2017-01-05T09:59:59Z")
    path = a_file_of(tmp_path, *rows, header=HEADER)

    with pytest.raises(FileInvalid) as caught:
        alert_files.read_alert_file(path)

    assert str(caught.value) == (
        f"{path}, line 3, Time: 2017-01-05T09:59:59Z is before 2017-01-05T10:00:00Z on line 2; put the oldest first"
    )


@pytest.mark.parametrize(
    ("rows", "header", "problem"),
    [
        (("1,A,b,c,noon",), HEADER, "line 2, Time: 'noon' is not a time; write 2017-01-05T10:00:00Z"),
        (("1,A,b,2017-01-05T10:00:00Z",), HEADER, "line 2: has 4 fields, not the 5 of the header"),
        (("1,A,b,c,2017-01-05T10:00:00Z",), "ID,Ticker,Name,Description,Time", f"it must be {HEADER}"),
        ((), HEADER, "holds no alert below its header"),
    ],
)
def test_what_is_wrong_in_a_file_is_told(tmp_path: Path, rows: tuple[str, ...], header: str, problem: str) -> None:
    path = a_file_of(tmp_path, *rows, header=header)

    with pytest.raises(FileInvalid) as caught:
        alert_files.read_alert_file(path)

    assert problem in str(caught.value)
