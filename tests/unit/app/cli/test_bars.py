"""`orchestrator bars check`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import cli
from tests.support.builders.replays import GOOD_ROW, a_file_of

YAHOO_HEADER = "Date,Open,High,Low,Close,Adj Close,Volume"
YAHOO_ROWS = ("2024-01-02,1,3,1,2,2,10", "2024-01-03,null,null,null,null,null,null", "2024-01-04,1,3,1,2,2,10")


def _check(*arguments: str | Path) -> Result:
    return CliRunner().invoke(cli, ["bars", "check", *map(str, arguments)])


def test_a_file_is_described_as_one_json_document(tmp_path: Path) -> None:
    path = a_file_of(tmp_path, *YAHOO_ROWS, "2024-01-05,1,3,1,2,2,10", header=YAHOO_HEADER)

    result = _check(path, "--calendar", "XNYS", "--json")

    assert (result.exit_code, result.stderr) == (0, "")
    assert json.loads(result.stdout) == {
        "file": str(path),
        "form": "yahoo",
        "timezone": "America/New_York",
        "calendar": "XNYS",
        "interval": "1d",
        "bars": 3,
        "first": "2024-01-02T14:30:00Z",
        "last": "2024-01-05T14:30:00Z",
        "bars_outside_sessions": False,
        "decimal": ".",
        "order": "oldest first",
        "left_out": [{"reason": "null", "count": 1, "first_line": 3}],
        "columns_left_out": ["Adj Close"],
    }


def test_a_file_is_described_in_words(tmp_path: Path) -> None:
    path = a_file_of(tmp_path, *YAHOO_ROWS, "2024-01-05,1,3,1,2,2,10", header=YAHOO_HEADER)

    result = _check(path, "--calendar", "XNYS")

    span = "2024-01-02T14:30:00Z to 2024-01-05T14:30:00Z"
    assert result.stdout.splitlines() == [
        f"{path}: Yahoo, times in America/New_York, sessions of XNYS; 3 bars of 1d from {span}",
        "  left out: 1 row without prices (first on line 3)",
        "  columns left out: Adj Close",
    ]


def test_an_ambiguous_file_ends_with_code_1_line_column_and_cure(tmp_path: Path) -> None:
    path = a_file_of(tmp_path, *YAHOO_ROWS, header=YAHOO_HEADER)

    result = _check(path, "--json")

    assert (result.exit_code, result.stdout) == (1, "")
    assert f"{path}, line 2, Date: bars of 1d are stamped with dates" in result.stderr
    assert "--calendar NAME" in result.stderr


@pytest.mark.parametrize(
    ("option", "value", "problem"),
    [("--timezone", "Nowhere", "is not a time zone"), ("--calendar", "Nowhere", "there is no calendar")],
)
def test_an_option_that_names_nothing_ends_with_code_2(tmp_path: Path, option: str, value: str, problem: str) -> None:
    path = a_file_of(tmp_path, f"2024-01-05T10:00Z,{GOOD_ROW}", f"2024-01-05T11:00Z,{GOOD_ROW}")

    result = _check(path, option, value)

    assert result.exit_code == 2
    assert problem in result.stderr
