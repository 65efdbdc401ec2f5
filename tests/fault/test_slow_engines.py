"""Slow engines over HTTP on a real worker: every question gets its own deadline, whatever the load is."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from stack.servers import ServerUrls
from tests.support.pipeline import add_trend, store_signal
from tests.support.servers.remote_engine import EngineServer, a_server
from tests.support.servers.stacks import Stack, a_stack
from tests.support.waiting import until

REDIS_DB = 4
LEASE_S = 10
DONE_WITHIN_S = 90.0
ANSWERS = """
    SELECT s.signal_id, s.strategy, s.attempts, d.engine, d.action, d.reasons, d.latency_ms,
        (SELECT count(DISTINCT written_by) FROM signal_events WHERE signal_events.signal_id = s.signal_id) AS owners
    FROM signals s JOIN decisions d ON d.experiment_id = s.experiment_id
    WHERE s.signal_id = ANY(%(ids)s) ORDER BY s.seq, d.engine
"""


@pytest.fixture(scope="module")
def engine_a() -> Iterator[EngineServer]:
    """Give engine A, which is asked one question at a time."""
    with a_server() as server:
        yield server


@pytest.fixture(scope="module")
def engine_b() -> Iterator[EngineServer]:
    """Give engine B, which is asked two questions at a time."""
    with a_server() as server:
        yield server


@pytest.fixture(scope="module")
def stack(
    engine_a: EngineServer,
    engine_b: EngineServer,
    server_urls: ServerUrls,
    template_database: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Stack]:
    """Give a worker and beat with the shortest lease that engines of one's own allow."""
    environ = {
        "ENGINE_A": engine_a.url,
        "ENGINE_A_DEADLINE_S": "2.5",
        "ENGINE_A_CONCURRENCY": "1",
        "ENGINE_B": engine_b.url,
        "ENGINE_B_DEADLINE_S": "5",
        "ENGINE_B_CONCURRENCY": "2",
        "ENGINE_HOSTS_ALLOWED": "127.0.0.1",
        "ENGINE_REST_S": "1",
        "MAX_OPEN_PER_SYMBOL": "10000",
        "LEASE_S": str(LEASE_S),
    }
    directory = tmp_path_factory.mktemp("slow")
    with a_stack(server_urls, template_database, directory, redis_db=REDIS_DB, **environ) as made:
        add_trend(made.database)
        made.rows(
            "INSERT INTO sources (name, book, token_hash, token_encrypted, pyramiding)"
            " VALUES ('tests', 'paper', 'x', '', 1000)"
            " RETURNING 1"
        )
        made.processes.start_worker()
        made.processes.start_beat()
        yield made


@pytest.fixture(autouse=True)
def _quick_engines(engine_a: EngineServer, engine_b: EngineServer) -> Iterator[None]:
    """Make both engines quick and well, and forget what they were asked."""
    for server in (engine_a, engine_b):
        server.takes_s, server.deed = 0.0, None
        server.asked.clear()
        server.most_at_once = 0
    yield
    for server in (engine_a, engine_b):
        server.takes_s, server.deed = 0.0, None


def sent(stack: Stack, *strategies: str) -> list[UUID]:
    """Send one batch of signals with these strategies."""
    ids = [store_signal(stack.database, strategy=strategy) for strategy in strategies]
    stack.enqueue(ids)
    return ids


def answers(stack: Stack, ids: list[UUID]) -> dict[str, list[dict[str, Any]]]:
    """Wait for the end of the signals and return their decisions by engine."""
    stack.wait_done(ids, deadline_s=DONE_WITHIN_S)
    found = stack.rows(ANSWERS, ids=ids)
    return {slot: [row for row in found if row["engine"] == slot] for slot in ("A", "B")}


def reasons(rows: list[dict[str, Any]]) -> list[str]:
    return [row["reasons"][0] if row["action"] == "ERROR" else "well" for row in rows]


def median_ms(rows: list[dict[str, Any]]) -> Decimal:
    return Decimal(statistics.median(row["latency_ms"] for row in rows))


def test_an_engine_answers_all_of_a_burst_that_takes_longer_than_its_deadline(
    stack: Stack, engine_a: EngineServer
) -> None:
    engine_a.takes_s = 0.05

    found = answers(stack, sent(stack, *[f"burst {number}" for number in range(64)]))

    assert reasons(found["A"]) == reasons(found["B"]) == ["well"] * 64
    assert all(50 <= row["latency_ms"] < 2500 for row in found["A"])
    assert engine_a.asked.total() == 64


def test_a_batch_that_takes_longer_than_a_lease_keeps_it_and_does_not_slow_the_other_engine(
    stack: Stack, engine_a: EngineServer, engine_b: EngineServer
) -> None:
    engine_a.takes_s = 0.2
    alone = answers(stack, sent(stack, *[f"alone {number}" for number in range(16)]))
    engine_a.asked.clear()
    engine_b.asked.clear()
    engine_b.takes_s = 2.0
    started_at = time.monotonic()

    beside = answers(stack, sent(stack, *[f"beside {number}" for number in range(16)]))

    assert time.monotonic() - started_at > LEASE_S
    assert reasons(beside["A"]) == reasons(beside["B"]) == ["well"] * 16
    assert all(2000 <= row["latency_ms"] < 5000 for row in beside["B"])
    assert {(row["attempts"], row["owners"]) for row in beside["B"]} == {(0, 1)}
    assert engine_a.asked.total() == engine_b.asked.total() == 16
    assert median_ms(beside["A"]) < median_ms(alone["A"]) * Decimal("1.5")


def test_alerts_that_come_one_by_one_are_put_to_an_engine_as_many_at_once_as_it_takes(
    stack: Stack, engine_b: EngineServer
) -> None:
    engine_b.takes_s = 1.0

    ids = [signal_id for number in range(16) for signal_id in sent(stack, f"single {number}")]
    found = answers(stack, ids)

    assert reasons(found["A"]) == reasons(found["B"]) == ["well"] * 16
    assert engine_b.most_at_once == 2
    assert {row["attempts"] for row in found["B"]} == {0}
    assert engine_b.asked.total() == 16


def test_a_question_on_which_an_engine_hangs_is_the_only_one_it_loses(stack: Stack, engine_b: EngineServer) -> None:
    found = answers(stack, sent(stack, "first", "hang", "third", "fourth", "fifth"))

    assert reasons(found["A"])[1] == "engine_timeout"
    assert reasons(found["B"]) == ["well", "engine_timeout", "well", "well", "well"]
    assert found["B"][1]["latency_ms"] >= 5000


def test_a_killed_worker_leaves_questions_that_are_asked_again_and_stored_once(
    stack: Stack, engine_b: EngineServer
) -> None:
    engine_b.takes_s = 2.0
    ids = sent(stack, *[f"killed {number}" for number in range(6)])
    ids += [signal_id for number in range(4) for signal_id in sent(stack, f"killed alone {number}")]
    until(lambda: engine_b.asked.total() >= 2, what="questions on their way")

    stack.processes.kill("worker")
    engine_b.takes_s = 0.0
    stack.processes.start_worker()
    found = answers(stack, ids)

    assert reasons(found["A"]) == reasons(found["B"]) == ["well"] * 10
    assert {row["attempts"] for row in found["A"][:6]} == {1}
    assert {row["attempts"] for row in found["A"][6:]} <= {0, 1}


def test_only_failures_of_the_engine_itself_open_its_breaker(stack: Stack, engine_b: EngineServer) -> None:
    said_before = stack.processes.said("worker").count("engine.left_alone")
    engine_b.deed = "status_500"

    found = answers(stack, sent(stack, *[f"failing {number}" for number in range(12)]))

    assert said_before == 0
    assert reasons(found["A"]) == ["well"] * 12
    assert reasons(found["B"])[:5] == ["engine_http_status"] * 5
    assert set(reasons(found["B"])[6:]) == {"engine_unavailable"}
    assert engine_b.asked.total() in (5, 6)
    assert stack.processes.said("worker").count("engine.left_alone") == 1


def test_afterwards_every_invariant_holds_and_nothing_failed(stack: Stack) -> None:
    assert stack.rows("SELECT FROM task_failures") == []
    assert stack.asked("verify") == {"ok": True, "violations": []}
