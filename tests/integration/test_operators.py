"""What operators do: read quarantine again, close incidents; each act is in an audit log that cannot be bent unseen."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from app.cli import cli
from db import incidents
from operations import redrive
from operations.audit_entry import AuditContext
from tests.support.webhook import WebhookApp, start_webhook_app

NOW = datetime.now(UTC)
MISSING_ACTION = {"symbol": "BTCUSDT", "price": "100", "interval": "60", "id": "one"}


@pytest.fixture
def webhook(database_url: str) -> Iterator[WebhookApp]:
    with start_webhook_app(database_url) as running:
        yield running


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, database_url: str) -> CliRunner:
    """Give a command line on the test's database, with a broker that is away."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("REDIS_URL", "redis://127.0.0.1:1")
    return CliRunner()


def quarantined(webhook: WebhookApp, body: dict[str, Any]) -> str:
    status, document = webhook.post(body)
    assert status == 422
    return str(document["event_id"])


def mend(webhook: WebhookApp, event_id: str, body: dict[str, Any]) -> None:
    """Stand in for a dialect that was mended: the kept bytes can be read now."""
    with webhook.database.transaction() as session:
        session.execute(
            text("UPDATE webhook_events SET raw_body = :body WHERE event_id = cast(:id AS uuid)"),
            {"body": json.dumps(body).encode(), "id": event_id},
        )


def test_a_message_that_can_be_read_now_becomes_the_signal_it_would_have_been(
    webhook: WebhookApp, runner: CliRunner
) -> None:
    event_id = quarantined(webhook, MISSING_ACTION)
    mend(webhook, event_id, MISSING_ACTION | {"action": "buy"})

    first = runner.invoke(cli, ["signals", "redrive", event_id, "--reason", "the template was mended", "--json"])
    second = runner.invoke(cli, ["signals", "redrive", event_id, "--reason", "twice", "--json"])

    (told,), (again,) = (json.loads(one.stdout)["redriven"] for one in (first, second))
    assert (first.exit_code, told["new"], told["stale"], told["errors"]) == (0, 1, False, {})
    assert (again["new"], again["signal_ids"]) == (0, told["signal_ids"])
    (signal,) = webhook.rows("SELECT signal_id, received_at, flags FROM signals")
    (event,) = webhook.rows("SELECT received_at, redriven_signal_id FROM webhook_events")
    assert event["redriven_signal_id"] == signal["signal_id"]
    assert (signal["received_at"], signal["flags"]) == (event["received_at"], [])


def test_what_still_cannot_be_read_stays_and_says_which_field(webhook: WebhookApp, runner: CliRunner) -> None:
    event_id = quarantined(webhook, MISSING_ACTION)

    result = runner.invoke(cli, ["signals", "redrive", event_id, "--reason", "try"])
    listed = runner.invoke(cli, ["signals", "quarantine"])

    assert result.exit_code == 1
    assert "direction" in result.stdout
    assert listed.stdout.startswith(event_id)
    assert webhook.rows("SELECT FROM signals") == []


def test_a_message_in_quarantine_is_explained_without_what_may_be_a_secret(
    webhook: WebhookApp, runner: CliRunner
) -> None:
    event_id = quarantined(webhook, MISSING_ACTION | {"passphrase": "CANARY4711"})

    told = runner.invoke(cli, ["signals", "explain", event_id])
    document = json.loads(runner.invoke(cli, ["signals", "explain", event_id, "--json"]).stdout)

    assert told.exit_code == 0, told.output
    assert "would be refused today:" in told.stdout
    assert list(document["errors"]) == ["direction"]
    assert "CANARY4711" not in told.stdout + str(document)


def test_the_fields_that_fail_most_are_reported_by_source(webhook: WebhookApp, runner: CliRunner) -> None:
    quarantined(webhook, MISSING_ACTION)
    last = quarantined(webhook, MISSING_ACTION | {"id": "two"})
    quarantined(webhook, {"action": "buy"})

    told = json.loads(runner.invoke(cli, ["signals", "formats", "--json"]).stdout)["failing"]
    other = runner.invoke(cli, ["signals", "formats", "--source", "nobody"])

    assert [(one["source"], one["field"], one["times"]) for one in told] == [
        ("desk", "direction", 2),
        ("desk", "symbol", 1),
    ]
    assert told[0]["last_event"] == last
    assert (other.stdout, other.exit_code) == ("", 0)


def test_a_message_that_is_not_in_quarantine_cannot_be_explained(webhook: WebhookApp, runner: CliRunner) -> None:
    missing = str(uuid4())

    result = runner.invoke(cli, ["signals", "explain", missing])

    assert result.exit_code == 1
    assert missing in result.output


def test_an_old_message_is_recorded_as_stale(webhook: WebhookApp) -> None:
    event_id = quarantined(webhook, MISSING_ACTION)
    mend(webhook, event_id, MISSING_ACTION | {"action": "buy"})

    audit = AuditContext(actor="me", reason="late", at=NOW + timedelta(hours=1))
    (told,) = redrive.read_again(webhook.database, [UUID(event_id)], audit=audit)

    assert told.is_stale
    assert webhook.rows("SELECT flags FROM signals")[0]["flags"] == ["stale"]


def test_an_unknown_message_is_named(runner: CliRunner, webhook: WebhookApp) -> None:
    missing = str(uuid4())

    result = runner.invoke(cli, ["signals", "redrive", missing, "--reason", "x"])

    assert result.exit_code == 1
    assert missing in result.stdout
    assert "no such message" in result.stdout


def test_an_incident_is_open_once_and_closed_with_a_reason(webhook: WebhookApp, runner: CliRunner) -> None:
    with webhook.database.transaction() as session:
        opened = [incidents.open_(session, kind="order_missing", subject="x", detail={"why": "y"}) for _ in range(2)]
    listed = runner.invoke(cli, ["incidents", "list", "--json"])
    (incident,) = json.loads(listed.stdout)["incidents"]

    closed = runner.invoke(cli, ["incidents", "close", incident["incident_id"], "--reason", "found by hand"])
    again = runner.invoke(cli, ["incidents", "close", incident["incident_id"], "--reason", "twice"])
    empty = runner.invoke(cli, ["incidents", "list"])

    assert opened == [True, False]
    assert (listed.exit_code, closed.exit_code, again.exit_code, empty.exit_code) == (1, 0, 1, 0)
    (entry,) = webhook.rows("SELECT action, subject, reason FROM audit_log")
    assert entry == {"action": "incident.closed", "subject": incident["incident_id"], "reason": "found by hand"}


def test_an_alert_that_never_came_is_listed_in_words(webhook: WebhookApp, runner: CliRunner) -> None:
    detail = {"after": "a1", "before": "b2", "numbers": "7 to 9"}
    with webhook.database.transaction() as session:
        incidents.open_(session, kind="alerts_missing", subject="desk BTCUSDT waves a1..b2", detail=detail)

    told = runner.invoke(cli, ["incidents", "list"])
    [listed] = json.loads(runner.invoke(cli, ["incidents", "list", "--json"]).stdout)["incidents"]

    assert "number 7 to 9 did not arrive, between signal a1 and signal b2" in told.stdout
    assert listed["detail"] == detail


def test_doctor_shows_no_secret_of_those_who_are_told(
    webhook: WebhookApp, runner: CliRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NOTIFY_URLS", "json://user:CANARY4711@a json://b")
    monkeypatch.setenv("SENDER_ADDRESSES", "10.0.0.0/8,::1")
    monkeypatch.setenv("TRUSTED_PROXIES", "1")

    settings = json.loads(runner.invoke(cli, ["doctor", "--json"]).stdout)["settings"]

    assert settings["NOTIFY_URLS"]["value"] == "…,…"
    assert settings["SENDER_ADDRESSES"]["value"] == "10.0.0.0/8,::1/128"
