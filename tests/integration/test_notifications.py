"""Incidents are told to people: once when all is well, again until they are taken, and never with a secret."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import text
from structlog.testing import capture_logs

from app.cli import cli
from config.values import SettingInvalid
from db import incidents
from db import notifications as stored
from stack.servers import ServerUrls
from tasks import notification_services, notifications, pipeline
from tasks.parts import Parts
from tests.support import waiting
from tests.support.pipeline import prepared, rows, settings_for
from tests.support.servers.notification_receiver import Receiver, a_receiver

SECRET = "s3cr3t-CANARY4711"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as made:
        yield made


@pytest.fixture
def parts(database_url: str, server_urls: ServerUrls, receiver: Receiver) -> Iterator[Parts]:
    made = prepared(database_url, server_urls.redis_url, NOTIFY_URLS=url_of(receiver))
    yield made
    made.database.dispose()


def url_of(receiver: Receiver) -> str:
    return f"json://user:{SECRET}@127.0.0.1:{receiver.port}/{SECRET}"


def opened(parts: Parts, subject: str = "desk", **more: Any) -> None:
    with parts.transaction() as session:
        incidents.open_(session, kind="source_silent", subject=subject, detail={"heartbeat_s": 60} | more)


def closed(parts: Parts) -> None:
    with parts.transaction() as session:
        incidents.close_resolved(session, kind="source_silent", still=[])


def make_due(parts: Parts) -> None:
    with parts.transaction() as session:
        session.execute(text("UPDATE notifications SET next_attempt_at = now()"))


def kept(parts: Parts) -> list[dict[str, Any]]:
    return rows(parts.database, "SELECT * FROM notifications ORDER BY event DESC")


def test_an_incident_is_told_once_when_it_begins_and_once_when_it_is_over(parts: Parts, receiver: Receiver) -> None:
    opened(parts)
    notifications.send_due_notifications(parts)
    notifications.send_due_notifications(parts)
    during = list(receiver.titles)
    closed(parts)
    notifications.send_due_notifications(parts)
    notifications.send_due_notifications(parts)

    assert during == ["[desk] source_silent"]
    assert receiver.titles == ["[desk] source_silent", "[desk] over: source_silent"]
    first, second = (str(one["message"]) for one in receiver.taken)
    assert "What: no alert of a source arrived for longer than expected." in first
    assert "About: desk (heartbeat_s 60)" in first
    assert "To do: check whether its alert in TradingView is still on." in first
    assert "It is over" in second
    assert all(one["sent_at"] and one["attempts"] == 1 for one in kept(parts))


def test_an_incident_that_was_over_before_it_was_told_is_told_in_order(parts: Parts, receiver: Receiver) -> None:
    opened(parts)
    closed(parts)

    for _ in range(2):
        notifications.send_due_notifications(parts)

    assert receiver.titles == ["[desk] source_silent", "[desk] over: source_silent"]


def test_a_receiver_that_is_down_is_told_when_it_is_up_again(
    database_url: str, server_urls: ServerUrls, caplog: pytest.LogCaptureFixture
) -> None:
    with a_receiver() as gone:
        pass
    parts = prepared(database_url, server_urls.redis_url, NOTIFY_URLS=url_of(gone))
    opened(parts)
    closed(parts)

    with caplog.at_level(logging.DEBUG), capture_logs() as logs:
        for _ in range(2):
            notifications.send_due_notifications(parts)
            make_due(parts)
    [failed] = [one for one in kept(parts) if one["event"] == "opened"]
    waiting = [one for one in kept(parts) if one["event"] == "closed"]
    with a_receiver(port=gone.port) as back:
        for _ in range(2):
            notifications.send_due_notifications(parts)

    assert (failed["sent_at"], failed["attempts"], failed["last_error"]) == (None, 2, "1 (json): did not take it")
    assert [one["attempts"] for one in waiting] == [0]
    assert back.titles == ["[desk] source_silent", "[desk] over: source_silent"]
    assert [one["last_error"] for one in kept(parts)] == [None, None]
    assert [one["event"] for one in logs] == ["notification.failed"] * 2
    assert SECRET not in caplog.text + str(logs) + str(failed)
    parts.database.dispose()


def test_a_receiver_that_answers_500_is_asked_again_after_longer_and_longer(parts: Parts, receiver: Receiver) -> None:
    receiver.status = 500
    opened(parts)
    waits = []

    for _ in range(9):
        notifications.send_due_notifications(parts)
        [row] = rows(
            parts.database,
            "SELECT extract(epoch FROM next_attempt_at - clock_timestamp())::float8 AS s FROM notifications",
        )
        waits.append(row["s"])
        notifications.send_due_notifications(parts)
        make_due(parts)

    [row] = kept(parts)
    assert receiver.tried == row["attempts"] == 9
    assert row["last_error"] == "1 (json): answered 500"
    expected = [5, 10, 20, 40, 80, 160, 320, 600, 600]
    assert waits == [pytest.approx(one, abs=5) for one in expected]


def test_it_is_given_up_after_more_than_a_day_of_trying(parts: Parts, receiver: Receiver) -> None:
    receiver.status = 500
    opened(parts)
    notifications.send_due_notifications(parts)
    with parts.transaction() as session:
        session.execute(text("UPDATE notifications SET attempts = 159, next_attempt_at = now()"))

    with capture_logs() as logs:
        notifications.send_due_notifications(parts)
    make_due(parts)
    notifications.send_due_notifications(parts)

    assert [one["event"] for one in logs] == ["notification.given_up"]
    assert receiver.tried == 2
    assert sum(min(5 * 2**attempt, 600) for attempt in range(159)) > 86_400


def test_two_tasks_at_once_send_once(parts: Parts, receiver: Receiver) -> None:
    for number in range(5):
        opened(parts, f"desk{number}")
    receiver.may_answer.clear()

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(notifications.send_due_notifications, parts) for _ in range(4)]
        waiting.until(lambda: receiver.tried == 5)
        receiver.may_answer.set()
        for one in running:
            one.result(30)

    assert sorted(receiver.titles) == [f"[desk{number}] source_silent" for number in range(5)]


def test_one_that_died_while_it_sent_is_followed_by_another(parts: Parts, receiver: Receiver) -> None:
    opened(parts)
    with parts.transaction() as session:
        stored.create_missing(session)
        stored.claim(session, limit=10, lease_s=20)

    notifications.send_due_notifications(parts)
    before = list(receiver.titles)
    make_due(parts)
    notifications.send_due_notifications(parts)

    assert before == []
    assert receiver.titles == ["[desk] source_silent"]


def test_a_service_that_took_it_is_not_told_again_because_another_did_not(
    database_url: str, server_urls: ServerUrls, receiver: Receiver
) -> None:
    with a_receiver() as other:
        urls = f"{url_of(receiver)} {url_of(other)}"
        parts = prepared(database_url, server_urls.redis_url, NOTIFY_URLS=urls)
        other.status = 503
        opened(parts)
        notifications.send_due_notifications(parts)
        [first] = kept(parts)
        make_due(parts)
        other.status = 200
        notifications.send_due_notifications(parts)

    assert (receiver.tried, other.tried) == (1, 2)
    assert (first["sent_at"], first["last_error"]) == (None, "2 (json): answered 503")
    assert len(kept(parts)[0]["told"]) == 2
    parts.database.dispose()


def test_a_service_that_does_not_answer_is_left_in_time(
    database_url: str, server_urls: ServerUrls, receiver: Receiver
) -> None:
    parts = prepared(database_url, server_urls.redis_url, NOTIFY_URLS=url_of(receiver), LEASE_S="1")
    receiver.may_answer.clear()
    opened(parts)

    notifications.send_due_notifications(parts)

    assert kept(parts)[0]["last_error"] == "1 (json): no answer in time"
    parts.database.dispose()


def test_incidents_that_began_before_anybody_asked_are_not_told(parts: Parts, receiver: Receiver) -> None:
    opened(parts, "old")
    with parts.transaction() as session:
        session.execute(text("UPDATE incidents SET opened_at = now() - interval '61 minutes'"))
    opened(parts, "young")

    notifications.send_due_notifications(parts)
    closed(parts)
    notifications.send_due_notifications(parts)

    assert receiver.titles == ["[young] source_silent", "[young] over: source_silent"]


def test_without_urls_nothing_is_noted(database_url: str, server_urls: ServerUrls) -> None:
    parts = prepared(database_url, server_urls.redis_url)
    opened(parts)

    pipeline.connect(parts.settings)
    notifications.send_notifications()

    assert kept(parts) == []
    parts.database.dispose()


@pytest.mark.parametrize("urls", ["json://host nonsense://x", "json://host tgram://too-short"])
def test_a_url_that_cannot_be_sent_to_stops_the_start_and_is_not_repeated(
    database_url: str, server_urls: ServerUrls, urls: str
) -> None:
    settings = settings_for(database_url, server_urls.redis_url, NOTIFY_URLS=f"{urls}/{SECRET}")

    with pytest.raises(SettingInvalid, match=r"NOTIFY_URLS.*URL 2") as caught:
        pipeline.prepare(settings)

    assert SECRET not in str(caught.value)


def test_a_url_that_cannot_be_sent_to_is_told_beside_those_that_can(
    monkeypatch: pytest.MonkeyPatch, receiver: Receiver
) -> None:
    monkeypatch.setenv("NOTIFY_URLS", f"nonsense://{SECRET} {url_of(receiver)}")

    told = CliRunner().invoke(cli, ["incidents", "notify-test"])

    assert told.exit_code == 1
    assert told.stdout == "1 (nonsense): is none that Apprise can send to\n2 (json): sent\n"


def test_a_test_message_says_for_each_service_what_became_of_it(
    monkeypatch: pytest.MonkeyPatch, database_url: str, receiver: Receiver
) -> None:
    monkeypatch.setenv("DATABASE_URL", database_url)
    with a_receiver() as other:
        other.status = 403
        monkeypatch.setenv("NOTIFY_URLS", f"{url_of(receiver)} {url_of(other)}")
        told = CliRunner().invoke(cli, ["incidents", "notify-test"])
        document = json.loads(CliRunner().invoke(cli, ["incidents", "notify-test", "--json"]).stdout)
    monkeypatch.setenv("NOTIFY_URLS", url_of(receiver))
    well = CliRunner().invoke(cli, ["incidents", "notify-test"])
    monkeypatch.delenv("NOTIFY_URLS")
    unset = CliRunner().invoke(cli, ["incidents", "notify-test"])

    assert (told.exit_code, well.exit_code, unset.exit_code) == (1, 0, 2)
    assert told.stdout == "1 (json): sent\n2 (json): answered 403\n"
    assert document["services"][1] == {"number": 2, "service": "json", "error": "answered 403"}
    assert receiver.titles == ["[test] notifications work"] * 3
    assert "NOTIFY_URLS is not set" in unset.stderr
    assert SECRET not in told.output + str(document)


def test_the_order_of_an_incident_names_its_book_and_what_a_venue_said_is_cut_short(
    parts: Parts, receiver: Receiver
) -> None:
    with parts.transaction() as session:
        incidents.open_(
            session, kind="order_missing", subject="not-an-order", detail={"why": "x" * 1000, "client_order_id": "c"}
        )

    notifications.send_due_notifications(parts)

    [taken] = receiver.taken
    assert taken["title"] == "[not-an-order] order_missing"
    assert max(map(len, str(taken["message"]).splitlines())) <= 300


def test_what_services_log_is_kept_out_of_our_log(parts: Parts, receiver: Receiver) -> None:
    opened(parts)
    notifications.send_due_notifications(parts)

    logger = logging.getLogger("apprise")
    assert not logger.propagate
    assert "_Statuses" in [type(one).__name__ for one in logger.handlers]
    assert notification_services.list_services(parts.settings)[0].name == "1 (json)"
    assert SECRET not in repr(notification_services.list_services(parts.settings))
    assert datetime.now(UTC) - kept(parts)[0]["sent_at"] < timedelta(minutes=5)
