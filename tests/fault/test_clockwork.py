"""Beat goes on whatever the clocks do, is replaced when it hangs, and Flower's end is nobody else's."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import psycopg
import pytest
from redis import Redis

from bench.chaos import shifted_clock
from stack.servers import ServerUrls
from stack.stack import RunningStack
from tasks import beat_scheduler, queues, schedule
from tests.support.servers.stacks import Stack, a_stack, alive, children_of
from tests.support.servers.supervised import PROCFILE, a_supervised_stack
from tests.support.waiting import until

REDIS_DB = 13
DAY_S = 86_400
BACK_WITHIN_S = 5.0
SILENT_S = 8.0
# Longer between two runs than a test lasts, and sent when beat starts.
RARE = {"check_positions", "expire_quarantine", "send_heartbeat", "watch_problems", "watch_sources"}


@pytest.fixture
def stack(server_urls: ServerUrls, template_database: str, tmp_path: Path) -> Iterator[Stack]:
    """Give a prepared database and a Redis without processes."""
    with a_stack(server_urls, template_database, tmp_path, redis_db=REDIS_DB, CANARY_EVERY_S="1") as made:
        yield made


def start_shifted_beat(stack: Stack, off: str) -> None:
    stack.processes.start("beat", "run", "beat", program=shifted_clock.build_command(off))


def latest_runs(stack: Stack) -> dict[str, datetime]:
    """Return when each entry of the schedule last ran, in a worker and by the database's clock."""
    found = stack.rows("SELECT entry, ran_at FROM periodic_runs WHERE ran_at IS NOT NULL")
    return {row["entry"]: row["ran_at"] for row in found}


def database_now(stack: Stack) -> datetime:
    now = stack.rows("SELECT clock_timestamp() AS now")[0]["now"]
    assert isinstance(now, datetime)
    return now


def wait_for_every_entry(stack: Stack, *, since: datetime, without: set[str], within_s: float = BACK_WITHIN_S) -> None:
    """Return when every entry ran after a moment; fail when one did not in time."""
    entries = schedule.list_intervals(stack.settings).keys() - without

    def ran() -> bool:
        runs = latest_runs(stack)
        return all(entry in runs and runs[entry] > since for entry in entries)

    until(ran, deadline_s=within_s, what=f"a run of each of {sorted(entries)}")


@pytest.mark.parametrize("off_s", [DAY_S, -DAY_S])
def test_after_a_beat_with_a_clock_a_day_off_the_next_one_sends_every_entry_at_once(stack: Stack, off_s: int) -> None:
    stack.processes.start_worker(concurrency=2)
    started = database_now(stack)
    start_shifted_beat(stack, str(off_s))
    until(lambda: latest_runs(stack).keys() == schedule.list_intervals(stack.settings).keys(), what="every entry")
    stack.processes.stop("beat")

    stopped = database_now(stack)
    stack.processes.start_beat()
    until(lambda: "beat: Starting" in stack.processes.said("beat") or latest_runs(stack), what="beat")
    until(lambda: min(latest_runs(stack).values()) > stopped, deadline_s=20, what="every entry, sent by the next beat")

    assert started < stopped


@pytest.mark.parametrize("step_s", [DAY_S, -DAY_S])
def test_every_entry_runs_again_within_five_seconds_of_a_clock_step_of_a_day(
    stack: Stack, tmp_path: Path, step_s: int
) -> None:
    clock = tmp_path / "clock"
    clock.write_text("0")
    stack.processes.start_worker(concurrency=2)
    start_shifted_beat(stack, str(clock))
    until(lambda: latest_runs(stack).keys() == schedule.list_intervals(stack.settings).keys(), what="every entry")

    clock.write_text(str(step_s))

    wait_for_every_entry(stack, since=database_now(stack), without={*RARE, "tell_incidents"})


def test_messages_that_no_worker_takes_do_not_pile_up(stack: Stack) -> None:
    with Redis.from_url(stack.processes.redis_url) as client:
        client.lpush(queues.EXITS, *["waiting"] * (beat_scheduler.MOST_WAITING + 1))

        stack.processes.start_beat()
        until(lambda: client.llen(queues.MAINTENANCE) >= 10, what="messages in another queue")

        assert client.llen(queues.EXITS) == beat_scheduler.MOST_WAITING + 1
    assert "beat.queue_full" in stack.processes.said("beat")


def test_a_workers_child_that_has_grown_too_large_is_replaced_and_the_work_goes_on(stack: Stack) -> None:
    stack.processes.extra["PROCESS_MEMORY_MB"] = "64"
    stack.processes.start_worker()
    first = set(children_of(stack.processes.running["worker"].pid))
    stack.processes.start_beat()
    until(lambda: not alive(sorted(first)), what="the end of the first child")

    wait_for_every_entry(stack, since=database_now(stack), without=RARE | {"tell_incidents"}, within_s=60)


def read(stack: RunningStack, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(stack.settings.database_url or "") as connection:
        return connection.execute(query).fetchall()


def test_a_hung_beat_is_replaced_in_time_with_an_incident_that_ends_by_itself(
    server_urls: ServerUrls, template_database: str
) -> None:
    kinds = "SELECT kind, closed_at IS NULL FROM incidents"
    unrun = "SELECT entry FROM periodic_runs WHERE ran_at IS NULL"
    with a_supervised_stack(server_urls, template_database, redis_db=REDIS_DB) as running:
        until(lambda: not read(running, unrun), deadline_s=60, what="a run of every entry")
        # The watchdog lets everything start before it acts.
        time.sleep(SILENT_S + 2)
        before = running.supervisor.pids()
        began = time.monotonic()

        os.kill(before["beat"], signal.SIGSTOP)
        until(lambda: running.supervisor.pids().get("beat", before["beat"]) != before["beat"], what="another beat")
        took_s = time.monotonic() - began
        until(lambda: read(running, kinds) == [("beat_late", False)], deadline_s=40, what="the end of the incident")
        after = running.supervisor.pids()

    assert took_s < SILENT_S
    assert {name: after[name] for name in ("worker", "exits")} == {name: before[name] for name in ("worker", "exits")}


def test_flowers_port_taken_costs_flower_and_nothing_else(server_urls: ServerUrls, template_database: str) -> None:
    opened = "SELECT detail->>'last_lines' FROM incidents WHERE kind = 'flower_down' AND closed_at IS NULL"
    swept = "SELECT FROM periodic_runs WHERE entry = 'sync_exits' AND ran_at > clock_timestamp() - interval '3 s'"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        processes = PROCFILE + "flower: orchestrator run flower\n"
        with a_supervised_stack(
            server_urls, template_database, redis_db=REDIS_DB, processes=processes, flower_port=port
        ) as running:
            until(lambda: read(running, opened), deadline_s=90, what="the incident about Flower")
            until(lambda: read(running, swept), deadline_s=30, what="exits that are still walked")

            assert running.supervisor.failure is None
            assert running.supervisor.pids().keys() >= {"worker", "exits", "beat"}
            assert "Address already in use" in str(read(running, opened))
