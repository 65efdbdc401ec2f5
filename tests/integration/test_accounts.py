"""Accounts at venues: added without showing their keys, kept encrypted, shown by four characters, disabled safely."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from app.cli import cli
from config.vault import AccountVault
from db import live
from db.core.session import Database
from tasks import pipeline
from tests.support.pipeline import rows, settings_for
from tests.support.servers.processes import ORCHESTRATOR, SECRET_KEY

KEY, SECRET = "CANARY-key-4711", "CANARY-secret-0815"
KEYS = f"{KEY}\n{SECRET}\n"


@pytest.fixture
def database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Give a prepared database that the command line of this process finds, under a SECRET_KEY of the environment."""
    for name, value in (("DATABASE_URL", database_url), ("SECRET_KEY", SECRET_KEY)):
        monkeypatch.setenv(name, value)
    settings = settings_for(database_url, "redis://127.0.0.1:1")
    pipeline.prepare(settings)
    made = Database(settings.sqlalchemy_url)
    yield made
    made.dispose()


def run(*arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["accounts", *arguments], input=given)


def add(name: str = "main", *more: str, given: str = KEYS) -> Result:
    return run("add", name, "--venue", "ccxt:binance", "--keys-stdin", *more, given=given)


def listed() -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = json.loads(run("list", "--json").stdout)
    return documents


def test_an_account_is_stored_with_its_keys_encrypted_and_noted_without_them(database: Database) -> None:
    done = add()

    (account,) = rows(database, "SELECT * FROM accounts")
    (entry,) = rows(database, "SELECT action, subject, detail FROM audit_log")
    vault = AccountVault(SECRET_KEY)
    assert done.exit_code == 0, done.output
    assert (vault.open(account["key_encrypted"]), vault.open(account["secret_encrypted"])) == (KEY, SECRET)
    assert (entry["action"], entry["subject"]) == ("accounts.added", "main")
    assert "CANARY" not in done.output + str(account) + str(entry)


def test_of_a_key_its_last_four_characters_are_shown_and_of_a_short_one_none(database: Database) -> None:
    add()
    add("short", given="elevenchars\nsecret\n")

    assert [(one["name"], one["venue"], one["key"], one["book"]) for one in listed()] == [
        ("main", "ccxt:binance", "…4711", None),
        ("short", "ccxt:binance", "…", None),
    ]
    assert "CANARY" not in run("list").output


def test_the_account_that_is_live_is_listed_with_its_book(database: Database) -> None:
    add()
    with database.transaction() as session:
        live.switch_on(session, "main", actor="me", reason="a test")

    assert [one["book"] for one in listed()] == ["live"]
    assert run("list").stdout.rstrip().endswith("book live")


def test_keys_under_another_secret_key_are_told_of_and_not_shown(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    add()
    monkeypatch.setenv("SECRET_KEY", "quite another secret key")

    assert listed()[0]["key"] == "under another SECRET_KEY"


@pytest.mark.usefixtures("database")
def test_without_a_secret_key_of_the_environment_no_key_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SECRET_KEY")

    refused = add()

    assert refused.exit_code == 2
    assert "SECRET_KEY is not set in the environment" in refused.output
    assert listed() == []


@pytest.mark.usefixtures("database")
@pytest.mark.parametrize(
    ("arguments", "given", "told"),
    [
        (("add", "a b", "--venue", "alpaca", "--keys-stdin"), KEYS, "NAME='a b'"),
        (("add", "main", "--venue", "paper", "--keys-stdin"), KEYS, "--venue='paper' is not allowed"),
        (("add", "main", "--venue", "ccxt:nowhere", "--keys-stdin"), KEYS, "--venue='ccxt:nowhere' is not allowed"),
        (("add", "main", "--venue", "alpaca", "--keys-stdin"), "only one\n", "two lines are needed"),
        (("add", "main", "--venue", "alpaca", "--keys-stdin"), "k\u00e9y\nsecret\n", "key='…' is not allowed"),
        (("add", "main", "--venue", "alpaca"), KEYS, "asked for on a terminal"),
        (("add", "main", "--venue", "alpaca", "--keys-stdin", "--from-environment"), KEYS, "at most one of them"),
        (("disable", "nobody"), None, "there is no account named 'nobody'"),
    ],
)
def test_what_cannot_be_taken_says_what_would_be_right(arguments: tuple[str, ...], given: str, told: str) -> None:
    refused = run(*arguments, given=given)

    assert refused.exit_code != 0
    assert told in refused.output + str(refused.exception)
    assert listed() == []


@pytest.mark.usefixtures("database")
def test_a_name_is_taken_once() -> None:
    add()

    assert "there is an account named 'main' already" in add(given="another\nsecret\n").output
    assert [one["key"] for one in listed()] == ["…4711"]


def test_an_account_that_is_live_is_not_disabled_and_one_that_was_is(database: Database) -> None:
    add()
    with database.transaction() as session:
        live.switch_on(session, "main", actor="me", reason="a test")
    refused = run("disable", "main")
    with database.transaction() as session:
        live.switch_off(session, actor="me", reason="a test", keep_open=False)

    done = run("disable", "main")

    assert (refused.exit_code, done.exit_code) == (1, 0)
    assert "main is live" in refused.output
    assert [one["enabled"] for one in listed()] == [False]
    assert [one["action"] for one in rows(database, "SELECT action FROM audit_log ORDER BY entry_id")] == [
        "accounts.added",
        "accounts.disabled",
    ]


def test_an_account_is_not_disabled_while_real_trades_are_open_on_it(database: Database) -> None:
    add()
    with database.transaction() as session:
        live.switch_on(session, "main", actor="me", reason="a test")
        an_open_trade_there(session.execute)
        live.switch_off(session, actor="me", reason="a test", keep_open=True)

    refused = run("disable", "main")

    assert refused.exit_code == 1
    assert "1 real trades are open on main" in refused.output
    assert [one["enabled"] for one in listed()] == [True]


def an_open_trade_there(execute: Any) -> None:
    """Insert a real trade of the live book with an order at a venue, past the keys that its origin would satisfy."""
    execute(text("SET LOCAL session_replication_role = replica"))
    execute(
        text("""
        INSERT INTO trades (trade_id, experiment_id, book, source, strategy, symbol, exchange, instrument_kind, engine,
            is_shadow, status, side, quantity, lot, plan, entry_at, time_limit_at, walk, evaluated_to, currency,
            multiplier, conversion)
        VALUES ('00000000-0000-0000-0000-000000000001', gen_random_uuid(), 'live', '', '', 'BTCUSDT', '', 'spot', 'A',
            false, 'open', 'long', 1, 1, '{}', now(), now(), '{}', now(), 'USDT', 1, 'same');
        INSERT INTO orders (order_id, client_order_id, book, trade_id, intent, exit_clock, leg, attempt, side, quantity,
            fraction, pricing, reason, is_final, venue, quote_id, state)
        VALUES (gen_random_uuid(), 'one', 'live', '00000000-0000-0000-0000-000000000001', 'entry', 'both', 0, 1, 'buy',
            1, 1, 'market', '', false, 'binance', gen_random_uuid(), 'filled')
    """)
    )


@pytest.mark.usefixtures("database")
def test_on_a_terminal_the_keys_are_asked_for_and_not_echoed() -> None:
    controller, terminal = os.openpty()
    command = [ORCHESTRATOR, "accounts", "add", "main", "--venue", "ccxt:binance"]
    process = subprocess.Popen(
        command, stdin=terminal, stdout=terminal, stderr=terminal, env={**os.environ}, start_new_session=True
    )
    os.close(terminal)
    end = threading.Timer(30, process.kill)
    end.start()
    with os.fdopen(controller, "r+b", buffering=0) as screen:
        shown = until_shown(screen, "API key: ")
        screen.write(KEY.encode() + b"\n")
        shown += until_shown(screen, "API secret: ")
        screen.write(SECRET.encode() + b"\n")
        shown += until_shown(screen, "lets the live book trade on it")

    end.cancel()

    assert process.wait(timeout=20) == 0
    assert "CANARY" not in shown
    assert [one["key"] for one in listed()] == ["…4711"]


def until_shown(screen: Any, words: str) -> str:
    """Read the screen until it shows these words."""
    shown = ""
    while words not in shown:
        shown += screen.read(1024).decode()
    return shown
