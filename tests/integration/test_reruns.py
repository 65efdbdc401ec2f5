"""Dead letters, reruns at once, and messages that are redriven among those that came meanwhile."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from app.cli import cli
from config.settings import Settings
from db import audit, failures
from db.core.session import Database
from operations import redrive, rerun
from operations.audit_entry import AuditContext
from operations.redrive import RedrivenMessage
from operations.rerun import RerunRefused
from stack.servers import ServerUrls
from tests.support.pipeline import prepared, settings_for, store_signal
from tests.support.servers.stacks import with_redis_database
from tests.support.webhook import WebhookApp, start_webhook_app

REDIS_DB = 1
BODY = {"symbol": "BTCUSDT", "action": "buy", "strategy": "timeless"}


@pytest.fixture
def webhook(database_url: str) -> Iterator[WebhookApp]:
    with start_webhook_app(database_url) as running:
        yield running


@pytest.fixture
def settings(database_url: str, server_urls: ServerUrls) -> Settings:
    """Give settings with a broker of this test's own, and a prepared database."""
    redis_url = with_redis_database(server_urls.redis_url, REDIS_DB)
    prepared(database_url, redis_url).database.dispose()
    return settings_for(database_url, redis_url)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.sqlalchemy_url)
    yield database
    database.dispose()


def dead(database: Database) -> UUID:
    """Store a signal that was given up, with its dead letter."""
    error = "KeyError: 'x'"
    signal_id = store_signal(database, status="dead", attempts=5, last_error=error, stage=2)
    with database.transaction() as session:
        failures.record(
            session, signal_id, stage="policy_resolved", error=error, traceback_hash="ab12cd34", attempt=5, dead=True
        )
    return signal_id


def test_the_list_of_dead_letters_says_where_how_often_and_why(settings: Settings, database: Database) -> None:
    signal_id = dead(database)
    store_signal(database)
    runner = CliRunner(env={"DATABASE_URL": settings.database_url})

    listed = runner.invoke(cli, ["signals", "list", "--status", "dead"])
    as_json = runner.invoke(cli, ["signals", "list", "--status", "dead", "--json"])
    told = runner.invoke(cli, ["signals", "show", str(signal_id)])

    header, line = listed.stdout.splitlines()
    assert header.startswith("SIGNAL")
    assert line.startswith(str(signal_id))
    assert "dead (variant assigned), attempts 5: KeyError: 'x' (trace ab12cd34)" in line
    assert json.loads(as_json.stdout)["signals"][0]["traceback_hash"] == "ab12cd34"
    assert "attempt 5 at policy_resolved, given up: KeyError: 'x' (trace ab12cd34)" in told.stdout


def test_reruns_of_the_same_signals_at_once_are_harmless(settings: Settings, database: Database) -> None:
    ids = [dead(database) for _ in range(10)]

    def rerun_all(number: int) -> bool:
        order = ids if number % 2 else ids[::-1]
        report = rerun.rerun(settings, database, order, audit=audit_context(f"n{number}", "a test"))
        return bool(report["enqueued"])

    with ThreadPoolExecutor(6) as pool:
        list(pool.map(rerun_all, range(6)))

    with database.transaction() as session:
        rows = session.execute(text("SELECT DISTINCT status, attempts, stage, processing_lock FROM signals")).all()
        entries = session.execute(text("SELECT action, reason, detail FROM audit_log")).all()
        assert list(audit.find_broken_entries(session)) == []
    assert rows == [("open", 0, 2, None)]
    assert {(one.action, one.reason) for one in entries} == {("signals.rerun", "a test")}
    assert entries[0].detail == {"signal_ids": sorted(map(str, ids))}


def test_one_signal_that_must_not_run_again_keeps_all_from_it(settings: Settings, database: Database) -> None:
    good, leased, missing = dead(database), store_signal(database), uuid4()
    with database.transaction() as session:
        session.execute(
            text(
                "UPDATE signals SET processing_lock = :id, lock_expires_at = now() + interval '1 hour'"
                " WHERE signal_id = :id"
            ),
            {"id": leased},
        )

    with pytest.raises(RerunRefused) as refused:
        rerun.rerun(settings, database, [good, leased, missing], audit=audit_context("me", "x"))

    assert refused.value.reasons == {leased: "it is being worked on", missing: "there is no such signal"}
    with database.transaction() as session:
        status = session.execute(text("SELECT status FROM signals WHERE signal_id = :id"), {"id": good}).scalar()
        assert status == "dead"
        assert session.execute(text("SELECT count(*) FROM audit_log")).scalar() == 0


def audit_context(actor: str, reason: str) -> AuditContext:
    return AuditContext(actor=actor, reason=reason, at=datetime.now(UTC))


def quarantined(webhook: WebhookApp, body: dict[str, Any], *, minutes_ago: int) -> UUID:
    """Keep a message that could not be read then and can be now."""
    status, document = webhook.post({"symbol": "BTCUSDT"})
    assert status == 422
    with webhook.database.transaction() as session:
        session.execute(
            text(
                "UPDATE webhook_events SET raw_body = :body, received_at = received_at - make_interval(mins => :mins)"
                " WHERE event_id = cast(:id AS uuid)"
            ),
            {"body": json.dumps(body).encode(), "id": document["event_id"], "mins": minutes_ago},
        )
    return UUID(document["event_id"])


def pass_minutes(webhook: WebhookApp, minutes: int) -> None:
    with webhook.database.transaction() as session:
        session.execute(
            text("UPDATE signals SET received_at = received_at - make_interval(mins => :mins)"), {"mins": minutes}
        )


def redriven(webhook: WebhookApp, event_id: UUID) -> RedrivenMessage:
    (one,) = redrive.read_again(webhook.database, [event_id], audit=audit_context("me", "mended"))
    return one


def test_a_late_message_without_a_time_is_no_duplicate_of_those_around_it_nor_they_of_it(webhook: WebhookApp) -> None:
    first = webhook.post(BODY)[1]
    pass_minutes(webhook, 60)
    second = webhook.post(BODY)[1]
    between, before = quarantined(webhook, BODY, minutes_ago=30), quarantined(webhook, BODY, minutes_ago=90)

    became = [redriven(webhook, one) for one in (between, before, between)]
    pass_minutes(webhook, 5)
    third = webhook.post(BODY)[1]

    assert [len(one.new) for one in became] == [1, 1, 0]
    assert became[0].signal_ids == became[2].signal_ids
    assert third["status"] == "accepted"
    assert len({first["signal_id"], second["signal_id"], third["signal_id"]}) == 3
    assert len(webhook.rows("SELECT FROM signals")) == 5


def test_a_message_that_its_sender_sent_again_meanwhile_becomes_that_signal(webhook: WebhookApp) -> None:
    event_id = quarantined(webhook, BODY, minutes_ago=0)
    sent_again = webhook.post(BODY)[1]

    became = redriven(webhook, event_id)

    assert (became.new, [str(one) for one in became.signal_ids]) == ((), [sent_again["signal_id"]])
    assert len(webhook.rows("SELECT FROM signals")) == 1
    assert webhook.rows("SELECT FROM webhook_events WHERE redriven_at IS NULL") == []


def test_a_late_message_that_is_the_newest_takes_the_next_number(webhook: WebhookApp) -> None:
    webhook.post(BODY)
    pass_minutes(webhook, 60)
    became = redriven(webhook, quarantined(webhook, BODY, minutes_ago=10))

    after = webhook.post(BODY)[1]

    assert len(became.new) == 1
    assert after["status"] == "accepted"
    assert [one["occurrence"] for one in webhook.rows("SELECT occurrence FROM signals ORDER BY received_at")] == [
        0,
        1,
        2,
    ]


def test_a_message_that_the_database_refuses_stays_and_the_others_are_redriven(webhook: WebhookApp) -> None:
    bad = quarantined(webhook, BODY | {"strategy": "refused"}, minutes_ago=1)
    good = quarantined(webhook, BODY, minutes_ago=1)
    with webhook.database.transaction() as session:
        session.execute(text("ALTER TABLE signals ADD CHECK (strategy <> 'refused')"))

    told = redrive.read_again(webhook.database, [bad, good], audit=audit_context("me", "x"))

    waiting = webhook.rows("SELECT event_id FROM webhook_events WHERE redriven_at IS NULL")
    assert [one.errors for one in told] == [redrive.REFUSED_BY_DATABASE, {}]
    assert [one["event_id"] for one in waiting] == [bad]
    assert len(webhook.rows("SELECT FROM audit_log")) == 1
