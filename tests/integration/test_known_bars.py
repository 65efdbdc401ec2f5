"""How many closed bars are known of those that engines need: in doctor, lists, pages and the report."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner

from app.cli import cli
from db import bars, exchange_answers
from db.queries import reports
from domain.access import Role
from domain.context import Bar, PriceSide
from domain.intervals import Interval
from domain.ports import Feed
from domain.signal import Instrument, InstrumentKind
from operations import known_bars
from reporting import document, phrases
from tasks.parts import Parts
from tests.support.builders.users import ConsoleApp, start_console_app
from tests.support.pipeline import prepared, rows, run_all, settings_for, store_signal

BTC = Instrument(symbol="BTCUSDT", exchange="BINANCE", kind=InstrumentKind.SPOT)
THIS_HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
SEEN = """
    SELECT jsonb_array_length(document->'base'->'bars') AS seen
    FROM market_contexts JOIN bar_windows USING (window_hash)
    WHERE signal_id = :id
"""
LINE = "BTCUSDT 1h: 37 of 200 closed bars"


@pytest.fixture
def parts(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SECRET_KEY", "a-secret-key-for-tests")
    made = prepared(database_url, "redis://nowhere")
    yield made
    made.database.dispose()


def add_bars(parts: Parts, count: int, *, book: str = "paper", interval: str = "1h") -> None:
    """Store the newest bars that have closed by this hour."""
    length = Interval.parse(interval)
    feed = Feed(book=book, instrument=BTC, interval=length, side=PriceSide.MID)
    price = Decimal(60_000)
    with parts.transaction() as session:
        bars.add(
            session,
            feed,
            (
                Bar(
                    open_time=THIS_HOUR - place * length.approximate,
                    open=price,
                    high=price + 5,
                    low=price - 5,
                    close=price,
                    volume=None,
                )
                for place in range(count, 0, -1)
            ),
        )


def documents(parts: Parts, **environ: str) -> list[dict[str, Any]]:
    settings = settings_for(parts.settings.database_url or "", "redis://nowhere", **environ)
    return known_bars.list_known_bars(parts.database, settings, now=datetime.now(UTC))


def a_signal_with_37_bars(parts: Parts) -> None:
    add_bars(parts, 37)
    signal_id = store_signal(parts.database, received_at=THIS_HOUR, timestamp=THIS_HOUR, price=Decimal(60_000))
    run_all(parts, [signal_id])


def test_the_bars_of_each_market_of_recent_signals_are_counted(parts: Parts) -> None:
    a_signal_with_37_bars(parts)
    store_signal(parts.database, timeframe=None)

    nameless, hourly = documents(parts)

    assert known_bars.format_known_bars(hourly).startswith(f"{LINE} (MARKET_DATA=alert asks no exchange); ")
    assert "`orchestrator bars import BINANCE:BTCUSDT=FILE` adds history of 1h" in hourly["advice"]
    assert not nameless["enough"]
    assert "name no interval" in nameless["advice"]
    assert "sources set tests --timeframe 1h" in nameless["advice"]


def test_imported_minutes_fill_up_the_hours_that_alerts_brought(parts: Parts) -> None:
    a_signal_with_37_bars(parts)
    add_bars(parts, 60 * 201, interval="1m")

    signal_id = store_signal(parts.database, received_at=THIS_HOUR, timestamp=THIS_HOUR, price=Decimal(60_000))
    run_all(parts, [signal_id])

    (hourly,) = documents(parts)
    assert (hourly["known"] >= 200, hourly["enough"]) == (True, True)
    assert rows(parts.database, SEEN, id=signal_id) == [{"seen": hourly["known"]}]


def test_finer_bars_count_as_the_bars_that_they_combine_into(parts: Parts) -> None:
    add_bars(parts, 600, interval="30m")
    store_signal(parts.database)

    (market,) = documents(parts)

    assert (market["known"], market["enough"], market["advice"]) == (250, True, None)


def test_test_alerts_are_not_counted(parts: Parts) -> None:
    store_signal(parts.database, book="test", is_test=True)

    assert documents(parts) == []


def test_it_is_said_why_the_exchange_gives_no_bars(parts: Parts) -> None:
    store_signal(parts.database)
    with parts.transaction() as session:
        exchange_answers.record(session, BTC, asked="binance", problem="does not answer: no route")

    (market,) = documents(parts, MARKET_DATA="auto")

    assert known_bars.format_known_bars(market).startswith(
        "BTCUSDT 1h: 0 of 200 closed bars (binance does not answer: no route); "
    )


def test_doctor_and_the_list_of_sources_say_what_is_missing(parts: Parts) -> None:
    a_signal_with_37_bars(parts)

    said = CliRunner().invoke(cli, ["doctor", "--json"])
    listed = CliRunner().invoke(cli, ["sources", "list"]).stdout
    shown = CliRunner().invoke(cli, ["sources", "show", "tests"]).stdout
    unknown = CliRunner().invoke(cli, ["sources", "show", "nobody"])

    (check,) = [check for check in json.loads(said.stdout)["checks"] if check["check"] == "bars of paper"]
    assert (said.exit_code, check["ok"]) == (1, False)
    assert check["detail"].startswith(LINE)
    assert LINE in listed
    assert LINE in shown
    assert "pyramiding: 1000" in shown
    assert unknown.exit_code == 2
    assert "there is no source named 'nobody'" in unknown.output


def test_the_report_says_that_engines_lacked_bars(parts: Parts) -> None:
    a_signal_with_37_bars(parts)

    with parts.database.snapshot() as session:
        built = document.build_report(reports.load(session, book="paper"))

    assert built["missing_bars"] == [
        {"symbol": "BTCUSDT", "exchange": "BINANCE", "timeframe": "1h", "known": 37, "needed": 200}
    ]
    checks = phrases.describe_health_checks(built)
    assert (False, f"too few closed bars: {LINE}; `orchestrator bars import` adds history") in checks


def test_a_report_of_engines_with_all_their_bars_has_nothing_to_say(parts: Parts) -> None:
    add_bars(parts, 260)
    run_all(parts, [store_signal(parts.database, received_at=THIS_HOUR, timestamp=THIS_HOUR)])

    with parts.database.snapshot() as session:
        built = document.build_report(reports.load(session, book="paper"))

    assert built["missing_bars"] == []
    assert phrases.describe_missing_bars(built) == []


@pytest.fixture
def console(parts: Parts) -> Iterator[ConsoleApp]:
    with start_console_app(parts.settings.database_url or "", MARKET_DATA="alert") as running:
        running.add_user("viewer", Role.VIEWER)
        yield running


def test_the_pages_of_report_and_sources_say_what_is_missing(parts: Parts, console: ConsoleApp) -> None:
    a_signal_with_37_bars(parts)
    viewer = console.logged_in("viewer")

    front, sources = (html.unescape(viewer.get(path).text) for path in ("/", "/sources"))
    add_bars_before = html.unescape(viewer.get("/").text).count(LINE)
    with parts.transaction() as session:
        session.connection().exec_driver_sql("DELETE FROM bars")
    add_bars(parts, 260)
    cured = html.unescape(viewer.get("/sources").text)

    assert f"{LINE} (MARKET_DATA=alert asks no exchange)" in front
    assert f"paper: {LINE}" in sources
    assert "Prices come from stored bars" in sources
    assert add_bars_before > 0
    assert "BTCUSDT 1h: 200 of 200 closed bars" in cured


def test_engines_of_a_study_say_how_many_bars_they_need(parts: Parts) -> None:
    with parts.transaction() as session:
        rows = session.connection().exec_driver_sql("SELECT bars_needed_a, bars_needed_b FROM studies").all()

    assert {tuple(row) for row in rows} == {(200, 69)}
