"""`orchestrator instruments`: the shipped terms, a user's own, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli import cli
from db import instruments
from db.core.session import Database
from tests.support.pipeline import rows, settings_for


@pytest.fixture
def database(database_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """Give a migrated database that the command line of this process finds."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    made = Database(settings_for(database_url, "redis://127.0.0.1:1").sqlalchemy_url)
    yield made
    made.dispose()


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli, ["instruments", *arguments])


def listed(symbol: str) -> list[dict[str, Any]]:
    documents: list[dict[str, Any]] = json.loads(run("list", symbol, "--json").stdout)
    return documents


def test_a_migrated_database_knows_the_shipped_instruments(database: Database) -> None:
    (row,) = listed("ESZ2026")

    assert (row["symbol"], row["currency"], row["multiplier"], row["origin"]) == ("ES", "USD", "50", "shipped")
    assert "E-mini S&P 500" in run("list").stdout
    assert len(rows(database, "SELECT * FROM instruments")) > 100


def test_a_user_adds_a_future_and_every_contract_of_it_has_the_terms(database: Database) -> None:
    done = run(
        "set", "MCX:GOLD1!", "--multiplier", "100", "--currency", "inr", "--tick", "1", "--reason", "we trade it"
    )

    assert done.exit_code == 0, done.output
    (row,) = listed("MCX:GOLD1!")
    assert (row["symbol"], row["exchange"], row["kind"], row["currency"]) == ("GOLD", "MCX", "future", "INR")
    assert (row["multiplier"], row["tick"], row["origin"]) == ("100", "1", "user")
    (entry,) = rows(database, "SELECT action, subject, reason, detail FROM audit_log")
    assert (entry["action"], entry["subject"], entry["reason"]) == ("instrument.set", "GOLD", "we trade it")
    assert entry["detail"]["multiplier"] == "100"


def test_what_a_user_sets_keeps_the_other_terms_and_outlives_the_next_start(database: Database) -> None:
    assert run("set", "ES1!", "--multiplier", "49").exit_code == 0

    with database.transaction() as session:
        instruments.store_shipped(session)

    (row,) = listed("ES1!")
    assert (row["multiplier"], row["tick"], row["calendar"], row["origin"]) == ("49", "0.25", "CMES", "user")


def test_a_shipped_row_follows_the_data_file(database: Database) -> None:
    with database.transaction() as session:
        session.connection().exec_driver_sql("UPDATE instruments SET multiplier = 1 WHERE symbol = 'NQ'")
        instruments.store_shipped(session)

    (row,) = rows(database, "SELECT multiplier FROM instruments WHERE symbol = 'NQ'")
    assert row["multiplier"] == Decimal(20)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["set", "ABC", "--currency", "USD"], "--kind: is needed"),
        (["set", "ABC1!", "--multiplier", "5"], "--currency: is needed"),
        (["set", "ABC1!", "--currency", "USD"], "--multiplier: is needed"),
        (["set", "ABC1!", "--currency", "US-D", "--multiplier", "5"], "--currency: 'US-D' is no currency"),
        (["set", "ES1!", "--multiplier", "0"], "--multiplier: 0 must be a number above 0"),
        (["set", "ES1!", "--multiplier", "much"], "'much' is not a number"),
        (["set", "??", "--currency", "USD"], "SYMBOL: '??' must be a symbol"),
        (["list", "??"], "SYMBOL: '??' must be a symbol"),
    ],
)
def test_terms_that_cannot_be_are_refused_with_the_option_that_cures_it(
    database: Database, arguments: list[str], message: str
) -> None:
    refused = run(*arguments)

    assert refused.exit_code == 2
    assert message in refused.output
    assert not rows(database, "SELECT * FROM instruments WHERE origin = 'user'")


def test_the_costs_of_trading_are_listed_with_their_version() -> None:
    shown = run("costs").stdout

    assert "table costs1" in shown
    assert "funding 1 long, -1 short in 8 h" in shown
    assert len(shown.splitlines()) > 15
