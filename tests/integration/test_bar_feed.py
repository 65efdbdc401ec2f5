"""A bar feed: each message is a stored bar and a sign of life, and never a signal."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from click.testing import CliRunner

from app.cli import cli
from db.source_health import activity, watch
from operations import explain_message, redrive
from operations.audit_entry import AuditContext
from tests.support.webhook import SECRET_KEY, SOURCE, WebhookApp, a_replay_book, start_webhook_app

THIS_HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


@pytest.fixture
def webhook(database_url: str) -> Iterator[WebhookApp]:
    with start_webhook_app(database_url, book="paper", heartbeat_s=60) as running:
        yield running


def a_bar(hours_ago: int = 1, **changes: Any) -> dict[str, Any]:
    """Return a feed's message about the hour that closed so many hours before the next one began."""
    opened = THIS_HOUR - timedelta(hours=hours_ago)
    message = {
        "feed": "bars",
        "ticker": "BINANCE:BTCUSDT",
        "interval": "60",
        "time": f"{opened:%Y-%m-%dT%H:%M:%SZ}",
        "open": "60000",
        "high": "60100",
        "low": "59900",
        "close": "60050",
        "volume": "12.5",
        "timenow": f"{opened + timedelta(hours=1, seconds=1):%Y-%m-%dT%H:%M:%SZ}",
    }
    return message | changes


def stored(webhook: WebhookApp) -> list[dict[str, Any]]:
    return webhook.rows("SELECT book, symbol, exchange, interval, side, open_time, close FROM bars ORDER BY open_time")


def count_signals(webhook: WebhookApp) -> int:
    return int(webhook.rows("SELECT count(*) AS signals FROM signals")[0]["signals"])


def test_a_bar_is_stored_once_and_is_no_signal(webhook: WebhookApp) -> None:
    status, first = webhook.post(a_bar())
    _, again = webhook.post(a_bar(close="60060"))

    assert (status, first["status"], first["is_new"], again["is_new"]) == (200, "bar", True, False)
    assert (first["symbol"], first["interval"]) == ("BTCUSDT", "1h")
    (bar,) = stored(webhook)
    assert (bar["book"], bar["exchange"], bar["interval"], bar["side"]) == ("paper", "BINANCE", "1h", "mid")
    assert (bar["open_time"], bar["close"]) == (THIS_HOUR - timedelta(hours=1), Decimal(60050))
    assert (count_signals(webhook), webhook.announced) == (0, [])


def test_a_bar_closes_with_the_calendar_that_its_source_names(webhook: WebhookApp) -> None:
    token = webhook.add_source(name="unlisted", calendar="XNYS")
    half_day: dict[str, Any] = {
        "ticker": "AAPL",
        "interval": "1D",
        "time": "2024-11-29T14:30:00Z",
        "timenow": "2024-11-29T18:00:01Z",
    }

    webhook.post(a_bar(**half_day), token=token)

    (bar,) = webhook.rows("SELECT symbol, close_time FROM bars")
    assert bar == {"symbol": "AAPL", "close_time": datetime(2024, 11, 29, 18, tzinfo=UTC)}


def test_a_bar_is_a_sign_of_life_of_its_source(webhook: WebhookApp) -> None:
    with webhook.database.transaction() as session:
        session.connection().exec_driver_sql("UPDATE sources SET created_at = now() - interval '1 hour'")
    with webhook.database.transaction() as session:
        before = [finding.kind for finding in watch.find_problems(session)]
    webhook.post(a_bar())
    with webhook.database.transaction() as session:
        after = [finding.kind for finding in watch.find_problems(session)]
        (source,) = activity.load(session)

    assert (before, after) == ([watch.SILENT], [])
    assert source.heard_at is not None
    assert source.silent_s < 60
    assert source.last_signal_at is None


def test_many_bars_in_one_body_and_a_signal_beside_one(webhook: WebhookApp) -> None:
    _, bars = webhook.post([a_bar(3), a_bar(2), a_bar(1)])
    status, both = webhook.post([a_bar(4), {"symbol": "BTCUSDT", "action": "buy"}])

    assert [part["status"] for part in bars["signals"]] == ["bar"] * 3
    assert (status, both["status"]) == (200, "accepted")
    assert (len(stored(webhook)), count_signals(webhook)) == (4, 1)


def test_a_bad_bar_is_kept_in_quarantine_and_read_again_when_it_can_be(webhook: WebhookApp) -> None:
    status, answer = webhook.post(a_bar(high="1"))
    event_id = UUID(answer["event_id"])
    audit = AuditContext(actor="me", at=datetime.now(UTC))

    (refused,) = redrive.read_again(webhook.database, [event_id], audit=audit)
    with webhook.database.transaction() as session:
        explained = explain_message.explain(session, event_id)
        session.connection().exec_driver_sql(
            "UPDATE webhook_events SET raw_body = convert_to(replace(convert_from(raw_body, 'utf-8'),"
            ' \'"high":"1"\', \'"high":"60100"\'), \'utf-8\')'
        )
    (read,) = redrive.read_again(webhook.database, [event_id], audit=audit)

    assert (status, answer["status"]) == (422, "quarantined")
    assert answer["errors"] == {"high": ["1 is below low, 59900"]}
    assert dict(refused.errors) == {"high": ["1 is below low, 59900"]}
    assert explained is not None
    assert explained["today"] == [{"errors": {"high": ["1 is below low, 59900"]}, "symbol": "BTCUSDT"}]
    assert (read.errors, read.signal_ids) == ({}, ())
    assert len(stored(webhook)) == 1


def test_a_replay_takes_no_bars_from_a_feed(webhook: WebhookApp) -> None:
    _, token = a_replay_book(webhook, at=THIS_HOUR)

    status, answer = webhook.post(a_bar(), token=token)

    assert (status, answer["status"], answer["is_new"]) == (200, "bar", False)
    assert stored(webhook) == []


def test_the_message_to_paste_is_printed(webhook: WebhookApp, database_url: str) -> None:
    environ = {"DATABASE_URL": database_url, "SECRET_KEY": SECRET_KEY}

    said = CliRunner(env=environ).invoke(cli, ["sources", "template", SOURCE.name, "--bars"])
    document = json.loads(CliRunner(env=environ).invoke(cli, ["sources", "template", SOURCE.name, "--json"]).stdout)

    assert said.exit_code == 0, said.output
    assert '"feed": "bars"' in said.output
    assert "Once Per Bar Close" in said.output
    assert webhook.token in said.output
    assert json.loads(document["bars"])["time"] == "{{time}}"
