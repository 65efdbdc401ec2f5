"""Alerts through real processes: web, worker, beat and Flower, with messages lost, doubled and late."""

from __future__ import annotations

import base64
import json
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from stack.servers import ServerUrls
from tasks.parts import Parts, make_parts
from tasks.sweeps import resume_due_signals
from tests.support.pipeline import add_trend, store_signal
from tests.support.servers.processes import free_port
from tests.support.servers.stacks import Stack, a_stack
from tests.support.waiting import until

REDIS_DB = 11
STAGES = [
    "stages.snapshot_context",
    "stages.assign_variant",
    "stages.resolve_policy",
    "stages.dispatch_engines",
    "stages.record_outcome",
]
THIS_HOUR = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)


@pytest.fixture(scope="module")
def stack(server_urls: ServerUrls, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give web, a worker and beat on a prepared database; both engines are the same and like the trend."""
    directory = tmp_path_factory.mktemp("workers")
    environ = {
        "ENGINE_A": "committee",
        "ENGINE_B": "committee",
        "MAX_OPEN_PER_SYMBOL": "10000",
        "FAILPOINTS": "1",
        "FAILPOINT_DIR": str(directory / "failpoints"),
    }
    (directory / "failpoints").mkdir()
    with a_stack(server_urls, template_database, directory, redis_db=REDIS_DB, **environ) as made:
        add_trend(made.database, until=THIS_HOUR)
        with made.database.transaction() as session:
            session.connection().exec_driver_sql(
                "INSERT INTO sources (name, book, token_hash, token_encrypted, pyramiding)"
                " VALUES ('tests', 'paper', 'x', '', 1000)"
            )
        made.processes.start_worker()
        made.processes.start_beat()
        made.start_web()
        yield made


@pytest.fixture(scope="module")
def webhook(stack: Stack) -> str:
    """Give the URL of a source."""
    source = stack.asked("sources", "add", "desk")
    return f"{stack.web_url}/webhook/{source['token']}"


@pytest.fixture
def idle(stack: Stack) -> Iterator[Stack]:
    """Give the stack without a worker; there is one again afterwards."""
    if "worker" in stack.processes.running:
        stack.processes.kill("worker")
    yield stack
    if "worker" not in stack.processes.running:
        stack.processes.start_worker()


@pytest.fixture
def parts(stack: Stack) -> Iterator[Parts]:
    """Give the parts of a worker in this process."""
    made = make_parts(stack.settings)
    yield made
    made.database.dispose()


def an_alert(**changes: Any) -> dict[str, Any]:
    return {
        "symbol": "BTCUSDT",
        "action": "buy",
        "price": "38000",
        "interval": "60",
        "id": uuid4().hex,
        "strategy": uuid4().hex,
    } | changes


def stored(stack: Stack, count: int) -> list[UUID]:
    return [
        store_signal(stack.database, strategy=f"s{number}", received_at=THIS_HOUR, timestamp=THIS_HOUR)
        for number in range(count)
    ]


def done_of(stack: Stack, ids: list[UUID]) -> dict[str, int]:
    """Return how many rows of each kind these signals have."""
    query = """
        SELECT (SELECT count(*) FROM market_contexts WHERE signal_id = ANY(%(ids)s)) AS contexts,
            (SELECT count(*) FROM experiments WHERE signal_id = ANY(%(ids)s)) AS experiments,
            (SELECT count(*) FROM decisions JOIN mine USING (experiment_id)) AS decisions,
            (SELECT count(*) FROM trades JOIN mine USING (experiment_id)) AS trades,
            (SELECT count(*) FROM fills JOIN trades USING (trade_id) JOIN mine USING (experiment_id)
             WHERE intent = 'entry') AS entry_fills
    """
    with_mine = "WITH mine AS (SELECT experiment_id FROM experiments WHERE signal_id = ANY(%(ids)s))" + query
    return stack.rows(with_mine, ids=ids)[0]


def once_each(count: int) -> dict[str, int]:
    """Return what `count` entries that both engines take leave behind: two model trades and a real one each."""
    return {
        "contexts": count,
        "experiments": count,
        "decisions": 2 * count,
        "trades": 3 * count,
        "entry_fills": 3 * count,
    }


@pytest.mark.property_id(20, 25)
def test_a_posted_alert_is_processed_end_to_end(stack: Stack, webhook: str) -> None:
    signal_id = stack.post(webhook, an_alert())

    stack.wait_done([signal_id])

    told = stack.asked("signals", "show", str(signal_id))
    assert (told["signal"]["status"], told["signal"]["processed"]) == ("done", True)
    assert [one["action"] for one in told["decisions"]] == ["ENTER", "ENTER"]
    assert {one["context_hash"] for one in told["decisions"]} == {told["context"]["context_hash"]}
    assert sorted((one["engine"], one["is_shadow"]) for one in told["trades"]) == [
        ("A", False),
        ("A", True),
        ("B", True),
    ]
    assert done_of(stack, [signal_id]) == once_each(1)


def test_what_is_told_of_a_signal_says_how_it_was_read_and_when_it_reached_each_stage(
    stack: Stack, webhook: str
) -> None:
    signal_id = stack.post(webhook, an_alert())
    stack.wait_done([signal_id])

    said = stack.run("signals", "show", str(signal_id)).stdout

    read, stages = (next(line for line in said.splitlines() if line.startswith(word)) for word in ("read", "stages"))
    assert "symbol from" in read
    assert "action from" in read
    times = [one.rpartition(" ")[2] for one in stages.split(", ")]
    assert "outcome recorded" in stages
    assert times == sorted(times)


def test_flower_shows_the_five_tasks_of_a_batch_under_one_root(stack: Stack, webhook: str) -> None:
    port = free_port()
    stack.processes.extra["FLOWER_BASIC_AUTH"] = "admin:a password for tests"
    stack.processes.start("flower", "run", "flower", "--port", str(port))
    url = f"http://127.0.0.1:{port}/api/tasks"
    until(lambda: flower(f"{url}?limit=1") is not None, deadline_s=60, what="Flower's answer")
    wait_for_events(stack, webhook, url)

    def chain() -> list[dict[str, Any]]:
        seen = [one for one in (flower(url) or {}).values() if one["name"] in STAGES]
        roots = {one["root_id"] for one in seen if str(signal_id) in (one["kwargs"] or "")}
        mine = [one for one in seen if one["root_id"] in roots]
        return mine if len(mine) == len(STAGES) and all(one["state"] == "SUCCESS" for one in mine) else []

    signal_id = stack.post(webhook, an_alert())
    tasks = until(chain, deadline_s=20, what="five tasks under one root")
    stack.processes.kill("flower")

    assert sorted(one["name"] for one in tasks) == sorted(STAGES)
    assert len({one["root_id"] for one in tasks}) == 1
    assert all(str(signal_id) in one["kwargs"] for one in tasks)


@pytest.mark.property_id(32)
def test_a_policy_change_holds_for_the_next_signal_without_a_restart(stack: Stack, webhook: str) -> None:
    before = stack.post(webhook, an_alert())
    stack.wait_done([before])

    changed = stack.run(
        "policy", "set", "--book", "paper", "--mode", "SHADOW_ONLY", "--reason", "a test", "--label", "quiet"
    )
    after = stack.post(webhook, an_alert())
    stack.wait_done([after])
    back = stack.run("policy", "set", "--book", "paper", "--mode", "ENGINE_A_PRIMARY", "--reason", "the test is over")

    query = """
        SELECT execution_policies.execution_mode, execution_policies.policy_version FROM execution_policies
        JOIN experiments USING (experiment_id) WHERE signal_id = %(id)s
    """
    assert (changed.returncode, back.returncode) == (0, 0), changed.stderr + back.stderr
    assert stack.rows(query, id=before) == [{"execution_mode": "ENGINE_A_PRIMARY", "policy_version": "v1"}]
    assert stack.rows(query, id=after) == [{"execution_mode": "SHADOW_ONLY", "policy_version": "quiet"}]
    assert done_of(stack, [after])["trades"] == 2


def test_a_dead_signal_is_finished_by_a_rerun_and_a_done_one_is_refused(stack: Stack, webhook: str) -> None:
    poison = Path(stack.processes.extra["FAILPOINT_DIR"]) / "dispatch_engines.after_commit"
    bystander = stack.post(webhook, an_alert())
    stack.wait_done([bystander])
    signal_id = uuid4()
    poison.write_text(f"raise {signal_id}")
    store_signal(stack.database, signal_id=signal_id, received_at=THIS_HOUR, timestamp=THIS_HOUR)
    stack.enqueue([signal_id])
    until(lambda: [one["status"] for one in stack.unfinished([signal_id])] == ["dead"], what="the dead letter")
    poison.unlink()

    first = stack.run("signals", "rerun", str(signal_id), "--reason", "the cause is gone")
    stack.wait_done([signal_id])
    again = stack.run("signals", "rerun", str(signal_id), "--reason", "again")
    unknown = stack.run("signals", "rerun", str(bystander), str(UUID(int=7)), "--reason", "again")

    letters = stack.rows("SELECT attempt, dead FROM task_failures WHERE signal_id = %(id)s ORDER BY 1", id=signal_id)
    assert (first.returncode, first.stdout) == (0, "due again: 1\n"), first.stderr
    assert "signals.rerun" in first.stderr
    assert (again.returncode, unknown.returncode) == (1, 1)
    assert f"nothing was rerun; {signal_id}: it is done" in again.stderr
    assert [one["dead"] for one in letters] == [False] * 4 + [True]
    assert done_of(stack, [signal_id]) == once_each(1)


def test_a_sweep_sends_nothing_twice_that_waits_in_the_queue_and_all_of_it_once_the_queue_is_lost(
    idle: Stack, parts: Parts
) -> None:
    if "beat" in idle.processes.running:
        idle.processes.kill("beat")
    ids = stored(idle, 20)
    idle.enqueue(ids)
    earlier = "enqueued_at = now() - interval '2 seconds', next_attempt_at = now() - interval '1 hour'"
    idle.rows(f"UPDATE signals SET {earlier} WHERE signal_id = ANY(%(ids)s) RETURNING 1", ids=ids)

    small_batches = replace(parts, settings=replace(parts.settings, max_signals_per_batch=7))
    while_it_waits = resume_due_signals(small_batches)
    idle.forget_messages()
    once_it_is_lost = resume_due_signals(small_batches)
    idle.processes.start_worker()
    idle.processes.start_beat()

    idle.wait_done(ids)
    assert (while_it_waits, once_it_is_lost) == (0, 20)


def test_signals_whose_messages_were_lost_are_swept_up_and_all_finish(idle: Stack) -> None:
    ids = stored(idle, 100)
    idle.enqueue(ids)

    idle.forget_messages()
    idle.processes.start_worker()

    idle.wait_done(ids)
    assert done_of(idle, ids) == once_each(100)


def test_messages_that_come_ten_times_have_their_effects_once(idle: Stack) -> None:
    ids = stored(idle, 20)
    for start in range(10):
        idle.enqueue(ids[start:] + ids[:start])

    idle.processes.start_worker(concurrency=2)

    idle.wait_done(ids)
    assert done_of(idle, ids) == once_each(20)


def test_a_chain_of_which_no_signal_goes_on_ends_at_its_first_task(stack: Stack) -> None:
    old, new = stored(stack, 1), stored(stack, 1)
    stack.enqueue(old)
    stack.wait_done(old)
    said_before = len(stack.processes.said("worker"))

    stack.enqueue(old)
    stack.enqueue(new)

    def passed_over() -> set[str]:
        said = stack.processes.said("worker")[said_before:].rpartition("\n")[0].splitlines()
        events = [json.loads(line) for line in said if line[:1] == "{"]
        return {one["stage"] for one in events if one["event"] == "signals.passed_over"}

    until(passed_over, what="a task that finds nothing to do")
    stack.wait_done(new)
    assert passed_over() == {"context_captured"}


def test_five_sweeps_at_once_send_each_signal_on_once(idle: Stack, parts: Parts) -> None:
    if "beat" in idle.processes.running:
        idle.processes.kill("beat")
    ids = stored(idle, 50)
    idle.rows(
        "UPDATE signals SET enqueued_at = now() - interval '1 hour' WHERE signal_id = ANY(%(ids)s) RETURNING 1", ids=ids
    )

    with ThreadPoolExecutor(5) as pool:
        taken = list(pool.map(lambda _: resume_due_signals(parts), range(5)))
    idle.processes.start_worker()
    idle.processes.start_beat()

    idle.wait_done(ids)
    assert sum(taken) == 50
    assert done_of(idle, ids) == once_each(50)


@pytest.mark.usefixtures("webhook")
def test_a_replay_beside_a_running_book_touches_nothing_of_it(stack: Stack, tmp_path: Path) -> None:
    until(lambda: not stack.rows("SELECT FROM signals WHERE status = 'open'"), what="the end of every signal")
    ours = "SELECT * FROM {} WHERE book <> ALL(SELECT book FROM books WHERE kind = 'replay') ORDER BY 1"
    tables = ("signals", "orders", "quotes", "bars", "studies", "policy_versions", "sources")
    before = {table: stack.rows(ours.format(table)) for table in tables}
    begun = datetime(2026, 1, 5, tzinfo=UTC)
    times = [(begun + timedelta(hours=number)).isoformat() for number in range(300)]
    prices = [f"{30000 + 20 * number}" for number in range(301)]
    bars = "\n".join(
        [
            "timestamp,open,high,low,close",
            *(f"{at},{a},{b},{a},{b}" for at, (a, b) in zip(times, pairwise(prices), strict=True)),
        ]
    )
    body = json.dumps({"symbol": "BTCUSDT", "action": "buy", "interval": "60"}).replace('"', '""')
    alerts = "\n".join(
        [
            "Alert ID,Ticker,Name,Description,Time",
            *(f'{number},BTCUSDT,x,"{body}",{times[number]}' for number in (260, 280)),
        ]
    )
    (tmp_path / "bars.csv").write_text(f"{bars}\n")
    (tmp_path / "alerts.csv").write_text(f"{alerts}\n")

    document = stack.asked(
        "replay",
        "--bars",
        f"BTCUSDT={tmp_path / 'bars.csv'}",
        "--alerts",
        str(tmp_path / "alerts.csv"),
        "--data-dir",
        str(stack.processes.directory),
    )

    assert document["replay"]["accepted"] == 2
    assert document["engines"]["A"]["trades"] == 2
    for table, rows in before.items():
        assert {str(row) for row in rows} == {str(row) for row in stack.rows(ours.format(table))}, table


def test_afterwards_every_invariant_holds(stack: Stack) -> None:
    until(lambda: not stack.rows("SELECT FROM signals WHERE status = 'open'"), what="the end of every signal")

    assert stack.asked("verify") == {"ok": True, "violations": []}


def wait_for_events(stack: Stack, webhook: str, url: str) -> None:
    """Post an alert a second until Flower shows one: it answers before it hears of tasks."""
    for _ in range(20):
        stack.post(webhook, an_alert())
        with suppress(AssertionError):
            until(lambda: flower(url), deadline_s=1)
            return
    pytest.fail("Flower hears of no task")


def flower(url: str) -> dict[str, Any] | None:
    """Return what Flower's API says, None while it does not answer."""
    credentials = base64.b64encode(b"admin:a password for tests").decode()
    request = urllib.request.Request(url, headers={"Authorization": f"Basic {credentials}"})
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            document: dict[str, Any] = json.load(answer)
            return document
    except OSError:
        return None
