"""`bars import | list | export`: history of a standing book, as its user brings it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from app.cli import cli
from db import bars
from db.bars import StoredBars
from db.core.session import Database
from domain import trading_hours
from domain.context import Bar, PriceSide
from domain.intervals import Interval
from domain.ports import Feed
from domain.signal import Instrument, InstrumentKind
from tests.support.pipeline import prepared, store_signal

START = datetime(2026, 3, 2, tzinfo=UTC)  # a Monday
HOUR = timedelta(hours=1)
BTC = Instrument(symbol="BTCUSDT", exchange="BINANCE", kind=InstrumentKind.SPOT)


@pytest.fixture
def database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Give a prepared database that commands use too."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SECRET_KEY", "a secret key for tests only")
    parts = prepared(database_url, "redis://nowhere")
    yield parts.database
    parts.database.dispose()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["bars", *arguments])


def a_file(path: Path, opens: Sequence[datetime], *, close: str = "101") -> Path:
    """Write bars that open at these times, with 100 as open and a range from 99 to 103."""
    rows = [f"{at.isoformat()},100,103,99,{close},5" for at in opens]
    path.write_text("\n".join(["timestamp,open,high,low,close,volume", *rows]) + "\n", encoding="utf-8")
    return path


def hours(count: int, *, first: int = 0) -> list[datetime]:
    return [START + place * HOUR for place in range(first, first + count)]


def imported(*arguments: str) -> list[dict[str, Any]]:
    result = run("import", *arguments, "--json")
    assert result.exit_code == 0, result.output
    # The log goes to stderr in a process of its own, and comes first here.
    documents: list[dict[str, Any]] = json.loads(result.stdout[result.stdout.index("[\n") :])
    return documents


def stored(database: Database, instrument: Instrument = BTC, *, book: str = "paper") -> Sequence[Bar]:
    feed = Feed(book=book, instrument=instrument, interval=Interval.parse("1h"), side=PriceSide.MID)
    return StoredBars(database).last_closed(feed, as_of=datetime.now(UTC), count=10_000)


def test_history_is_added_once_and_again_changes_nothing(database: Database, tmp_path: Path) -> None:
    file = a_file(tmp_path / "btc.csv", hours(300))

    first, again = imported(f"BINANCE:BTCUSDT={file}")[0], imported(f"BINANCE:BTCUSDT={file}")[0]

    assert (first["added"], first["known"], first["differing"]) == (300, 0, 0)
    assert (again["added"], again["known"], again["differing"]) == (0, 300, 0)
    assert len(stored(database)) == 300
    with database.transaction() as session:
        actions = session.execute(text("SELECT action, subject FROM audit_log")).all()
    assert [tuple(entry) for entry in actions] == [("bars.imported", "BTCUSDT")] * 2


def test_what_is_assumed_of_a_file_is_printed_before_anything_is_stored(database: Database, tmp_path: Path) -> None:
    result = run("import", f"BINANCE:BTCUSDT={a_file(tmp_path / 'btc.csv', hours(3))}")

    lines = result.output.splitlines()
    assert "times in UTC; 3 bars of 1h from 2026-03-02T00:00:00Z" in lines[0]
    assert lines[-1] == "paper: BINANCE:BTCUSDT 1h mid: 3 bars added, 0 were there"


def test_bars_that_are_stored_stay_and_those_that_differ_or_overlap_are_told(
    database: Database, tmp_path: Path
) -> None:
    imported(f"BINANCE:BTCUSDT={a_file(tmp_path / 'stored.csv', hours(4))}")
    other = a_file(tmp_path / "other.csv", hours(4, first=2), close="102")
    shifted = a_file(tmp_path / "shifted.csv", [at + HOUR / 2 for at in hours(8, first=4)])

    (differing,) = imported(f"BINANCE:BTCUSDT={other}")
    (overlapping,) = imported(f"BINANCE:BTCUSDT={shifted}")

    assert (differing["added"], differing["known"], differing["differing"]) == (2, 2, 2)
    assert differing["first_differing"] == "2026-03-02T02:00:00.000000Z"
    assert (overlapping["added"], overlapping["overlapping"]) == (6, 2)
    assert [bar.close for bar in stored(database)[:6]] == [Decimal(101)] * 4 + [Decimal(102)] * 2
    said = run("import", f"BINANCE:BTCUSDT={other}").output
    assert "  2 of these have other prices, which stay as they are (first at 2026-03-02T02:00" in said


def test_a_bar_that_has_not_closed_is_left_out(database: Database, tmp_path: Path) -> None:
    this_hour = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
    opens = [this_hour - 2 * HOUR, this_hour - HOUR, this_hour]

    (document,) = imported(f"BINANCE:BTCUSDT={a_file(tmp_path / 'btc.csv', opens)}")

    assert (document["added"], document["still_open"]) == (2, 1)


def test_bars_without_an_exchange_get_the_one_that_alerts_name(database: Database, tmp_path: Path) -> None:
    store_signal(database, symbol="BTCUSDT", exchange="BINANCE", instrument_kind="spot")

    result = run("import", f"BTCUSDT={a_file(tmp_path / 'btc.csv', hours(3))}")

    assert "BTCUSDT is stored as BINANCE:BTCUSDT, spot: that is how alerts name it" in result.output
    assert len(stored(database)) == 3


def test_an_exchange_must_be_named_where_alerts_name_several(database: Database, tmp_path: Path) -> None:
    for exchange in ("BINANCE", "BYBIT"):
        store_signal(database, symbol="BTCUSDT", exchange=exchange, instrument_kind="spot")

    result = run("import", f"BTCUSDT={a_file(tmp_path / 'btc.csv', hours(3))}")

    assert result.exit_code == 2
    assert "name several of BTCUSDT: BINANCE:BTCUSDT (spot), BYBIT:BTCUSDT (spot); write one of them" in result.output
    assert stored(database) == []


def test_a_file_that_cannot_be_read_is_named_with_its_line_and_nothing_is_stored(
    database: Database, tmp_path: Path
) -> None:
    good, bad = a_file(tmp_path / "good.csv", hours(3)), tmp_path / "bad.csv"
    bad.write_text("timestamp,open,high,low,close\n2026-01-05T00:00Z,1,2,1,oops\n", encoding="utf-8")

    result = run("import", f"BINANCE:BTCUSDT={good}", f"ETHUSDT={bad}")

    assert result.exit_code == 1
    assert "line 2" in result.output
    assert stored(database) == []


def test_series_are_listed_with_their_gaps(database: Database, tmp_path: Path) -> None:
    imported(f"BINANCE:BTCUSDT={a_file(tmp_path / 'btc.csv', hours(3) + hours(2, first=6))}")

    (series,) = json.loads(run("list", "BTCUSDT", "--json").stdout)

    assert {name: series[name] for name in ("book", "exchange", "interval", "side", "bars", "gaps")} == {
        "book": "paper",
        "exchange": "BINANCE",
        "interval": "1h",
        "side": "mid",
        "bars": 5,
        "gaps": 1,
    }
    assert series["largest_gaps"] == [{"from": "2026-03-02T03:00:00.000000Z", "to": "2026-03-02T06:00:00.000000Z"}]
    assert "5 bars  2026-03-02 00:00 to 2026-03-02 07:00  1 gaps, the largest" in run("list").output
    assert json.loads(run("list", "ETHUSDT", "--json").stdout) == []


def test_what_is_exported_is_read_again_with_the_same_bars(database: Database, tmp_path: Path) -> None:
    imported(f"BINANCE:BTCUSDT={a_file(tmp_path / 'btc.csv', hours(48))}")
    feed = Feed(book="test", instrument=BTC, interval=Interval.parse("1h"), side=PriceSide.MID)
    with database.transaction() as session:  # some of the volumes are not known
        session.execute(text("UPDATE bars SET volume = NULL WHERE open_time < :at"), {"at": START + 2 * HOUR})

    written = run("export", "BTCUSDT", "--output", str(tmp_path / "out.csv"))
    checked = json.loads(run("check", str(tmp_path / "out.csv"), "--json").stdout)
    imported(f"BINANCE:BTCUSDT={tmp_path / 'out.csv'}", "--book", "test")

    assert written.exit_code == 0
    assert (checked["form"], checked["interval"], checked["bars"], checked["left_out"]) == ("plain", "1h", 48, [])
    assert StoredBars(database).last_closed(feed, as_of=datetime.now(UTC), count=100) == stored(database)


def test_an_export_names_the_choice_where_several_series_fit(database: Database) -> None:
    for interval in ("1h", "5m"):
        feed = Feed(book="paper", instrument=BTC, interval=Interval.parse(interval), side=PriceSide.MID)
        bar = Bar(open_time=START, open=Decimal(1), high=Decimal(1), low=Decimal(1), close=Decimal(1), volume=None)
        with database.transaction() as session:
            bars.add(session, feed, [bar])

    several, one, none = run("export", "BTCUSDT"), run("export", "BTCUSDT", "--interval", "5m"), run("export", "ETH")

    assert several.exit_code == 2
    assert "BINANCE:BTCUSDT 5m mid; BINANCE:BTCUSDT 1h mid; name exchange, --interval or --side" in several.output
    assert one.stdout.splitlines() == ["timestamp,open,high,low,close,volume", "2026-03-02T00:00:00+00:00,1,1,1,1,"]
    assert none.exit_code == 2
    assert "has no such bars of ETH" in none.output


@pytest.mark.parametrize(
    ("instrument", "start", "end", "is_traded"),
    [
        (BTC, "2026-03-07T00:00", "2026-03-07T01:00", True),
        (
            Instrument(symbol="EURUSD", exchange="", kind=InstrumentKind.FOREX),
            "2026-03-06T22:00",
            "2026-03-08T22:00",
            False,
        ),
        (
            Instrument(symbol="EURUSD", exchange="", kind=InstrumentKind.FOREX),
            "2026-03-06T22:00",
            "2026-03-09T02:00",
            True,
        ),
        (
            Instrument(symbol="EURUSD", exchange="", kind=InstrumentKind.FOREX),
            "2026-03-04T10:00",
            "2026-03-04T11:00",
            True,
        ),
        (
            Instrument(symbol="AAPL", exchange="NASDAQ", kind=InstrumentKind.STOCK),
            "2026-03-06T21:00",
            "2026-03-09T13:30",
            False,
        ),
        (
            Instrument(symbol="AAPL", exchange="NASDAQ", kind=InstrumentKind.STOCK),
            "2026-03-05T21:00",
            "2026-03-09T13:30",
            True,
        ),
        (
            Instrument(symbol="AAPL", exchange="NASDAQ", kind=InstrumentKind.STOCK),
            "2026-03-05T18:00",
            "2026-03-05T19:00",
            True,
        ),
    ],
)
def test_a_pause_of_the_exchange_is_no_gap(instrument: Instrument, start: str, end: str, is_traded: bool) -> None:
    after, before = (datetime.fromisoformat(time).replace(tzinfo=UTC) for time in (start, end))

    assert trading_hours.is_traded_between(instrument, after, before) is is_traded
