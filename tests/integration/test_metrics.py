"""The metrics: what a scrape tells of the database and of this process, and to whom."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from uuid import uuid4

import psycopg
import pytest
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import text

from db import canaries, incidents
from db import notifications as stored
from domain.decision import EngineSlot, Verdict
from tests.support.builders import rows, trade_rows
from tests.support.patience import PATIENT
from tests.support.pipeline import store_signal
from tests.support.webhook import WebhookApp, start_webhook_app, wait_for

TOKEN = "an-api-token-for-tests-of-32-and-more"
Samples = dict[tuple[str, frozenset[tuple[str, str]]], float]


@pytest.fixture
def webhook(database_url: str) -> Iterator[WebhookApp]:
    with start_webhook_app(database_url, environ={"API_TOKEN": TOKEN}) as running:
        yield running


def scraped(webhook: WebhookApp) -> Samples:
    """Scrape once, and return every value by its name and labels."""
    answer = webhook.client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert answer.status_code == 200
    assert answer.content_type.startswith("text/plain; version=")
    families = text_string_to_metric_families(answer.get_data(as_text=True))
    return {(one.name, frozenset(one.labels.items())): one.value for family in families for one in family.samples}


def scraped_if_answered(webhook: WebhookApp) -> Samples:
    """Scrape once; nothing when the answer was no 200."""
    try:
        return scraped(webhook)
    except AssertionError:
        return {}


def at(found: Samples, name: str, **labels: str) -> float | None:
    return found.get((f"orchestrator_{name}", frozenset(labels.items())))


def test_a_stranger_gets_401_and_learns_nothing(webhook: WebhookApp) -> None:
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        answer = webhook.client.get("/metrics", headers=headers)

        assert answer.status_code == 401
        assert "orchestrator_" not in answer.get_data(as_text=True)


def test_an_empty_database_is_measured_too(webhook: WebhookApp) -> None:
    found = scraped(webhook)

    assert at(found, "signals", book="paper", status="open") == 0
    assert at(found, "oldest_due_signal_age_seconds") == 0
    assert at(found, "notifications", state="waiting") == 0
    assert at(found, "source_signals_total", source="desk") == 0
    assert at(found, "source_last_signal_age_seconds", source="desk") is None
    assert at(found, "source_heartbeat_seconds", source="desk") is None
    [build] = [dict(labels) for name, labels in found if name == "orchestrator_build_info"]
    assert set(build) == {"version", "python"}


def test_signals_are_counted_by_book_and_status_and_the_oldest_due_has_an_age(webhook: WebhookApp) -> None:
    done = {"status": "done", "processed": True, "stage": 5}
    for columns in ({}, {"status": "dead"}, done, done, {"book": "test"} | done):
        store_signal(webhook.database, source="desk", **columns)
    with webhook.database.transaction() as session:
        session.execute(text("UPDATE signals SET stored_at = now() - interval '5 minutes' WHERE status = 'open'"))

    found = scraped(webhook)

    counted = {status: at(found, "signals", book="paper", status=status) for status in ("open", "dead", "done")}
    assert counted == {"open": 1, "dead": 1, "done": 2}
    assert at(found, "signals", book="test", status="done") == 1
    assert at(found, "oldest_due_signal_age_seconds") == pytest.approx(300, abs=60)


def test_each_source_tells_when_it_was_heard_and_how_much_it_sent(webhook: WebhookApp) -> None:
    webhook.add_source(name="second", heartbeat_s=3600)
    webhook.post({"symbol": "BTCUSDT", "action": "buy"})
    webhook.post({"symbol": "BTCUSDT", "action": "dance"})
    with webhook.database.transaction() as session:
        session.execute(text("UPDATE sources SET renewed_at = renewed_at - interval '50 days', enabled = false"))
        session.execute(text("UPDATE sources SET created_at = now() - interval '2 hours'"))

    found = scraped(webhook)

    assert at(found, "source_signals_total", source="desk") == 1
    assert at(found, "source_quarantined_total", source="desk") == 1
    assert at(found, "source_recent_signals", source="desk") == 1
    assert at(found, "source_enabled", source="desk") == 0
    silence, age = (
        at(found, f"source_{name}", source="desk") for name in ("silence_seconds", "last_signal_age_seconds")
    )
    assert silence is not None
    assert age is not None
    assert 0 <= silence <= age < 60
    assert at(found, "source_alerts_end_in_seconds", source="desk") == pytest.approx(10 * 86_400, abs=60)
    assert at(found, "source_heartbeat_seconds", source="second") == 3600
    assert at(found, "source_silence_seconds", source="second") == pytest.approx(7200, abs=60)
    assert at(found, "source_alerts_end_in_seconds", source="second") is None


def test_incidents_notifications_and_queues_are_told(webhook: WebhookApp) -> None:
    with webhook.database.transaction() as session:
        for number in range(2):
            incidents.open_(session, kind="order_unknown", subject=str(number), detail={})
        incidents.open_(session, kind="source_silent", subject="desk", detail={})
        stored.create_missing(session)
        session.execute(
            text(
                "UPDATE notifications SET attempts = 160 WHERE incident_id IN"
                " (SELECT incident_id FROM incidents WHERE kind = 'source_silent')"
            )
        )
        canaries.record_sent(session, ["pipeline", "exits"], webhook.app.config["SETTINGS"])
        session.execute(text("UPDATE canaries SET seen_at = now() - interval '10 minutes' WHERE queue = 'exits'"))

    found = scraped(webhook)

    assert at(found, "incidents_open", kind="order_unknown") == 2
    assert at(found, "incidents_open", kind="source_silent") == 1
    assert at(found, "notifications", state="waiting") == 2
    assert at(found, "notifications", state="given_up") == 1
    assert [at(found, "queue_late", queue=one) for one in ("pipeline", "exits")] == [0, 1]
    assert at(found, "queue_silence_seconds", queue="exits") == pytest.approx(600, abs=60)


def test_orders_meant_for_a_broker_are_counted_by_state(webhook: WebhookApp) -> None:
    with webhook.database.transaction() as session:
        terms = rows.some_terms(session)
        enters = dict.fromkeys(EngineSlot, Verdict.ENTER)
        judged = rows.a_decided_entry(session, terms, verdicts=enters)
        trade_rows.a_closed_trade(session, judged, EngineSlot.A, exit_at={})
        trade_rows.a_closed_trade(session, judged, EngineSlot.A, is_shadow=False, exit_at={})
        query = "SELECT state, count(*) AS orders FROM orders WHERE venue <> 'model' GROUP BY state"
        wanted = {row.state: row.orders for row in session.execute(text(query))}

    found = scraped(webhook)

    counted = {dict(labels)["state"]: value for (name, labels), value in found.items() if name == "orchestrator_orders"}
    assert counted == wanted
    assert sum(counted.values()) >= 1


def test_the_webhooks_answers_are_counted_by_status_for_this_process(webhook: WebhookApp) -> None:
    for _ in range(2):
        webhook.post({"symbol": "BTCUSDT", "action": "buy", "id": "1"})
    webhook.post({"symbol": "BTCUSDT", "action": "dance"})
    webhook.client.post("/webhook/nobody", data=b"{}")

    found = scraped(webhook)

    answers = {dict(labels)["status"]: value for (name, labels), value in found.items() if "webhook_answers" in name}
    assert answers == {"accepted": 1, "duplicate": 1, "quarantined": 1, "unauthorized": 1}


def test_what_an_alert_says_never_becomes_a_label(webhook: WebhookApp) -> None:
    for number in range(50):
        webhook.post({"symbol": f"SYM{number}", "action": "buy", "strategy": f"s{number}", "id": str(number)})
    with webhook.database.transaction() as session:
        session.execute(text("INSERT INTO books (book, kind, cursor) VALUES ('replay:1', 'replay', now())"))
    webhook.add_source(name="again", book="replay:1")
    store_signal(webhook.database, source="again", book="replay:1", signal_id=uuid4())

    found = scraped(webhook)

    values = {value for _, labels in found for _, value in labels}
    assert not values & {"again", "replay:1", "SYM1", "s1"}
    assert len(found) < 60


def test_a_database_that_does_not_answer_in_time_gives_503(database_url: str) -> None:
    deadlines = replace(PATIENT, probe_s=0.2)
    with start_webhook_app(database_url, environ={"API_TOKEN": TOKEN}, deadlines=deadlines) as webhook:
        with psycopg.connect(database_url) as other:
            other.execute("LOCK TABLE signals IN ACCESS EXCLUSIVE MODE")

            answer = webhook.client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})

        assert answer.status_code == 503
        assert answer.get_json()["status"] == "unavailable"
        wait_for(lambda: at(scraped_if_answered(webhook), "notifications", state="waiting") == 0)
