"""The sources command on a real database, and the tokens it hands out."""

from __future__ import annotations

import getpass
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import text

from app import auth, secrets
from app.auth import Authenticator, Unauthorized
from app.cli.sources import command
from config.vault import TokenVault
from db import audit, books, sources
from db.session import Database
from tests.integration.ingest_support import SECRET_KEY, SOURCE, a_desk, settings_for


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(settings_for(database_url).sqlalchemy_url)
    with made.transaction() as session:
        books.ensure_standing(session)
    yield made
    made.dispose()


def run(url: str, directory: Path, *arguments: str, **environment: str) -> Result:
    given = {"DATABASE_URL": url, "SECRET_KEY": SECRET_KEY, "DATA_DIR": str(directory)} | environment
    return CliRunner().invoke(command, arguments, env=given)


def listed(url: str, directory: Path) -> list[dict[str, Any]]:
    found = json.loads(run(url, directory, "list", "--json").stdout)
    assert isinstance(found, list)
    return found


def test_a_source_that_is_added_is_listed_with_the_url_its_alerts_go_to(database_url: str, tmp_path: Path) -> None:
    arguments = ("add", "desk", "--sell-alone", "short", "--timeframe", "1h", "--max-lag", "60", "--exchange", "kraken")

    added = run(database_url, tmp_path, *arguments, PUBLIC_URL="https://alerts.example/")

    assert added.exit_code == 0, added.output
    [source] = listed(database_url, tmp_path)
    assert added.stdout.strip() == f"https://alerts.example/webhook/{source['token']}"
    assert source["url"] == f"http://127.0.0.1:8000/webhook/{source['token']}"
    expected = {"name": "desk", "book": "paper", "sell_alone": "short", "timeframe": "1h", "max_lag_s": 60}
    assert expected.items() <= source.items()
    assert source["exchange"] == "KRAKEN"


def test_the_token_that_is_shown_is_the_one_that_is_taken(database_url: str, tmp_path: Path) -> None:
    with a_desk(database_url) as desk:
        run(database_url, tmp_path, "add", "second")
        [token] = [one["token"] for one in listed(database_url, tmp_path) if one["name"] == "second"]

        status, _ = desk.post({"symbol": "BTCUSDT", "action": "buy"}, token=token)

        assert status == 200
        assert [row["source"] for row in desk.rows("SELECT source FROM signals")] == ["second"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("taken",), "already"),
        (("bad name",), "name"),
        (("../x",), "name"),
        (("fine", "--book", "nowhere"), "nowhere"),
        (("fine", "--timeframe", "5 minutes"), "timeframe"),
        (("fine", "--confidence-scale", "7"), "confidence_scale"),
        (("fine", "--max-lag", "0"), "max_lag_s"),
        (("fine", "--sell-alone", "hold"), "exit"),
        (("fine", "--dialect", "esperanto"), "dialect"),
        (("fine", "--symbol", "US100"), "SENT=READ"),
        (("fine", "--symbol", "US100=not a symbol!?"), "symbols"),
        (("fine", "--heartbeat", "5"), "heartbeat_s"),
    ],
)
def test_what_cannot_be_added_ends_with_2_and_says_why(
    database_url: str, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    run(database_url, tmp_path, "add", "taken")

    refused = run(database_url, tmp_path, "add", *arguments)

    assert refused.exit_code == 2
    assert told in refused.stderr
    assert "Traceback" not in refused.output
    assert [one["name"] for one in listed(database_url, tmp_path)] == ["taken"]


def test_a_new_token_and_the_one_before_it_both_hold_until_the_time_is_over(database_url: str, tmp_path: Path) -> None:
    alert = {"symbol": "BTCUSDT", "action": "buy"}
    with a_desk(database_url) as desk:
        run(database_url, tmp_path, "add", "second")
        before = token_of(database_url, tmp_path, "second")

        rotated = run(database_url, tmp_path, "rotate", "second", "--json")
        after = token_of(database_url, tmp_path, "second")
        both = [desk.post(alert | {"id": name}, token=one)[0] for name, one in (("a", before), ("b", after))]
        desk.rows("UPDATE sources SET previous_until = now() - interval '1 second' WHERE name = 'second' RETURNING 1")
    with a_desk(database_url, name="another") as desk:
        later = [desk.post(alert | {"id": name}, token=one)[0] for name, one in (("c", before), ("d", after))]

    assert rotated.exit_code == 0, rotated.output
    assert json.loads(rotated.stdout)["token"] == after != before
    assert both == [200, 200]
    assert later == [401, 200]


def test_a_token_that_is_not_kept_ends_at_once(database_url: str, tmp_path: Path) -> None:
    with a_desk(database_url) as desk:
        run(database_url, tmp_path, "add", "second")
        before = token_of(database_url, tmp_path, "second")

        run(database_url, tmp_path, "rotate", "second", "--keep", "0")

        assert desk.post({"symbol": "BTCUSDT", "action": "buy"}, token=before)[0] == 401


def test_a_source_that_is_disabled_is_refused_until_it_is_enabled(database_url: str, tmp_path: Path) -> None:
    with a_desk(database_url) as desk:
        run(database_url, tmp_path, "add", "second")
        token = token_of(database_url, tmp_path, "second")

        run(database_url, tmp_path, "disable", "second")
        refused = desk.post({"symbol": "BTCUSDT", "action": "buy"}, token=token)[0]

        assert refused == 401
    with a_desk(database_url, name="another") as desk:
        run(database_url, tmp_path, "enable", "second")
        assert desk.post({"symbol": "BTCUSDT", "action": "buy"}, token=token)[0] == 200


@pytest.mark.parametrize("act", ["rotate", "enable", "disable", "template"])
def test_a_source_that_is_not_there_is_named(database_url: str, tmp_path: Path, act: str) -> None:
    run(database_url, tmp_path, "add", "desk")

    refused = run(database_url, tmp_path, act, "nobody")

    assert refused.exit_code == 2
    assert "'nobody'" in refused.stderr


@pytest.mark.parametrize("message", ["strategy", "buy", "exit"])
def test_the_template_of_a_source_is_understood_once_its_placeholders_are_replaced(
    database_url: str, tmp_path: Path, message: str
) -> None:
    with a_desk(database_url) as desk:
        run(database_url, tmp_path, "add", "second")

        told = json.loads(run(database_url, tmp_path, "template", "second", "--json").stdout)
        shown = run(database_url, tmp_path, "template", "second").stdout
        status, answer = desk.post(replaced(told[message]).encode(), token=told["url"].rpartition("/")[2])

    assert status == 200, answer
    assert told["url"] in shown
    assert told[message] in shown


def test_what_a_source_says_of_its_symbols_and_its_dialect_is_followed(database_url: str, tmp_path: Path) -> None:
    with a_desk(database_url) as desk:
        run(database_url, tmp_path, "add", "second", "--symbol", "us 100=NASDAQ:NDX", "--dialect", "general")

        status, answer = desk.post(
            {"ticker": "US100", "action": "buy", "sentiment": "long"}, token=token_of(database_url, tmp_path, "second")
        )
        found = desk.rows("SELECT symbol, exchange, dialect, read_from FROM signals")

    assert status == 200, answer
    assert found == [
        {
            "symbol": "NDX", "exchange": "NASDAQ", "dialect": "general",
            "read_from": {"symbol": ["ticker"], "action": ["action", "sentiment"]},
        }
    ]  # fmt: skip


def token_of(url: str, directory: Path, name: str) -> str:
    [token] = [one["token"] for one in listed(url, directory) if one["name"] == name]
    return str(token)


def replaced(message: str) -> str:
    """Replace placeholders as TradingView does."""
    known = {
        "exchange": "BINANCE", "ticker": "BTCUSDT", "strategy.order.action": "buy", "strategy.market_position": "long",
        "strategy.prev_market_position": "flat", "strategy.order.price": "43250.5", "strategy.order.id": "Long",
        "timenow": "2026-03-04T12:00:01Z", "interval": "60", "time": "2026-03-04T11:00:00Z", "open": "1", "high": "4",
        "low": "1", "close": "3", "volume": "NaN",
    }  # fmt: skip
    return re.sub(r"{{(.*?)}}", lambda found: known[found.group(1)], message)


def test_a_token_sealed_under_another_key_is_listed_without_its_token(database_url: str, tmp_path: Path) -> None:
    run(database_url, tmp_path, "add", "desk", SECRET_KEY="another-secret-key")

    [source] = listed(database_url, tmp_path)

    assert (source["name"], source["token"], source["url"]) == ("desk", None, None)


def test_tokens_are_stored_hashed_and_encrypted_only(database: Database) -> None:
    with database.transaction() as session:
        token = auth.issue(session, TokenVault(SECRET_KEY), SOURCE)
        [stored] = sources.list_all(session)

    assert stored.token_hash == secrets.hash_token(token)
    assert token not in repr(stored)
    assert stored.source == SOURCE


def test_the_default_source_is_made_once_and_not_beside_others(database: Database) -> None:
    with database.transaction() as session:
        first = auth.issue_default(session, TokenVault(SECRET_KEY), SOURCE)
        second = auth.issue_default(session, TokenVault(SECRET_KEY), SOURCE)
        names = [one.source.name for one in sources.list_all(session)]

    assert first is not None
    assert second is None
    assert names == ["desk"]


def test_a_source_is_remembered_for_two_seconds_and_a_stranger_never(database: Database) -> None:
    seconds = [100.0]
    authenticator = Authenticator(database, clock=lambda: seconds[0])
    with pytest.raises(Unauthorized):
        authenticator.source_of("stranger", within_s=5)
    with database.transaction() as session:
        token = auth.issue(session, TokenVault(SECRET_KEY), SOURCE)
    authenticator.source_of(token, within_s=5)
    with database.transaction() as session:
        session.connection().exec_driver_sql("UPDATE sources SET enabled = false")

    seconds[0] += 2.0
    still = authenticator.source_of(token, within_s=5)
    seconds[0] += 0.001

    assert still == SOURCE
    with pytest.raises(Unauthorized):
        authenticator.source_of(token, within_s=5)
    authenticator.close()


def test_what_is_done_to_a_source_stands_in_the_audit_log(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    for arguments in (("add",), ("rotate",), ("disable",), ("enable",), ("renewed",)):
        assert run(database_url, tmp_path, *arguments, "desk").exit_code == 0

    with database.transaction() as session:
        rows = session.execute(text("SELECT actor, action, subject FROM audit_log ORDER BY entry_id")).all()
        assert list(audit.broken(session)) == []
    acts = ("added", "rotated", "disabled", "enabled", "renewed")
    assert [tuple(row) for row in rows] == [(getpass.getuser(), f"source.{act}", "desk") for act in acts]
