"""Postgres is killed, stopped, frozen, its sessions ended, its tables locked (F25 to F27, F30), or it is read-only or
has no connection left (F51, F53).

Senders send again until they are acknowledged, as TradingView does after a 503; afterwards each alert is there once.
"""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from db.core import migrate
from stack import postgres
from stack.servers import ServerUrls
from tests.support.pipeline import add_trend, store_signal
from tests.support.servers.alert_sender import THIS_HOUR, Sender, missing, settled, slowest
from tests.support.servers.embedded import Place, Server, a_place, running
from tests.support.servers.stacks import Stack, a_stack_on, with_redis_database
from tests.support.waiting import until

REDIS_DB = 15
REFUSED_WITHIN_S = 1.5
# The time limit of a stage, 40/60 of it, is just beyond the five seconds that a statement waits for a lock.
LEASE_S = "8"


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """Give a place for the server."""
    with a_place() as made:
        yield made


@pytest.fixture(scope="module")
def server(place: Place) -> Iterator[Server]:
    """Give a Postgres of our own with a migrated database."""
    with running(place.postgres()) as made:
        postgres.ensure_database(place.sockets)
        migrate.upgrade(place.database_url)
        yield made


@pytest.fixture(scope="module")
def stack(
    place: Place, server: Server, server_urls: ServerUrls, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """Give web, a worker and beat on it; both engines like the trend."""
    directory = tmp_path_factory.mktemp("database")
    (directory / "failpoints").mkdir()
    environ = {
        "ENGINE_A": "committee",
        "ENGINE_B": "committee",
        "MAX_OPEN_PER_SYMBOL": "10000",
        "LEASE_S": LEASE_S,
        "SIGNAL_POLL_INTERVAL_MS": "1000",
        "FAILPOINTS": "1",
        "FAILPOINT_DIR": str(directory / "failpoints"),
    }
    redis_url = with_redis_database(server_urls.redis_url, REDIS_DB)
    with a_stack_on(place.database_url, redis_url, directory, environ) as made:
        add_trend(made.database, until=THIS_HOUR)
        made.rows(
            "INSERT INTO sources (name, book, token_hash, token_encrypted, pyramiding)"
            " VALUES ('tests', 'paper', 'x', '', 1000)"
            " RETURNING 1"
        )
        made.processes.start_worker(concurrency=2)
        made.processes.start_beat()
        made.start_web()
        yield made


@pytest.fixture(scope="module")
def webhook(stack: Stack) -> str:
    """Give the URL of a source."""
    return f"{stack.web_url}/webhook/{stack.asked('sources', 'add', 'desk')['token']}"


def sent_through(webhook: str, begin: Callable[[], None], end: Callable[[], None]) -> Sender:
    """Send alerts before, during and after a fault, each until it is acknowledged."""
    with Sender(url=webhook, resend=True) as sender:
        sender.after(5)
        begin()
        sender.until_answered(503)
        sender.after(30)
        end()
        sender.after(5)
    return sender


def assert_accounted(stack: Stack, sender: Sender) -> None:
    """Find each alert that was sent acknowledged, stored and worked off once, and refusals fast."""
    refused = [one for one in sender.answers if one.status == 503]
    assert sender.statuses() == {200, 503}
    assert slowest(refused) < REFUSED_WITHIN_S
    assert len(sender.acknowledged) == len(sender.identifiers)
    assert missing(stack, sender.acknowledged) == set()
    settled(stack, sender.acknowledged)


def test_f25_a_killed_database_loses_nothing_that_was_acknowledged(stack: Stack, webhook: str, server: Server) -> None:
    sender = sent_through(webhook, lambda: server.end(signal.SIGKILL), server.start)

    assert_accounted(stack, sender)


def test_f26_a_database_that_was_stopped_at_once_loses_nothing_that_was_acknowledged(
    stack: Stack, webhook: str, server: Server
) -> None:
    sender = sent_through(webhook, lambda: server.end(signal.SIGQUIT), server.start)

    assert_accounted(stack, sender)


def test_f26_ended_sessions_lose_nothing_that_was_acknowledged(stack: Stack, webhook: str) -> None:
    with Sender(url=webhook, resend=True) as sender:
        for _ in range(5):
            sender.after(5)
            stack.rows(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
        sender.after(5)

    assert sender.statuses() <= {200, 503}
    assert len(sender.acknowledged) == len(sender.identifiers)
    assert missing(stack, sender.acknowledged) == set()
    settled(stack, sender.acknowledged)


def test_f27_a_frozen_database_is_answered_for_with_503_in_time(stack: Stack, webhook: str, server: Server) -> None:
    sender = sent_through(webhook, server.freeze, server.thaw)

    assert_accounted(stack, sender)


def make_read_only(stack: Stack, value: str) -> None:
    """Make every transaction of every session read-only, or not, as an administrator or a full managed disk does."""
    with psycopg.connect(stack.processes.database_url, autocommit=True) as connection:
        connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        connection.execute("SELECT pg_reload_conf()")


def test_f51_a_database_that_only_reads_loses_nothing_and_makes_no_dead_letter(stack: Stack, webhook: str) -> None:
    waiting = stored(stack, 20)

    def begin() -> None:
        stack.enqueue(waiting)
        make_read_only(stack, "on")

    sender = sent_through(webhook, begin, lambda: make_read_only(stack, "off"))

    assert_accounted(stack, sender)
    settled(stack, waiting)
    assert stack.rows("SELECT FROM signals WHERE status = 'dead'") == []


class Hoard:
    """Holds every connection that the database allows; those of our processes are ended first."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._held: list[psycopg.Connection] = []

    def take(self) -> None:
        """Take one connection after the other until none is left and none is anybody else's."""
        while self._take_rest() and self._end_others():
            pass

    def give_back(self) -> None:
        """Close all connections."""
        for connection in self._held:
            connection.close()

    def _take_rest(self) -> bool:
        with suppress(psycopg.OperationalError):
            while True:
                self._held.append(psycopg.connect(self._url, autocommit=True))
        return bool(self._held)

    def _end_others(self) -> int:
        """Return how many sessions of others were ended."""
        mine = [connection.info.backend_pid for connection in self._held]
        ended = self._held[0].execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> ALL(%s)",
            [mine],
        )
        return len(ended.fetchall())


def test_f53_a_database_without_a_connection_left_is_answered_for_with_503_and_loses_nothing(
    stack: Stack, webhook: str
) -> None:
    waiting, hoard = stored(stack, 20), Hoard(stack.processes.database_url)

    def begin() -> None:
        stack.enqueue(waiting)
        hoard.take()

    sender = sent_through(webhook, begin, hoard.give_back)

    assert_accounted(stack, sender)
    settled(stack, waiting)


def stored(stack: Stack, count: int) -> list[UUID]:
    return [
        store_signal(stack.database, strategy=f"s{number}", received_at=THIS_HOUR, timestamp=THIS_HOUR)
        for number in range(count)
    ]


def test_f30_signals_whose_stage_waits_for_a_lock_too_long_are_tried_again(stack: Stack) -> None:
    ids = stored(stack, 1)
    failed = "SELECT error FROM task_failures WHERE signal_id = %(id)s"

    with psycopg.connect(stack.processes.database_url) as blocker:
        blocker.execute("LOCK TABLE experiments IN EXCLUSIVE MODE")
        stack.enqueue(ids)
        failures = until(lambda: stack.rows(failed, id=ids[0]), deadline_s=40, what="an attempt that was given up")

    assert "LockNotAvailable" in failures[0]["error"]
    settled(stack, ids)


@contextmanager
def a_stage_that_holds(stack: Stack, ids: list[UUID]) -> Iterator[Callable[[], None]]:
    """Have the worker hold the rows of these signals; give what lets it go on."""
    failpoint = Path(stack.processes.extra["FAILPOINT_DIR"]) / "assign_variant.claimed"
    failpoint.write_text("pause")
    stack.enqueue(ids)
    until(failpoint.with_name(f"{failpoint.name}.reached").exists, what="a batch at assign_variant")
    yield failpoint.unlink
    failpoint.with_name(f"{failpoint.name}.reached").unlink()


def test_f30_signals_whose_stage_lost_a_deadlock_are_tried_again(stack: Stack, place: Place) -> None:
    ids = stored(stack, 3)
    rows = "SELECT FROM signals WHERE signal_id = ANY(%s) FOR UPDATE"

    with (
        a_stage_that_holds(stack, ids) as go_on,
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(stack.processes.database_url) as rival,
    ):
        rival.execute("SET deadlock_timeout = '60s'")
        rival.execute("LOCK TABLE experiments IN SHARE ROW EXCLUSIVE MODE")
        waiting = pool.submit(rival.execute, rows, [ids])
        mine = f"SELECT FROM pg_locks WHERE pid = {rival.info.backend_pid} AND NOT granted"
        until(lambda: stack.rows(mine), what="the rival waits for the rows")
        go_on()
        waiting.result(30)
        rival.rollback()

    assert "deadlock detected" in (place.directory / "postgres.log").read_text()
    settled(stack, ids)


def test_afterwards_every_invariant_holds(stack: Stack) -> None:
    until(lambda: not stack.rows("SELECT FROM signals WHERE status = 'open'"), what="the end of every signal")

    assert stack.asked("verify") == {"ok": True, "violations": []}
