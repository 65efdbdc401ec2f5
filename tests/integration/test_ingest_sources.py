"""The sources command on a real database, and the tokens it hands out."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner, Result

from app.cli.sources import command
from app.webhook.authenticator import Authenticator, Unauthorized
from config import tokens
from config.vault import TokenVault
from db import audit, books, incidents, sources
from db.core.session import Database
from operations import source_tokens
from tests.support.webhook import SECRET_KEY, SOURCE, settings_for, start_webhook_app


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    made = Database(settings_for(database_url).sqlalchemy_url)
    with made.transaction() as session:
        books.ensure_standing(session)
    yield made
    made.dispose()


@pytest.fixture(autouse=True)
def logs_to_stderr() -> Iterator[None]:
    """Keep log lines apart from results, as the program does at its start."""
    structlog.configure(logger_factory=lambda *_: structlog.PrintLogger(sys.stderr))
    yield
    structlog.reset_defaults()


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
    with start_webhook_app(database_url) as webhook:
        run(database_url, tmp_path, "add", "second")
        [token] = [one["token"] for one in listed(database_url, tmp_path) if one["name"] == "second"]

        status, _ = webhook.post({"symbol": "BTCUSDT", "action": "buy"}, token=token)

        assert status == 200
        assert [row["source"] for row in webhook.rows("SELECT source FROM signals")] == ["second"]


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
        (("fine", "--timezone", "Mars/Olympus"), "timezone"),
        (("fine", "--calendar", "MARS"), "there is no calendar 'MARS'; some are XNYS"),
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
    with start_webhook_app(database_url) as webhook:
        run(database_url, tmp_path, "add", "second")
        before = token_of(database_url, tmp_path, "second")

        rotated = run(database_url, tmp_path, "rotate", "second", "--json")
        after = token_of(database_url, tmp_path, "second")
        both = [webhook.post(alert | {"id": name}, token=one)[0] for name, one in (("a", before), ("b", after))]
        webhook.rows(
            "UPDATE sources SET previous_until = now() - interval '1 second' WHERE name = 'second' RETURNING 1"
        )
    with start_webhook_app(database_url, name="another") as webhook:
        later = [webhook.post(alert | {"id": name}, token=one)[0] for name, one in (("c", before), ("d", after))]

    assert rotated.exit_code == 0, rotated.output
    assert json.loads(rotated.stdout)["token"] == after != before
    assert both == [200, 200]
    assert later == [401, 200]


def test_a_token_that_is_not_kept_ends_at_once(database_url: str, tmp_path: Path) -> None:
    with start_webhook_app(database_url) as webhook:
        run(database_url, tmp_path, "add", "second")
        before = token_of(database_url, tmp_path, "second")

        run(database_url, tmp_path, "rotate", "second", "--keep", "0")

        assert webhook.post({"symbol": "BTCUSDT", "action": "buy"}, token=before)[0] == 401


def test_a_source_that_is_disabled_is_refused_until_it_is_enabled(database_url: str, tmp_path: Path) -> None:
    with start_webhook_app(database_url) as webhook:
        run(database_url, tmp_path, "add", "second")
        token = token_of(database_url, tmp_path, "second")

        run(database_url, tmp_path, "disable", "second")
        refused = webhook.post({"symbol": "BTCUSDT", "action": "buy"}, token=token)[0]

        assert refused == 401
    with start_webhook_app(database_url, name="another") as webhook:
        run(database_url, tmp_path, "enable", "second")
        assert webhook.post({"symbol": "BTCUSDT", "action": "buy"}, token=token)[0] == 200


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
    with start_webhook_app(database_url) as webhook:
        run(database_url, tmp_path, "add", "second")

        told = json.loads(run(database_url, tmp_path, "template", "second", "--json").stdout)
        shown = run(database_url, tmp_path, "template", "second").stdout
        status, answer = webhook.post(replaced(told[message]).encode(), token=told["url"].rpartition("/")[2])

    assert status == 200, answer
    assert told["url"] in shown
    assert told[message] in shown


def test_the_command_that_tries_a_source_posts_a_test_to_its_url(database_url: str, tmp_path: Path) -> None:
    with start_webhook_app(database_url) as webhook:
        run(database_url, tmp_path, "add", "second")
        [line] = [
            one.strip()
            for one in run(database_url, tmp_path, "template", "second").stdout.splitlines()
            if one.strip().startswith("curl ")
        ]

        *_, url, option, body = shlex.split(line)
        answers = [webhook.post(body.encode(), token=url.rpartition("/")[2]) for _ in range(2)]
        found = webhook.rows("SELECT book, symbol, flags FROM signals")

    assert option == "-d"
    assert [(status, answer["status"]) for status, answer in answers] == [(200, "accepted"), (200, "duplicate")]
    assert found == [{"book": "test", "symbol": "BTCUSDT", "flags": []}]


def test_what_a_source_says_of_its_symbols_and_its_dialect_is_followed(database_url: str, tmp_path: Path) -> None:
    with start_webhook_app(database_url) as webhook:
        run(database_url, tmp_path, "add", "second", "--symbol", "us 100=NASDAQ:NDX", "--dialect", "general")

        status, answer = webhook.post(
            {"ticker": "US100", "action": "buy", "sentiment": "long"}, token=token_of(database_url, tmp_path, "second")
        )
        found = webhook.rows("SELECT symbol, exchange, dialect, read_from FROM signals")

    assert status == 200, answer
    assert found == [
        {
            "symbol": "NDX",
            "exchange": "NASDAQ",
            "dialect": "general",
            "read_from": {"symbol": ["ticker"], "action": ["action", "sentiment"]},
        }
    ]


def token_of(url: str, directory: Path, name: str) -> str:
    [token] = [one["token"] for one in listed(url, directory) if one["name"] == name]
    return str(token)


def replaced(message: str) -> str:
    """Replace placeholders as TradingView does."""
    known = {
        "exchange": "BINANCE",
        "ticker": "BTCUSDT",
        "strategy.order.action": "buy",
        "strategy.market_position": "long",
        "strategy.prev_market_position": "flat",
        "strategy.order.price": "43250.5",
        "strategy.order.id": "Long",
        "timenow": "2026-03-04T12:00:01Z",
        "interval": "60",
        "time": "2026-03-04T11:00:00Z",
        "open": "1",
        "high": "4",
        "low": "1",
        "close": "3",
        "volume": "NaN",
    }
    return re.sub(r"{{(.*?)}}", lambda found: known[found.group(1)], message)


def test_a_token_sealed_under_another_key_is_listed_without_its_token(database_url: str, tmp_path: Path) -> None:
    run(database_url, tmp_path, "add", "desk", SECRET_KEY="another-secret-key")

    [source] = listed(database_url, tmp_path)

    assert (source["name"], source["token"], source["url"]) == ("desk", None, None)


def test_tokens_are_stored_hashed_and_encrypted_only(database: Database) -> None:
    with database.transaction() as session:
        token = source_tokens.issue(session, TokenVault(SECRET_KEY), SOURCE)
        [stored] = sources.list_all(session)

    assert stored.token_hash == tokens.hash_token(token)
    assert token not in repr(stored)
    assert stored.source == SOURCE


def test_the_default_source_is_made_once_and_not_beside_others(database: Database) -> None:
    with database.transaction() as session:
        first = source_tokens.issue_default(session, TokenVault(SECRET_KEY), SOURCE)
        second = source_tokens.issue_default(session, TokenVault(SECRET_KEY), SOURCE)
        names = [one.source.name for one in sources.list_all(session)]

    assert first is not None
    assert second is None
    assert names == ["desk"]


def test_a_source_is_remembered_for_two_seconds_and_a_stranger_never(database: Database) -> None:
    seconds = [100.0]
    authenticator = Authenticator(database, clock=lambda: seconds[0])
    with pytest.raises(Unauthorized):
        authenticator.find_source("stranger", within_s=5)
    with database.transaction() as session:
        token = source_tokens.issue(session, TokenVault(SECRET_KEY), SOURCE)
    authenticator.find_source(token, within_s=5)
    with database.transaction() as session:
        session.connection().exec_driver_sql("UPDATE sources SET enabled = false")

    seconds[0] += 2.0
    still = authenticator.find_source(token, within_s=5)
    seconds[0] += 0.001

    assert still == SOURCE
    with pytest.raises(Unauthorized):
        authenticator.find_source(token, within_s=5)
    authenticator.close()


def test_a_source_is_changed_in_what_is_given_and_nothing_else(database_url: str, tmp_path: Path) -> None:
    added = ("add", "desk", "--heartbeat", "3600", "--dialect", "general", "--symbol", "us 100=NASDAQ:NDX")
    run(database_url, tmp_path, *added, "--sizing", "0.25")
    [before] = listed(database_url, tmp_path)

    changed = run(
        database_url,
        tmp_path,
        "set",
        "desk",
        "--sizing",
        "0.5",
        "--no-dialect",
        "--symbol",
        "GOLD=OANDA:XAUUSD",
        "--reason",
        "half of it",
    )

    assert changed.exit_code == 0, changed.output
    assert "sizing: 0.25 -> 0.5" in changed.stdout.splitlines()
    [after] = listed(database_url, tmp_path)
    assert after == before | {
        "sizing": "0.5",
        "dialect": None,
        "symbols": {"US100": "NASDAQ:NDX", "GOLD": "OANDA:XAUUSD"},
    }


@pytest.mark.parametrize(
    ("option", "field", "value"),
    [
        ("--no-heartbeat", "heartbeat_s", None),
        ("--no-dialect", "dialect", None),
        ("--no-symbols", "symbols", {}),
        ("--no-sell-alone", "sell_alone", None),
        ("--no-timeframe", "timeframe", None),
        ("--no-kind", "instrument_kind", None),
        ("--no-timezone", "timezone", None),
        ("--no-calendar", "calendar", None),
    ],
)
def test_what_a_source_need_not_have_is_taken_away(
    database_url: str, tmp_path: Path, option: str, field: str, value: Any
) -> None:
    everything = (
        "--heartbeat",
        "3600",
        "--dialect",
        "general",
        "--symbol",
        "A=BTCUSDT",
        "--sell-alone",
        "short",
        "--timeframe",
        "1h",
        "--kind",
        "spot",
        "--timezone",
        "+05:30",
        "--calendar",
        "XNYS",
    )
    run(database_url, tmp_path, "add", "desk", *everything)
    [before] = listed(database_url, tmp_path)

    changed = run(database_url, tmp_path, "set", "desk", option)

    [after] = listed(database_url, tmp_path)
    assert changed.exit_code == 0, changed.output
    assert before[field] not in (None, {})
    assert after == before | {field: value}


def test_an_act_on_a_source_says_that_it_is_done(database_url: str, tmp_path: Path) -> None:
    run(database_url, tmp_path, "add", "desk")

    told = [run(database_url, tmp_path, act, "desk").stdout for act in ("disable", "enable", "renewed")]

    assert told == ["disabled: desk\n", "enabled: desk\n", "noted: the alerts of desk were made anew\n"]


def test_a_change_that_changes_nothing_says_so(database_url: str, tmp_path: Path) -> None:
    run(database_url, tmp_path, "add", "desk")

    assert run(database_url, tmp_path, "set", "desk", "--max-lag", "300").stdout == "nothing changed\n"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("desk", "--sizing", "0"), "sizing: must be a share above 0"),
        (("desk", "--sizing", "1.01"), "sizing: must be a share above 0"),
        (("desk", "--sizing", "0.0000001"), "at most 6 decimals"),
        (("desk", "--sizing", "NaN"), "sizing"),
        (("desk", "--sizing", "half"), "sizing"),
        (("desk", "--heartbeat", "5"), "heartbeat_s"),
        (("desk", "--heartbeat", "3600", "--no-heartbeat"), "heartbeat_s: it is set and removed"),
        (("desk", "--symbol", "US100=not a symbol!?"), "symbols: US100"),
        (("nobody", "--sizing", "0.5"), "'nobody'"),
        (("desk",), "nothing to change"),
    ],
)
def test_a_change_that_is_not_allowed_ends_with_2_and_changes_nothing(
    database_url: str, tmp_path: Path, arguments: tuple[str, ...], told: str
) -> None:
    run(database_url, tmp_path, "add", "desk")
    before = listed(database_url, tmp_path)

    refused = run(database_url, tmp_path, "set", *arguments)

    assert refused.exit_code == 2, refused.output
    assert told in refused.stderr
    assert listed(database_url, tmp_path) == before


def test_what_is_done_to_a_source_is_in_the_audit_log(database: Database, database_url: str, tmp_path: Path) -> None:
    acts: tuple[tuple[str, ...], ...] = (
        ("add", "desk"),
        ("set", "desk", "--sizing", "0.5", "--reason", "half"),
        ("rotate", "desk"),
        ("disable", "desk"),
        ("enable", "desk"),
        ("renewed", "desk"),
    )

    for act in acts:
        assert run(database_url, tmp_path, *act).exit_code == 0

    with database.transaction() as session:
        noted = session.connection().exec_driver_sql("SELECT action, subject, reason FROM audit_log ORDER BY entry_id")
        told = [tuple(row) for row in noted]
        detail = session.connection().exec_driver_sql("SELECT detail FROM audit_log WHERE action = 'source.changed'")
        assert detail.scalar_one() == {"sizing": ["1", "0.5"]}
        assert list(audit.find_broken_entries(session)) == []
    assert told == [
        ("source.added", "desk", ""),
        ("source.changed", "desk", "half"),
        ("source.rotated", "desk", ""),
        ("source.disabled", "desk", ""),
        ("source.enabled", "desk", ""),
        ("source.renewed", "desk", ""),
    ]


def test_the_list_tells_when_a_source_was_heard_and_what_is_the_matter(database_url: str, tmp_path: Path) -> None:
    with start_webhook_app(database_url) as webhook:
        webhook.post({"symbol": "BTCUSDT", "action": "dance"})
        run(database_url, tmp_path, "add", "second")
        run(database_url, tmp_path, "disable", "second")
        with webhook.database.transaction() as session:
            incidents.open_(session, kind="alerts_expire", subject="desk", detail={})
            incidents.open_(session, kind="alerts_too_fast", subject="desk BTCUSDT", detail={})
            incidents.open_(session, kind="alerts_expire", subject="desktop", detail={})

    told = run(database_url, tmp_path, "list").stdout.splitlines()
    first, second = listed(database_url, tmp_path)

    assert first["last_heard_at"]
    assert (first["quarantined_in_day"], first["warnings"]) == (1, ["alerts_expire", "alerts_too_fast"])
    assert (second["last_heard_at"], second["warnings"], second["enabled"]) == (None, [], False)
    assert "1 in quarantine within a day, alerts_expire, alerts_too_fast" in told[0]
    assert first["url"] in told[1]
    assert "disabled" in told[2]
    assert "heard never" in told[2]


def test_a_replays_source_stays_as_it_is_and_is_sized_on_the_whole(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    book = "replay:0123456789ab"
    with database.transaction() as session:
        books.create_replay(session, book, cursor=datetime(2026, 3, 4, tzinfo=UTC))
        source_tokens.issue(session, TokenVault(SECRET_KEY), replace(SOURCE, name=book, book=book))

    refused = run(database_url, tmp_path, "set", book, "--sizing", "0.5")

    assert refused.exit_code == 2
    [after] = listed(database_url, tmp_path)
    assert (after["name"], after["sizing"]) == (book, "1")
