"""Replays through the real stack, from the command line: the same input gives the same report, bit for bit."""

from __future__ import annotations

import csv
import json
import math
import os
import signal
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.local_stack import a_directory
from tests.support.servers.processes import ORCHESTRATOR
from tests.support.waiting import until

STARTS_AT = datetime(2026, 1, 5, tzinfo=UTC)
BARS, ALERTS, FIRST_ALERT = 420, 24, 300
SPREAD = 8
STACK_S = 180


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """Give a directory with bid and ask bars of one symbol and an alert log over them."""
    with a_directory() as path:
        _write_bars(path / "bid.csv", lift=0)
        _write_bars(path / "ask.csv", lift=SPREAD)
        _write_alerts(path / "alerts.csv")
        yield path


@pytest.fixture(scope="module")
def first(place: Path) -> dict[str, Any]:
    """Give the report of a replay into the empty instance `first`."""
    return replayed(place, "first")


def replayed(place: Path, name: str, **environ: str) -> dict[str, Any]:
    answer = _run(place, name, *_input(place), "--json", **environ)
    assert answer.returncode == 0, answer.stderr
    return dict(json.loads(answer.stdout))


@pytest.mark.property_id(8)
def test_the_same_input_into_two_empty_databases_gives_the_same_report(place: Path, first: dict[str, Any]) -> None:
    second = replayed(place, "second")

    assert json.dumps(first) == json.dumps(second)
    assert first["book"].startswith("replay:")
    assert first["replay"] | {"book": ""} == {
        "book": "",
        "alerts": ALERTS,
        "accepted": ALERTS,
        "duplicates": 0,
        "refused": 0,
        "refused_fields": {},
        "outside": 0,
    }
    assert first["health"] == {
        "srm_p": first["health"]["srm_p"],
        "hash_mismatches": 0,
        "context_mismatches": 0,
        "unresolved": 0,
        "price_jumps": 0,
    }
    assert first["execution_gap"] == 0
    # The longest plan of the built-in engines on hourly alerts is two days.
    assert first["horizon_sessions"] == 2


@pytest.mark.usefixtures("first")
def test_a_replay_that_is_complete_is_refused_the_second_time_and_all_invariants_hold(place: Path) -> None:
    again = _run(place, "first", *_input(place))

    assert again.returncode == 1
    assert "exists already" in again.stderr
    assert "orchestrator report --book replay:" in again.stderr
    verified = _orchestrator(place, "first", "verify", "--json")
    assert json.loads(verified.stdout) == {"ok": True, "violations": []}


def test_an_interrupted_replay_can_be_run_again_and_gives_the_same_report(place: Path, first: dict[str, Any]) -> None:
    command = [ORCHESTRATOR, "replay", *_input(place), "--data-dir", str(place / "cut")]
    log = place / "cut.log"
    with log.open("wb") as out:
        cut = subprocess.Popen(command, stdout=out, stderr=out, env=_environment(), start_new_session=True)
    until(lambda: "5/24" in log.read_text() or "6/24" in log.read_text(), deadline_s=STACK_S, what="some alerts are in")
    os.killpg(cut.pid, signal.SIGKILL)
    cut.wait()

    again = replayed(place, "cut")

    assert json.dumps(again) == json.dumps(first)


@pytest.mark.property_id(34)
def test_the_same_engine_twice_differs_by_exactly_nothing(place: Path) -> None:
    document = replayed(place, "twins", ENGINE_A="committee", ENGINE_B="committee")

    assert document["difference"]["estimate"] == 0
    assert document["execution_gap"] == 0
    assert document["engines"]["A"] == document["engines"]["B"]
    assert document["engines"]["A"]["trades"] > 0


def test_the_log_that_tradingview_exports_is_replayed_under_the_settings_of_a_source(place: Path) -> None:
    _write_exported_log(place / "exported.csv")
    files = ("--bars", f"BTCUSDT={place / 'bid.csv'}", "--alerts", str(place / "exported.csv"), "--json")

    by_option = _run(place, "exported", *files, "--sell-alone", "exit")
    added = _orchestrator(place, "exported", "sources", "add", "desk", "--sell-alone", "exit")
    by_source = _run(place, "exported", *files, "--source", "desk", "--study", "again")
    listed = _orchestrator(place, "exported", "signals", "list", "--json")

    assert (added.returncode, by_option.returncode) == (0, 0), added.stderr + by_option.stderr
    assert by_source.returncode == 1  # the same settings make the same book
    assert "exists already" in by_source.stderr
    summary = json.loads(by_option.stdout)["replay"]
    assert (summary["alerts"], summary["accepted"], summary["refused"]) == (3, 2, 1)
    assert "line 3: HTTP 422" in by_option.stderr
    signals = json.loads(listed.stdout)["signals"]
    assert sorted((row["symbol"], row["exchange"], row["action"], row["direction"]) for row in signals) == [
        ("BTCUSDT", "BINANCE", "entry", "long"),
        ("BTCUSDT", "BINANCE", "exit", "long"),
    ]


def _input(place: Path) -> list[str]:
    return [
        "--bars",
        f"BTCUSDT:bid={place / 'bid.csv'}",
        f"BTCUSDT:ask={place / 'ask.csv'}",
        "--alerts",
        str(place / "alerts.csv"),
    ]


def _run(place: Path, name: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return _orchestrator(place, name, "replay", *arguments, **environ)


def _orchestrator(place: Path, name: str, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [ORCHESTRATOR, *arguments, "--data-dir", str(place / name)]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=STACK_S, env=_environment() | environ, check=False
    )


def _environment() -> dict[str, str]:
    ours = ("DATABASE_URL", "REDIS_URL", "BROKER_URL", "DATA_DIR")
    return {name: value for name, value in os.environ.items() if name not in ours}


def _price(number: int) -> float:
    return 60000 + 25 * number + 900 * math.sin(number / 9) + 350 * math.sin(number / 2.3)


def _write_bars(file: Path, *, lift: int) -> None:
    with file.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["timestamp", "open", "high", "low", "close", "volume"])
        for number in range(BARS):
            first, last = _price(number) + lift, _price(number + 1) + lift
            at = (STARTS_AT + timedelta(hours=number)).strftime("%Y-%m-%dT%H:%M:%SZ")
            prices = (first, max(first, last) + 60, min(first, last) - 60, last)
            rows.writerow([at, *(f"{one:.2f}" for one in prices), 10 + number % 7])


def _write_exported_log(file: Path) -> None:
    """Write a log with its newest alert first, a column of its own, and the symbol in Ticker only."""
    fired = [(STARTS_AT + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%SZ") for hours in (300, 301, 302)]
    bodies = ['{"action": "buy"}', "BTCUSDT Crossing 101", '{"action": "sell"}']
    with file.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["Alert ID", "Ticker", "Name", "Description", "Time", "Webhook status"])
        for number, (body, at) in enumerate(reversed(list(zip(bodies, fired, strict=True)))):
            rows.writerow([number, "BINANCE:BTCUSDT, 1h", "waves", body, at, "Webhook successfully delivered"])


def _write_alerts(file: Path) -> None:
    with file.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["Alert ID", "Ticker", "Name", "Description", "Time"])
        for number in range(ALERTS):
            bar = FIRST_ALERT + 4 * number
            side = "long" if _price(bar) > _price(bar - 6) else "short"
            fired = (STARTS_AT + timedelta(hours=bar)).strftime("%Y-%m-%dT%H:%M:%SZ")
            body = {"symbol": "BTCUSDT", "direction": side, "timeframe": "60", "timestamp": fired, "strategy": "waves"}
            rows.writerow([number, "BTCUSDT", "waves", json.dumps(body), fired])
