"""`orchestrator status`: is it trading, for whom, on which book and instance, what is open, what is wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from app.cli import cli
from db import accounts, incidents, live
from db.accounts import SealedKeys
from domain.policy import Switch
from stack import datadir
from tasks import flattening
from tests.support.open_positions import OpenBook, an_open_book
from tests.support.pipeline import throw
from tests.support.running_instances import a_running_instance

AWAY = "postgresql://127.0.0.1:1/none"


@pytest.fixture(autouse=True)
def _no_instance_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DATA_DIR", str(tmp_path))


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Give the data directory of the running instance."""
    return tmp_path / "main"


@pytest.fixture
def book(database_url: str, directory: Path) -> Iterator[OpenBook]:
    """Give a running instance whose paper book has two open real trades."""
    made = an_open_book(database_url, count=2)
    with a_running_instance(directory, database_url):
        yield made
    made.database.dispose()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["status", *arguments])


def the_instance(result: Result) -> dict[str, Any]:
    (instance,) = json.loads(result.stdout)["instances"]
    assert isinstance(instance, dict)
    return instance


def the_book(result: Result, name: str = "paper") -> dict[str, Any]:
    return next(one for one in the_instance(result)["books"] if one["book"] == name)


def test_one_screen_says_what_trades_what_is_open_and_what_to_type(book: OpenBook, directory: Path) -> None:
    shown = run()

    assert shown.exit_code == 0, shown.output
    lines = shown.stdout.splitlines()
    assert lines[0] == f"{directory}   runs, console http://127.0.0.1:8000"
    assert (
        "  live       TRADING       ENGINE_A_PRIMARY (engine A trades), no account is live, so no real money;"
        in lines[1]
    )
    assert "  paper      TRADING       ENGINE_A_PRIMARY (engine A trades), paper money; v1 by environment" in lines[2]
    assert lines[3].startswith("      open   long ")
    assert " BTCUSDT at paper in 2 trades, exits looked at " in lines[3]
    assert any(line.startswith("  engines    A ") and " answered " in line for line in lines)
    assert "  incidents  none" in lines
    assert "  all is well" in lines
    assert "orchestrator policy pause --reason ..." in shown.stdout
    assert len(lines) <= 24


def test_the_document_says_the_same(book: OpenBook, directory: Path) -> None:
    shown = run("--json")

    paper = the_book(shown)
    assert json.loads(shown.stdout)["ok"] is True
    assert (the_instance(shown)["instance"], the_instance(shown)["running"]) == (str(directory), True)
    assert (paper["mode"], paper["switch"], paper["trades_for_real"]) == ("ENGINE_A_PRIMARY", "on", True)
    assert paper["open"] == {"trades": 2, "orders": 0}
    (position,) = paper["positions"]
    assert (position["symbol"], position["side"], position["trades"]) == ("BTCUSDT", "long", 2)
    assert {engine["engine"]: engine["failures"] for engine in the_instance(shown)["engines"]} == {"A": 0, "B": 0}
    assert the_instance(shown)["problems"] == []


def test_a_flatten_is_shown_as_a_pause_once_nothing_is_open(book: OpenBook) -> None:
    throw(book.database, "paper", Switch.FLAT)
    during = the_book(run("--json"))

    with book.parts.transaction() as session:
        ids = set(session.execute(text("SELECT experiment_id FROM trades WHERE NOT is_shadow")).scalars())
    flattening.flatten_book(book.parts, "paper", ids, now=book.parts.clock.now("paper"))
    after = the_book(run("--json"))

    assert (during["switch"], during["open"]["trades"]) == ("flattening", 2)
    assert (after["switch"], after["open"]["trades"], after["positions"]) == ("paused", 0, [])


def test_real_money_is_named_with_its_account_and_venue(book: OpenBook) -> None:
    with book.database.transaction() as session:
        accounts.add(session, "main", venue="ccxt:binance", keys=SealedKeys(key=b"k", secret=b"s"))
        live.switch_on(session, "main", actor="anna", reason="a test")

    shown = run()

    assert the_book(run("--json"), "live")["account"] == {"name": "main", "venue": "ccxt:binance"}
    assert "REAL MONEY on account main at ccxt:binance" in shown.stdout


def test_an_incident_is_wrong_and_says_what_to_do(book: OpenBook) -> None:
    with book.database.transaction() as session:
        incidents.open_(session, kind="source_silent", subject="tests", detail={})

    shown, document = run(), run("--json")

    assert (shown.exit_code, document.exit_code) == (1, 1)
    assert "  WRONG      no alert of a source arrived for longer than expected: tests" in shown.stdout
    assert "     to do   check whether its alert in TradingView is still on" in shown.stdout
    assert "all is well" not in shown.stdout
    assert len(the_instance(document)["problems"]) == 1


def test_workers_that_take_no_tasks_and_a_beat_that_sends_none_are_wrong(book: OpenBook) -> None:
    with book.database.transaction() as session:
        session.execute(
            text(
                "INSERT INTO canaries VALUES ('exits', now(), now() - interval '1 hour'),"
                " ('orders', now() - interval '1 hour', now() - interval '1 hour')"
            )
        )

    shown = run()

    assert shown.exit_code == 1
    assert "WRONG      no worker of the queue exits has done anything for 3600 s" in shown.stdout
    assert "WRONG      nothing is sent to the queue orders, so exits are not looked at" in shown.stdout


def test_an_engine_without_answers_is_wrong(book: OpenBook) -> None:
    book.enter()
    with book.database.transaction() as session:
        session.execute(text("UPDATE decisions SET error = 'deadline' WHERE engine = 'B'"))

    shown = run()

    assert shown.exit_code == 1
    assert "gives no answers: deadline" in shown.stdout


def test_an_instance_that_cannot_be_read_is_wrong_and_the_others_are_shown(book: OpenBook, tmp_path: Path) -> None:
    with a_running_instance(tmp_path / "away", AWAY):
        shown = run("--json")

    by_name = {Path(one["instance"]).name: one for one in json.loads(shown.stdout)["instances"]}
    assert shown.exit_code == 1
    assert (by_name["main"]["ok"], by_name["away"]["ok"]) == (True, False)
    assert "it cannot be read: DATABASE_URL: the database cannot be used" in by_name["away"]["problems"][0]["what"]


def test_an_instance_that_was_killed_is_shown_as_one_that_does_not_run(book: OpenBook, tmp_path: Path) -> None:
    killed = tmp_path / "elsewhere" / "killed"
    with a_running_instance(killed, AWAY):
        (entry,) = [path for path in datadir.running_directory().iterdir() if str(killed) in path.read_text()]
        left_behind = entry.read_text().replace(str(os.getpid()), "999999999")
    entry.write_text(left_behind)

    shown = run()

    assert shown.exit_code == 1
    assert f"{killed}   DOES NOT RUN" in shown.stdout.splitlines()
    assert f"{tmp_path}/main   runs" in shown.stdout


def test_nothing_that_was_ever_run_is_told(tmp_path: Path) -> None:
    assert "nothing was run in" in str(run().exception)
