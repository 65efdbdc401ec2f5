"""The heartbeat to a monitor elsewhere: sent while everything works, withheld as soon as something does not."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from config import data_disk
from config.values import SettingInvalid
from db import canaries
from tasks import heartbeat, queues, schedule
from tasks.parts import Parts
from tests.support.pipeline import prepared, rows, settings_for, store_signal
from tests.support.servers.notification_receiver import Receiver, a_receiver
from tests.support.waiting import until

BROKER = "redis://127.0.0.1:1"
SECRET = "s3cr3t-CANARY4711"


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as made:
        yield made


@pytest.fixture
def parts(database_url: str, receiver: Receiver) -> Iterator[Parts]:
    made = monitored(database_url, receiver, NOTIFY_HOSTS_ALLOWED="127.0.0.1")
    yield made
    made.database.dispose()


def monitored(database_url: str, receiver: Receiver, **environ: str) -> Parts:
    """Prepare a stack whose queues answer, and whose monitor is the receiver."""
    url = f"http://127.0.0.1:{receiver.port}/ping/{SECRET}"
    made = prepared(database_url, BROKER, NOTIFY_HEARTBEAT_URL=url, **environ)
    with made.transaction() as session:
        canaries.record_sent(session, queues.ALL, made.settings)
    return made


def change(parts: Parts, statement: str) -> None:
    with parts.transaction() as session:
        session.execute(text(statement))


def test_the_monitor_is_called_every_minute(parts: Parts, receiver: Receiver) -> None:
    entry = schedule.build_schedule(parts.settings)["send_heartbeat"]

    assert heartbeat.send_if_working(parts)
    assert receiver.taken == [{}]
    assert (entry["task"], entry["schedule"]) == (heartbeat.send_heartbeat.name, 60)


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE canaries SET seen_at = now() - interval '1 h' WHERE queue = 'exits'", "the queue exits"),
        ("DELETE FROM canaries WHERE queue = 'orders'", "the queue orders"),
        ("UPDATE periodic_runs SET registered_at = now() - interval '1 h' WHERE entry = 'sync_exits'", "sync_exits is"),
        ("UPDATE signals SET stored_at = now() - interval '1 h', next_attempt_at = now() - interval '1 h'", "pipeline"),
    ],
)
def test_it_is_withheld_while_something_does_not_work(
    parts: Parts, receiver: Receiver, statement: str, why: str
) -> None:
    store_signal(parts.database)
    change(parts, statement)

    with capture_logs() as logs:
        sent = heartbeat.send_if_working(parts)

    assert (sent, receiver.tried) == (False, 0)
    assert [entry["event"] for entry in logs] == ["heartbeat.withheld"]
    assert why in logs[0]["error"]


def test_it_is_withheld_while_the_disk_is_nearly_full(
    parts: Parts, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(data_disk, "is_short", lambda _: True)

    assert not heartbeat.send_if_working(parts)
    assert receiver.tried == 0


def test_a_monitor_that_refuses_is_logged_without_its_address(
    parts: Parts, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.status = 500

    with caplog.at_level(logging.DEBUG), capture_logs() as logs:
        sent = heartbeat.send_if_working(parts)

    assert (sent, logs) == (False, [{"event": "heartbeat.failed", "error": "answered 500", "log_level": "error"}])
    assert SECRET not in caplog.text + str(logs) + repr(parts.settings)


def test_a_private_address_is_called_only_when_it_is_allowed(database_url: str, receiver: Receiver) -> None:
    parts = monitored(database_url, receiver)

    with capture_logs() as logs:
        sent = heartbeat.send_if_working(parts)

    assert (sent, receiver.tried) == (False, 0)
    assert "NOTIFY_HOSTS_ALLOWED" in logs[0]["error"]
    parts.database.dispose()


def test_no_transaction_is_open_while_a_slow_monitor_is_waited_for_and_the_wait_ends(
    parts: Parts, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heartbeat, "choose_deadline_s", lambda _: 2.0)
    receiver.may_answer.clear()
    idle = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND state = 'idle in transaction'"
    began = time.monotonic()

    with ThreadPoolExecutor() as pool, capture_logs() as logs:
        sending = pool.submit(heartbeat.send_if_working, parts)
        until(lambda: receiver.tried, what="the call")
        during = rows(parts.database, idle)
        sent = sending.result()

    assert (during, sent, logs[0]["error"]) == ([], False, "RequestTimeout")
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("url", ["ftp://a/b", "https://user:pw@a/b", "example.com", "https://a/b#latency=1"])
def test_a_url_that_cannot_be_called_is_refused_without_repeating_it(database_url: str, url: str) -> None:
    with pytest.raises(SettingInvalid, match="NOTIFY_HEARTBEAT_URL='…'") as refused:
        settings_for(database_url, BROKER, NOTIFY_HEARTBEAT_URL=url)

    assert url not in str(refused.value)
