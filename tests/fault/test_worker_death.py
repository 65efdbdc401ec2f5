"""Workers are killed while they hold signals; afterwards nothing is lost and nothing is doubled."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.rows import dict_row

from db import bars
from domain.context import Bar, PriceSide
from domain.ports import Feed
from domain.signal import Instrument, InstrumentKind, Stage
from stack import runfile
from stack.runfile import RunFile
from stack.servers import ServerUrls
from tests.support.local_stack import a_directory, free_port, running_with
from tests.support.pipeline import HOURLY, NOON, add_trend, store_signal
from tests.support.servers.processes import ORCHESTRATOR
from tests.support.servers.stacks import Stack, a_stack, alive, children_of, http_status, kill
from tests.support.waiting import until

REDIS_DB = 12
COUNT = 6
DEADLINE_S = 40.0
STAGES = {
    "snapshot_context": Stage.CONTEXT_CAPTURED,
    "assign_variant": Stage.VARIANT_ASSIGNED,
    "resolve_policy": Stage.POLICY_RESOLVED,
    "dispatch_engines": Stage.DISPATCHED,
    "record_outcome": Stage.OUTCOME_RECORDED,
}


# Two stages are one transaction each; the others commit their claim before they talk to the outside.
HOLDING = {
    "snapshot_context": "snapshot_context.after_commit",
    "assign_variant": "assign_variant.claimed",
    "resolve_policy": "resolve_policy.claimed",
    "dispatch_engines": "dispatch_engines.after_commit",
    "record_outcome": "record_outcome.after_commit",
}


@pytest.fixture(scope="module")
def stack(server_urls: ServerUrls, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give a database and beat; both engines enter long at noon, and an hour later the price falls through any stop."""
    directory = tmp_path_factory.mktemp("death")
    (directory / "failpoints").mkdir()
    environ = {
        "ENGINE_A": "committee",
        "ENGINE_B": "committee",
        "MAX_OPEN_PER_SYMBOL": "10000",
        "FAILPOINTS": "1",
        "FAILPOINT_DIR": str(directory / "failpoints"),
    }
    with a_stack(server_urls, template_database, directory, redis_db=REDIS_DB, **environ) as made:
        add_trend(made.database)
        add_crash(made)
        made.rows(
            "INSERT INTO sources (name, book, token_hash, token_encrypted, pyramiding)"
            " VALUES ('tests', 'paper', 'x', '', 1000)"
            " RETURNING 1"
        )
        made.processes.start_beat()
        yield made


def add_crash(stack: Stack) -> None:
    """Store the bar after noon, which falls to a third."""
    instrument = Instrument(symbol="BTCUSDT", exchange="", kind=InstrumentKind.UNKNOWN)
    feed = Feed(book="paper", instrument=instrument, interval=HOURLY, side=PriceSide.MID)
    fall = Bar(
        open_time=NOON + timedelta(hours=1),
        open=Decimal(38000),
        high=Decimal(38000),
        low=Decimal(12000),
        close=Decimal(12500),
        volume=None,
    )
    with stack.database.transaction() as session:
        bars.add(session, feed, [fall])


def expected(count: int) -> dict[str, int]:
    """Return what `count` entries leave: two model trades and a real one each, all stopped out on every clock."""
    return {
        "signals": count,
        "contexts": count,
        "experiments": count,
        "policies": count,
        "decisions": 2 * count,
        "trades": 3 * count,
        "orders": 8 * count,
        "fills": 8 * count,
        "outcomes": 5 * count,
        "sent": 2 * count,
    }


def leased(stack: Stack, ids: list[UUID], *, at: Stage) -> int:
    """Return how many of the signals are leased and wait for a stage."""
    query = """
        SELECT count(*) AS count FROM signals WHERE signal_id = ANY(%(ids)s) AND stage = %(stage)s
            AND status = 'open' AND processing_lock IS NOT NULL
    """
    return int(stack.rows(query, ids=ids, stage=at.before.value)[0]["count"])


@pytest.mark.parametrize("name", STAGES)
def test_a_worker_killed_while_it_holds_a_batch_loses_and_doubles_nothing(stack: Stack, name: str) -> None:
    failpoint = Path(stack.processes.extra["FAILPOINT_DIR"]) / HOLDING[name]
    before = stack.effects()["signals"]
    failpoint.write_text("pause")
    stack.processes.start_worker()
    ids = [store_signal(stack.database, strategy=f"{name}{number}") for number in range(COUNT)]
    stack.enqueue(ids)
    until(failpoint.with_name(f"{failpoint.name}.reached").exists, deadline_s=DEADLINE_S, what=f"a batch at {name}")

    held = leased(stack, ids, at=STAGES[name])
    stack.processes.kill("worker")
    failpoint.unlink()
    left = len(stack.unfinished(ids))
    stack.processes.start_worker()
    stack.wait_done(ids, deadline_s=DEADLINE_S)
    until(lambda: not open_trades(stack), deadline_s=DEADLINE_S, what="the exits")
    stack.processes.kill("worker")

    assert (held, left) == (COUNT, COUNT)
    assert stack.effects() == expected(before + COUNT)
    assert stack.asked("verify") == {"ok": True, "violations": []}


def open_trades(stack: Stack) -> list[dict[str, Any]]:
    return stack.rows("SELECT trade_id FROM trades WHERE status IN ('open', 'pending')")


def test_the_signals_had_their_lost_workers_counted(stack: Stack) -> None:
    found = stack.rows("SELECT DISTINCT status, attempts FROM signals ORDER BY attempts")

    assert {one["status"] for one in found} == {"done"}
    assert max(one["attempts"] for one in found) >= 1
    assert stack.rows("SELECT FROM task_failures") == []


def test_a_worker_whose_child_never_answers_ends_all_the_same_when_it_is_told_to(stack: Stack) -> None:
    stack.processes.start_worker()
    worker = stack.processes.running["worker"]
    family = [worker.pid, *children_of(worker.pid)]
    for child in family[1:]:
        os.kill(child, signal.SIGSTOP)

    worker.send_signal(signal.SIGTERM)

    until(lambda: worker.poll() is not None, deadline_s=DEADLINE_S, what="the end of the worker")
    until(lambda: not alive(family), deadline_s=DEADLINE_S, what="the end of its children")


@contextmanager
def an_up(root: Path) -> Iterator[tuple[subprocess.Popen[bytes], RunFile]]:
    """Run `orchestrator up` on servers of its own; it is killed at the end when it still runs."""
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_URL")}
    environ = {**kept, "DATA_DIR": str(root), "LEASE_S": "3", "SIGNAL_POLL_INTERVAL_MS": "200"}
    command = (ORCHESTRATOR, "up", "--port", str(free_port()), "--flower-port", str(free_port()))
    with (root / "up.log").open("ab") as log, subprocess.Popen(command, env=environ, stderr=log, stdout=log) as process:
        try:
            until(lambda: runfile.read_run_file(root / "main"), deadline_s=90, what="the stack")
            run = runfile.read_run_file(root / "main")
            assert run is not None
            yield process, run
        finally:
            process.kill()


def rows(run: RunFile, query: str) -> list[dict[str, Any]]:
    with psycopg.connect(run.database_url, row_factory=dict_row) as connection:
        return connection.execute(query).fetchall()


def post(url: str) -> str:
    body = {"symbol": "BTCUSDT", "action": "buy", "price": "38000", "interval": "60", "id": uuid4().hex}
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=5) as answer:
        document = json.load(answer)
    assert document["status"] == "accepted"
    return str(document["signal_id"])


def is_done(run: RunFile, signal_id: str) -> bool:
    (row,) = rows(run, f"SELECT status FROM signals WHERE signal_id = '{signal_id}'")
    return bool(row["status"] == "done")


def webhook_of(root: Path) -> str:
    """Return the URL that `up` prints for its first source, nothing while it has not."""
    lines = (root / "up.log").read_text().splitlines()
    return next((line.split()[1] for line in lines if line.startswith("webhook")), "")


def test_under_up_a_killed_worker_is_replaced_and_a_stop_leaves_nothing_but_the_data() -> None:
    with a_directory() as root:
        with an_up(root) as (process, run):
            webhook = until(lambda: webhook_of(root), what="the URL of the first source")
            first = run.processes["worker"]

            kill(until(lambda: children_of(first), what="the worker's child")[0])
            after_child = post(webhook)
            until(lambda: is_done(run, after_child), deadline_s=40, what="the alert after its child was killed")
            kill(first)
            after_parent = post(webhook)
            until(lambda: is_done(run, after_parent), deadline_s=40, what="the alert after the worker was killed")
            second = until(lambda: now(root).processes.get("worker"), what="another worker in run.json")
            family = [process.pid, *children_of(process.pid)]
            process.send_signal(signal.SIGINT)
            code = process.wait(60)

        assert second != first
        assert (code, alive(family), running_with(str(root))) == (0, [], [])
        assert http_status(run.web_url + "/healthz") is None

        (root / "up.log").unlink()
        with an_up(root) as (process, run):
            until(lambda: webhook_of(root), what="the URL again")
            kept = {str(row["signal_id"]) for row in rows(run, "SELECT signal_id FROM signals WHERE status = 'done'")}
            family = [process.pid, *children_of(process.pid)]
            process.send_signal(signal.SIGINT)
            code = process.wait(60)

        assert kept == {after_child, after_parent}
        assert (code, alive(family)) == (0, [])


def now(root: Path) -> RunFile:
    """Return the stack as run.json describes it at this moment."""
    run = runfile.read_run_file(root / "main")
    assert run is not None
    return run
