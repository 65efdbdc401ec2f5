"""Two beats, a beat that was away, sweeps at the same time, a worker whose clock is wrong (F38, F39), steps of clocks
(F46, F47), nights in which clocks are changed (F48), and a backlog (F49).
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from celery import current_app
from redis import Redis

from bench.chaos import shifted_clock
from stack.servers import ServerUrls
from tasks import queues
from tests.fault import stuck_beat
from tests.support.pipeline import add_trend, store_signal
from tests.support.servers.alert_sender import THIS_HOUR, effects_of, settled
from tests.support.servers.stacks import Stack, a_stack
from tests.support.waiting import until

REDIS_DB = 5
BEAT_ENDS_WITHIN_S = 10.0
DAY_S = 86_400
BACKLOG = 200
WORKER = ("run", "worker", "--queues", "pipeline,maintenance,orders,exits", "--concurrency", "1")


@pytest.fixture(scope="module")
def stack(server_urls: ServerUrls, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give a prepared database without processes; both engines like the trend."""
    directory = tmp_path_factory.mktemp("beat")
    (directory / "failpoints").mkdir()
    environ = {
        "ENGINE_A": "committee",
        "ENGINE_B": "committee",
        "MAX_OPEN_PER_SYMBOL": "10000",
        "FAILPOINTS": "1",
        "FAILPOINT_DIR": str(directory / "failpoints"),
    }
    with a_stack(server_urls, template_database, directory, redis_db=REDIS_DB, **environ) as made:
        add_trend(made.database, until=THIS_HOUR)
        made.rows(
            "INSERT INTO sources (name, book, token_hash, token_encrypted, pyramiding)"
            " VALUES ('tests', 'paper', 'x', '', 1000)"
            " RETURNING 1"
        )
        yield made


@pytest.fixture(autouse=True)
def _ended(stack: Stack) -> Iterator[None]:
    """End what a test has started."""
    yield
    for name in list(stack.processes.running):
        stack.processes.kill(name)


def stored(stack: Stack, count: int) -> list[UUID]:
    return [
        store_signal(stack.database, strategy=f"s{number}", received_at=THIS_HOUR, timestamp=THIS_HOUR)
        for number in range(count)
    ]


def forgotten(stack: Stack, count: int) -> list[UUID]:
    """Store signals that were accepted ten minutes ago and never sent on."""
    ids = stored(stack, count)
    aged = "UPDATE signals SET enqueued_at = now() - interval '10 minutes' WHERE signal_id = ANY(%(ids)s) RETURNING 1"
    stack.rows(aged, ids=ids)
    return ids


def start_beat(stack: Stack, name: str) -> None:
    """Start a beat that keeps its schedule in a directory of its own, as one on another machine does."""
    stack.processes.start(name, "run", "beat", DATA_DIR=str(stack.processes.directory / name))


def start_worker(stack: Stack, *, off_s: int) -> None:
    """Start a worker whose clock is wrong."""
    stack.processes.start_worker(concurrency=2, program=shifted_clock.build_command(str(off_s)))


def test_f38_two_beats_send_no_signal_on_twice(stack: Stack) -> None:
    stack.processes.start_worker(concurrency=2)
    start_beat(stack, "beat")
    start_beat(stack, "other-beat")

    settled(stack, forgotten(stack, 50))


def test_f38_after_ten_minutes_without_beat_all_that_waited_is_sent_on(stack: Stack) -> None:
    stack.processes.start_worker(concurrency=2)
    ids = forgotten(stack, 50)

    start_beat(stack, "beat")

    settled(stack, ids)


def test_a_beat_that_stands_still_when_it_is_told_to_end_ends_all_the_same(stack: Stack) -> None:
    stack.forget_messages()
    stack.processes.start("stuck", "run", "beat", program=(sys.executable, stuck_beat.__file__))
    with Redis.from_url(stack.processes.redis_url) as client:
        until(lambda: client.llen(queues.MAINTENANCE), what="a task sent by beat")
    begun = time.monotonic()

    code = stack.processes.stop("stuck")

    assert code == 0
    assert time.monotonic() - begun < BEAT_ENDS_WITHIN_S
    assert "beat.did_not_end" in stack.processes.said("stuck")


def test_f38_five_sweeps_at_once_send_each_signal_on_once(stack: Stack) -> None:
    ids = forgotten(stack, 50)
    stack.enqueue([])
    for _ in range(5):
        current_app.send_task("sweeps.resume_stalled")

    stack.processes.start_worker(concurrency=5)

    settled(stack, ids)
    assert stack.rows("SELECT FROM signals WHERE signal_id = ANY(%(ids)s) AND attempts > 0", ids=ids) == []


@pytest.mark.parametrize("off_s", [600, -600])
def test_f39_a_worker_whose_clock_is_ten_minutes_off_sweeps_and_works_like_any_other(stack: Stack, off_s: int) -> None:
    ids = forgotten(stack, 5)
    start_worker(stack, off_s=off_s)

    start_beat(stack, "beat")

    settled(stack, ids)


@pytest.mark.parametrize("off_s", [600, -600])
def test_f39_a_lease_lasts_as_long_as_the_database_says_whatever_the_workers_clock(stack: Stack, off_s: int) -> None:
    failpoint = Path(stack.processes.extra["FAILPOINT_DIR"]) / "snapshot_context.after_commit"
    failpoint.write_text("pause")
    start_worker(stack, off_s=off_s)
    ids = forgotten(stack, 5)
    stack.enqueue(ids)
    until(failpoint.with_name(f"{failpoint.name}.reached").exists, what="a batch at snapshot_context")

    left = stack.rows(
        "SELECT lock_expires_at - clock_timestamp() AS left FROM signals WHERE signal_id = ANY(%(ids)s)"
        " AND processing_lock IS NOT NULL",
        ids=ids,
    )
    failpoint.unlink()
    failpoint.with_name(f"{failpoint.name}.reached").unlink()
    start_beat(stack, "beat")

    assert len(left) == len(ids)
    assert all(-3 < one["left"].total_seconds() <= 3 for one in left)
    settled(stack, ids)


def test_f46_a_worker_whose_clock_steps_by_a_day_and_back_while_it_works_does_each_signal_once(
    stack: Stack, tmp_path: Path
) -> None:
    clock, ids = tmp_path / "clock", list[UUID]()
    clock.write_text("0")
    stack.processes.start_worker(concurrency=2, program=shifted_clock.build_command(str(clock)))
    start_beat(stack, "beat")

    for step_s in (DAY_S, 0, -DAY_S, 0):
        shifted_clock.set_shift(clock, step_s)
        ids += stored(stack, 5)
        stack.enqueue(ids[-5:])
        stack.wait_done(ids[-5:])

    assert effects_of(stack, ids)["decisions"] == 2 * len(ids)
    assert stack.rows("SELECT FROM signals WHERE attempts > 0 AND signal_id = ANY(%(ids)s)", ids=ids) == []


# What the database stored before its clock stepped by a day lies a day in the future afterwards, or in the past.
STEPPED = """
    UPDATE signals SET lock_expires_at = lock_expires_at + %(step)s, next_attempt_at = next_attempt_at + %(step)s,
        enqueued_at = enqueued_at + %(step)s
    WHERE signal_id = ANY(%(ids)s) RETURNING 1
"""
LEASED = """
    UPDATE signals SET processing_lock = gen_random_uuid(), locked_by = 'a worker that died',
        lock_expires_at = clock_timestamp() + interval '3 s'
    WHERE signal_id = ANY(%(ids)s) RETURNING 1
"""


@pytest.mark.parametrize("step", [timedelta(days=1), timedelta(days=-1)])
def test_f47_after_a_step_of_the_databases_clock_what_waits_goes_on_at_once(stack: Stack, step: timedelta) -> None:
    lost_message, failed, leased = (stored(stack, 2) for _ in range(3))
    stack.rows(LEASED, ids=leased)
    stack.rows("UPDATE signals SET attempts = 1 WHERE signal_id = ANY(%(ids)s) RETURNING 1", ids=failed)
    ids = lost_message + failed + leased
    stack.rows(STEPPED, ids=ids, step=step)

    stack.processes.start_worker(concurrency=2)
    start_beat(stack, "beat")

    settled(stack, ids)


# Five seconds before clocks in New York go forward, and before they go back and show an hour for the second time.
NIGHTS = [datetime(2027, 3, 14, 6, 59, 55, tzinfo=UTC), datetime(2026, 11, 1, 5, 59, 55, tzinfo=UTC)]


@pytest.mark.parametrize("night", NIGHTS)
def test_f48_in_the_nights_in_which_clocks_are_changed_beat_and_worker_go_on(stack: Stack, night: datetime) -> None:
    off_s = str(int((night - datetime.now(UTC)).total_seconds()))
    for name, arguments in (("worker", WORKER), ("beat", ("run", "beat"))):
        program = shifted_clock.build_command(off_s)
        stack.processes.start(name, *arguments, program=program, TZ="America/New_York")
    first = stored(stack, 3)
    stack.enqueue(first)
    stack.wait_done(first)
    time.sleep(max(0.0, (night + timedelta(seconds=6) - datetime.now(UTC)).total_seconds() - int(off_s)))

    second = stored(stack, 3)
    stack.enqueue(second)
    stack.wait_done(second)

    runs = "SELECT max(clock_timestamp() - ran_at) AS ago FROM periodic_runs WHERE entry = 'resume_stalled'"
    assert effects_of(stack, first + second)["decisions"] == 12
    assert stack.rows(runs)[0]["ago"] < timedelta(seconds=5)


def test_f49_a_backlog_that_no_message_announces_is_worked_off_once(stack: Stack) -> None:
    ids = forgotten(stack, BACKLOG)

    stack.processes.start_worker(concurrency=2)
    start_beat(stack, "beat")
    stack.wait_done(ids, deadline_s=120)

    assert effects_of(stack, ids)["decisions"] == 2 * BACKLOG
    assert stack.rows("SELECT FROM signals WHERE attempts > 0 AND signal_id = ANY(%(ids)s)", ids=ids) == []


def test_afterwards_every_invariant_holds(stack: Stack) -> None:
    assert stack.asked("verify") == {"ok": True, "violations": []}
