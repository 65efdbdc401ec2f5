"""Canaries: when a queue counts as late, who tells of it, and a worker that takes nothing is replaced."""

from __future__ import annotations

import json
import os
import re
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner
from sqlalchemy import text

from app.cli import cli
from config import settings as configuration
from db import canaries, incidents
from db.canaries import QueueState
from db.core import migrate
from db.core.session import Database
from stack.servers import ServerUrls
from stack.stack import RunningStack
from tests.support.pipeline import store_signal
from tests.support.servers.stacks import alive, children_of
from tests.support.servers.supervised import a_supervised_stack
from tests.support.waiting import until
from tests.support.webhook import settings_for, start_app

REDIS_DB = 2
QUEUES = ("exits", "pipeline")
SETTINGS = configuration.load({"QUEUE_SILENT_S": "60"})


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Give the test's database."""
    database = Database(migrate.driver_url(database_url))
    yield database
    database.dispose()


def send(database: Database, queues: Sequence[str] = QUEUES) -> None:
    with database.transaction() as session:
        canaries.record_sent(session, queues, SETTINGS)


def seen(database: Database, queue: str) -> None:
    with database.transaction() as session:
        canaries.record_seen(session, queue)


def pass_time(database: Database, *, seconds: int) -> None:
    """Let time pass for the table: what is in it was so long ago."""
    with database.transaction() as session:
        session.execute(
            text(
                "UPDATE canaries SET sent_at = sent_at - make_interval(secs => :s),"
                " seen_at = seen_at - make_interval(secs => :s)"
            ),
            {"s": seconds},
        )


def wait_and_send(database: Database, *, seconds: int, answering: Sequence[str] = ()) -> None:
    """Send a canary every 15 s for so long; only some queues answer."""
    for _ in range(seconds // 15):
        pass_time(database, seconds=15)
        send(database)
        for queue in answering:
            seen(database, queue)


def states(database: Database) -> dict[str, QueueState]:
    with database.transaction() as session:
        return {one.queue: one.state for one in canaries.list_all(session, SETTINGS)}


def test_a_queue_that_does_not_answer_its_canaries_is_late_and_the_others_are_not(database: Database) -> None:
    send(database)

    wait_and_send(database, seconds=75, answering=["exits"])

    assert states(database) == {"exits": QueueState.ANSWERING, "pipeline": QueueState.LATE}
    with database.transaction() as session:
        assert [one.queue for one in canaries.list_late(session, SETTINGS)] == ["pipeline"]


def test_a_late_queue_that_answers_is_well_again(database: Database) -> None:
    send(database)
    wait_and_send(database, seconds=75)

    seen(database, "pipeline")

    assert states(database) == {"exits": QueueState.LATE, "pipeline": QueueState.ANSWERING}


def test_while_no_canaries_are_sent_no_queue_is_late(database: Database) -> None:
    send(database)
    pass_time(database, seconds=600)

    assert set(states(database).values()) == {QueueState.UNASKED}


def test_after_an_outage_each_queue_is_given_its_time_anew(database: Database) -> None:
    send(database)
    pass_time(database, seconds=600)

    send(database)
    first = states(database)
    wait_and_send(database, seconds=75)

    assert set(first.values()) == {QueueState.ANSWERING}
    assert set(states(database).values()) == {QueueState.LATE}


def test_readiness_reports_a_late_queue_and_stays_ready(database: Database, database_url: str) -> None:
    send(database)
    wait_and_send(database, seconds=75, answering=["exits"])

    with start_app(settings_for(database_url, QUEUE_SILENT_S="60"), lambda _: None) as app:
        answer = app.test_client().get("/readyz")

    assert answer.status_code == 200
    assert answer.get_json()["queues"] == {"exits": "answering", "pipeline": "late"}


def elapsed_s(began: float, *, before_s: int) -> float:
    """Return the largest age that can be right: what was pretended, and the time that the test itself has taken."""
    return before_s + time.monotonic() - began + 1


def test_doctor_shows_each_queue_and_what_needs_a_person(database: Database, database_url: str) -> None:
    began = time.monotonic()
    send(database)
    wait_and_send(database, seconds=75, answering=["exits"])
    with database.transaction() as session:
        incidents.open_(session, kind="order_manual_review", subject=str(uuid4()), detail={})

    environ = {"DATABASE_URL": database_url, "QUEUE_SILENT_S": "60"}
    result = CliRunner(env=environ).invoke(cli, ["doctor", "--json"])

    checks = {one["check"]: one for one in json.loads(result.stdout)["checks"]}
    assert result.exit_code == 1
    assert checks["queue exits"]["ok"]
    assert not checks["queue pipeline"]["ok"]
    shown = re.search(r"late, last sign of life (\d+) s ago", checks["queue pipeline"]["detail"])
    assert shown is not None
    assert 75 <= int(shown.group(1)) <= elapsed_s(began, before_s=75)
    assert checks["open incidents"]["detail"].startswith("1 order_manual_review;")


@pytest.fixture
def running(server_urls: ServerUrls, template_database: str) -> Iterator[RunningStack]:
    """Give two workers and beat under a supervisor, with a watchdog that is soon out of patience."""
    with a_supervised_stack(server_urls, template_database, redis_db=REDIS_DB) as stack:
        yield stack


def rows(database: Database, query: str, **given: Any) -> list[Any]:
    with database.transaction() as session:
        return list(session.execute(text(query), given))


def test_a_worker_that_is_alive_and_takes_no_tasks_is_replaced_and_what_waits_is_done(running: RunningStack) -> None:
    database = Database(running.settings.sqlalchemy_url)
    log = Path(running.data_dir.parent / "stack.log")
    answered = "SELECT FROM canaries WHERE seen_at > sent_at - interval '2 s' AND queue IN ('pipeline', 'exits')"
    until(lambda: len(rows(database, answered)) == 2, deadline_s=60, what="answers to canaries")
    before = running.supervisor.pids()
    stuck = [before["worker"], *children_of(before["worker"])]

    for pid in stuck:
        os.kill(pid, signal.SIGSTOP)
    with database.transaction() as session:
        session.execute(
            text(
                "INSERT INTO sources (name, book, token_hash, token_encrypted, pyramiding)"
                " VALUES ('tests', 'paper', 'x', '', 1000)"
            )
        )
    signal_id = store_signal(database)
    done = "SELECT FROM signals WHERE signal_id = :id AND status = 'done'"
    until(lambda: rows(database, done, id=signal_id), deadline_s=150, what="the end of the signal")

    after = running.supervisor.pids()
    assert after["beat"] == before["beat"]
    assert after["worker"] != before["worker"]
    assert alive(stuck) == []
    assert "worker takes no tasks; restarting it" in log.read_text()
    assert "queue.silent" in log.read_text()
    database.dispose()
