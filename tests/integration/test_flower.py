"""Flower's API, as an operator asks it: what failed and why, in which batch a signal was, and what a retry does."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode
from uuid import UUID, uuid4

import pytest

from stack.servers import ServerUrls
from tests.support.pipeline import add_trend, store_signal
from tests.support.servers.processes import free_port
from tests.support.servers.stacks import Stack, a_stack
from tests.support.waiting import until

REDIS_DB = 14
THIS_HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
CREDENTIALS = base64.b64encode(b"admin:a password for tests").decode()
SNAPSHOT = "stages.snapshot_context"
Task = dict[str, Any]


@pytest.fixture(scope="module")
def stack(server_urls: ServerUrls, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give a worker, beat and Flower on a prepared database."""
    directory = tmp_path_factory.mktemp("flower")
    (directory / "failpoints").mkdir()
    environ = {
        "ENGINE_A": "committee",
        "ENGINE_B": "committee",
        "MAX_OPEN_PER_SYMBOL": "10000",
        "FAILPOINTS": "1",
        "FAILPOINT_DIR": str(directory / "failpoints"),
        "FLOWER_BASIC_AUTH": "admin:a password for tests",
        "WORKER_BACKOFF_MS": "60000",
    }
    with a_stack(server_urls, template_database, directory, redis_db=REDIS_DB, **environ) as made:
        add_trend(made.database, until=THIS_HOUR)
        made.rows(
            "INSERT INTO sources (name, book, token_hash, token_encrypted, pyramiding)"
            " VALUES ('tests', 'paper', 'x', '', 1000) RETURNING 1"
        )
        port = free_port()
        made.processes.start("flower", "run", "flower", "--port", str(port))
        made.web_url = f"http://127.0.0.1:{port}"
        made.processes.start_worker()
        until(lambda: ask(made, "/api/task/types"), deadline_s=60, what="Flower's answer")
        wait_for_events(made)
        made.processes.start_beat()
        yield made


def wait_for_events(stack: Stack) -> None:
    """Send a signal on its way each second until Flower shows one: it answers before it hears of tasks."""
    for _ in range(20):
        stack.enqueue(stored(stack, 1))
        with suppress(AssertionError):
            until(lambda: ask(stack, "/api/tasks"), deadline_s=1)
            return
    pytest.fail("Flower hears of no task")


def ask(stack: Stack, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return what Flower answers; nothing while it does not."""
    request = urllib.request.Request(
        stack.web_url + path,
        None if body is None else json.dumps(body).encode(),
        {"Authorization": f"Basic {CREDENTIALS}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            document: dict[str, Any] = json.load(answer)
            return document
    except OSError:
        return {}


def find(stack: Stack, **wanted: str) -> list[Task]:
    """Return the tasks that Flower's search finds."""
    return list(ask(stack, f"/api/tasks?{urlencode(wanted)}").values())


def ended(stack: Stack, task_id: str) -> Task:
    """Return a task once Flower shows that it has ended."""
    ends = {"SUCCESS", "FAILURE", "RETRY"}

    def task() -> Task | None:
        shown = ask(stack, f"/api/task/info/{task_id}")
        return shown if shown.get("state") in ends else None

    return until(task, what="the end of the task in Flower") or {}


def retry(stack: Stack, signal_id: UUID) -> Task:
    """Send the first stage of a signal again from Flower, under a lock that is long over."""
    arguments = {"signal_ids": [str(signal_id)], "lock": str(uuid4())}
    return ended(stack, ask(stack, f"/api/task/async-apply/{SNAPSHOT}", {"kwargs": arguments})["task-id"])


def stored(stack: Stack, count: int) -> list[UUID]:
    return [
        store_signal(stack.database, strategy=uuid4().hex, received_at=THIS_HOUR, timestamp=THIS_HOUR)
        for _ in range(count)
    ]


def fail_at(stack: Stack, stage: str, signal_id: UUID) -> Path:
    """Make a stage fail for one signal, with nothing of it stored."""
    failpoint = Path(stack.processes.extra["FAILPOINT_DIR"]) / f"{stage}.before_commit"
    failpoint.write_text(f"raise {signal_id}")
    return failpoint


def failed_tasks(stack: Stack, signal_id: UUID, state: str) -> list[Task]:
    return [task for task in find(stack, search=str(signal_id)) if task["state"] == state]


def test_a_signal_that_fails_in_a_batch_is_a_retry_with_its_id_and_error_and_the_others_go_on(stack: Stack) -> None:
    ids = stored(stack, 40)
    bad, others = ids[39], ids[:39]
    failpoint = fail_at(stack, "assign_variant", bad)

    stack.enqueue(ids)
    stack.wait_done(others)
    failpoint.unlink()

    (task,) = until(lambda: failed_tasks(stack, bad, "RETRY"), what="the failed stage in Flower")
    assert task["name"] == "stages.assign_variant"
    assert f"{bad} (retried): " in task["exception"]
    assert not any(str(other) in task["exception"] for other in others)
    assert [attempt["attempts"] for attempt in stack.unfinished([bad])] == [1]


def test_every_id_of_a_large_batch_is_found_and_results_are_short_counts(stack: Stack) -> None:
    ids = stored(stack, 64)

    stack.enqueue(ids)
    stack.wait_done(ids)

    def find_ended() -> list[Task]:
        return [task for task in find(stack, search=str(ids[63])) if task["state"] == "SUCCESS"]

    tasks = until(lambda: len(found := find_ended()) == 5 and found, what="five tasks that succeeded")
    assert isinstance(tasks, list)
    assert {task["result"] for task in tasks} == {"'64 of 64'"}
    assert all(task["kwargs"].count(str(signal_id)) == 1 for task in tasks for signal_id in ids)


def test_the_last_attempt_is_a_failure_and_a_retry_of_the_dead_signal_names_the_command(stack: Stack) -> None:
    (signal_id,) = stored(stack, 1)
    failpoint = fail_at(stack, "resolve_policy", signal_id)
    stack.rows("UPDATE signals SET attempts = 4 WHERE signal_id = %(id)s RETURNING 1", id=signal_id)
    stack.enqueue([signal_id])
    (task,) = until(lambda: failed_tasks(stack, signal_id, "FAILURE"), what="the failed stage in Flower")
    failpoint.unlink()

    refused = retry(stack, signal_id)

    assert f"{signal_id} (given up, " in task["exception"]
    assert refused["state"] == "FAILURE"
    assert "it was given up after 5 attempts" in refused["exception"]
    assert f"orchestrator signals rerun {signal_id} --reason TEXT" in refused["exception"]
    assert [row["status"] for row in stack.unfinished([signal_id])] == ["dead"]


def test_a_retry_of_a_waiting_signal_goes_on_at_its_first_unfinished_stage(stack: Stack) -> None:
    (signal_id,) = stored(stack, 1)
    failpoint = fail_at(stack, "dispatch_engines", signal_id)
    stack.enqueue([signal_id])
    until(lambda: failed_tasks(stack, signal_id, "RETRY"), what="the failed stage in Flower")
    failpoint.unlink()

    task = retry(stack, signal_id)
    stack.wait_done([signal_id])

    chains = stack.rows("SELECT stage, written_by FROM signal_events WHERE signal_id = %(id)s", id=signal_id)
    assert (task["state"], task["result"]) == ("SUCCESS", "'1 sent on'")
    assert len({row["written_by"] for row in chains}) == 2
    assert [
        row["n"]
        for row in stack.rows("SELECT count(*) AS n FROM market_contexts WHERE signal_id = %(id)s", id=signal_id)
    ] == [1]


def test_a_retry_of_a_done_signal_and_of_none_fails_and_says_so(stack: Stack) -> None:
    (signal_id,) = stored(stack, 1)
    stack.enqueue([signal_id])
    stack.wait_done([signal_id])
    before = stack.effects()

    done, unknown = retry(stack, signal_id), retry(stack, UUID(int=7))
    wrong = ask(stack, f"/api/task/async-apply/{SNAPSHOT}", {"kwargs": {"signal_ids": ["everything"]}})

    assert {task["state"] for task in (done, unknown, ended(stack, wrong["task-id"]))} == {"FAILURE"}
    assert f"{signal_id}: it is done" in done["exception"]
    assert "there is no such signal" in unknown["exception"]
    assert "'everything' is not the id of a signal" in ended(stack, wrong["task-id"])["exception"]
    assert stack.effects() == before


def test_tasks_of_beat_that_find_nothing_to_do_are_not_shown(stack: Stack) -> None:
    runs = "SELECT min(ran_at) AS oldest FROM periodic_runs WHERE entry IN ('sync_exits', 'resume_stalled')"
    (signal_id,) = stored(stack, 1)
    aged = (
        "UPDATE signals SET enqueued_at = now() - interval '10 minutes' WHERE signal_id = %(id)s RETURNING now() AS at"
    )
    since = stack.rows(aged, id=signal_id)[0]["at"]

    stack.wait_done([signal_id])
    until(lambda: (stack.rows(runs)[0]["oldest"] or since) > since, what="more runs of periodic tasks")

    swept = until(lambda: find(stack, taskname="sweeps.resume_stalled"), what="the sweep that sent the signal on")
    shown = list(ask(stack, "/api/tasks").values())
    periodic = [task for task in shown if not task["name"].startswith(("stages.", "orders.submit_order"))]
    assert any(task["result"] == "'1 resumed'" for task in swept)
    assert not [task for task in periodic if task["result"] in (None, "None")]


def test_afterwards_every_invariant_holds(stack: Stack) -> None:
    assert stack.asked("verify") == {"ok": True, "violations": []}
