"""Workers die at every boundary of every stage (rows F11 to F24); each signal goes on at its first unfinished stage."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import psycopg
import pytest

from stack.servers import ServerUrls
from tests.support.pipeline import add_trend, store_signal
from tests.support.servers.stacks import Stack, a_stack, children_of
from tests.support.waiting import until

REDIS_DB = 7
COUNT = 3
LEASE_S = 3
DEADLINE_S = 40.0
STAGES = ("snapshot_context", "assign_variant", "resolve_policy", "dispatch_engines", "record_outcome")
BOUNDARIES = (".claimed", ".before_commit", ".after_commit")
# One commit can be held open from outside: a deferred trigger runs while the process waits for COMMIT to answer.
HOLD_COMMITS = """
    CREATE TABLE held (stage int PRIMARY KEY);
    CREATE FUNCTION hold_commit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        IF EXISTS (SELECT FROM held WHERE stage = NEW.stage) THEN
            PERFORM pg_sleep(1.5);
        END IF;
        RETURN NULL;
    END $$;
    CREATE CONSTRAINT TRIGGER hold_commit AFTER UPDATE OF stage ON signals DEFERRABLE INITIALLY DEFERRED
        FOR EACH ROW EXECUTE FUNCTION hold_commit();
"""


@pytest.fixture(scope="module")
def stack(server_urls: ServerUrls, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give a worker and beat on a prepared database; both engines enter long at noon."""
    directory = tmp_path_factory.mktemp("deaths")
    (directory / "failpoints").mkdir()
    environ = {
        "ENGINE_A": "committee",
        "ENGINE_B": "committee",
        "MAX_OPEN_PER_SYMBOL": "10000",
        "FAILPOINTS": "1",
        "FAILPOINT_DIR": str(directory / "failpoints"),
        "LEASE_S": str(LEASE_S),
    }
    with a_stack(server_urls, template_database, directory, redis_db=REDIS_DB, **environ) as made:
        add_trend(made.database)
        execute(
            made,
            "INSERT INTO sources (name, book, token_hash, token_encrypted, pyramiding)"
            " VALUES ('tests', 'paper', 'x', '', 1000)",
        )
        made.processes.start_worker(concurrency=2)
        made.processes.start_beat()
        yield made


def execute(stack: Stack, statement: str) -> None:
    """Run SQL that returns nothing."""
    with psycopg.connect(stack.processes.database_url, autocommit=True) as connection:
        connection.execute(statement.encode())


def failpoint(stack: Stack, name: str) -> Path:
    return Path(stack.processes.extra["FAILPOINT_DIR"]) / name


def stored(stack: Stack, name: str, *, count: int = COUNT) -> list[UUID]:
    return [store_signal(stack.database, strategy=f"{name} {number}") for number in range(count)]


def once(stack: Stack, ids: list[UUID]) -> bool:
    """Say whether each signal has each of its effects exactly once."""
    query = """
        WITH mine AS (SELECT experiment_id FROM experiments WHERE signal_id = ANY(%(ids)s))
        SELECT (SELECT count(*) FROM market_contexts WHERE signal_id = ANY(%(ids)s)) AS contexts,
            (SELECT count(*) FROM mine) AS experiments,
            (SELECT count(*) FROM execution_policies JOIN mine USING (experiment_id)) AS policies,
            (SELECT count(*) FROM decisions JOIN mine USING (experiment_id)) AS decisions,
            (SELECT count(*) FROM trades JOIN mine USING (experiment_id)) AS trades,
            (SELECT count(*) FROM fills JOIN trades USING (trade_id) JOIN mine USING (experiment_id)) AS fills
    """
    count = len(ids)
    wanted = {
        "contexts": count,
        "experiments": count,
        "policies": count,
        "decisions": 2 * count,
        "trades": 3 * count,
        "fills": 3 * count,
    }
    return stack.rows(query, ids=ids)[0] == wanted


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("boundary", BOUNDARIES)
def test_a_child_that_dies_at_a_boundary_is_made_good_for_within_the_lease_and_ten_seconds(
    stack: Stack, stage: str, boundary: str
) -> None:
    trap = failpoint(stack, stage + boundary)
    trap.write_text("kill")
    ids = stored(stack, stage + boundary)

    stack.enqueue(ids)
    until(lambda: not trap.exists(), what=f"a death at {trap.name}")
    died = time.monotonic()
    stack.wait_done(ids, deadline_s=DEADLINE_S)

    assert time.monotonic() - died < LEASE_S + 10
    assert once(stack, ids)


@pytest.mark.parametrize("stage", range(1, 6), ids=STAGES)
def test_a_child_that_dies_while_it_commits_leaves_the_commit_or_nothing(stack: Stack, stage: int) -> None:
    if not stack.rows("SELECT FROM pg_tables WHERE tablename = 'held'"):
        execute(stack, HOLD_COMMITS)
    execute(stack, f"INSERT INTO held VALUES ({stage})")
    ids = stored(stack, f"in commit {stage}")

    stack.enqueue(ids)
    until(lambda: committing(stack), what="a commit under way")
    execute(stack, "DELETE FROM held")
    kill_children(stack)
    stack.wait_done(ids, deadline_s=DEADLINE_S)

    assert once(stack, ids)


def committing(stack: Stack) -> bool:
    return bool(
        stack.rows(
            "SELECT FROM pg_stat_activity WHERE state = 'active' AND query = 'COMMIT' AND datname = current_database()"
        )
    )


def kill_children(stack: Stack) -> None:
    for child in children_of(stack.processes.running["worker"].pid):
        os.kill(child, signal.SIGKILL)


def test_a_worker_that_sleeps_past_its_lease_writes_nothing_when_it_wakes(stack: Stack) -> None:
    trap = failpoint(stack, "dispatch_engines.after_commit")
    trap.write_text("pause")
    ids = stored(stack, "asleep")
    stack.enqueue(ids)
    reached = trap.with_name(f"{trap.name}.reached")
    until(reached.exists, what="a batch at dispatch_engines")
    group = stack.processes.running["worker"].pid
    os.killpg(group, signal.SIGSTOP)

    trap.unlink()
    stack.processes.start_worker("second")
    stack.wait_done(ids, deadline_s=DEADLINE_S)
    os.killpg(group, signal.SIGCONT)
    until(lambda: stopped(stack), what="the refused write, or the end of the task that slept too long")
    stack.processes.kill("second")

    assert once(stack, ids)


def stopped(stack: Stack) -> bool:
    said = stack.processes.said("worker")
    return "signals.fenced_out" in said or "Hard time limit" in said or "TimeLimitExceeded" in said


def test_a_poison_task_dies_alone_and_ends_as_a_dead_letter(stack: Stack) -> None:
    ids = stored(stack, "poison")
    failpoint(stack, "resolve_policy.claimed").write_text(f"raise {ids[1]}")

    stack.enqueue(ids)
    stack.wait_done([ids[0], ids[2]], deadline_s=DEADLINE_S)
    until(lambda: stack.unfinished(ids)[0]["status"] == "dead", deadline_s=DEADLINE_S, what="the dead letter")
    failpoint(stack, "resolve_policy.claimed").unlink()

    (letter,) = stack.rows("SELECT attempt, stage FROM task_failures WHERE dead")
    assert letter == {"attempt": 5, "stage": "policy_resolved"}
    execute(stack, "DELETE FROM task_failures")
    stack.run("signals", "rerun", str(ids[1]), "--reason", "the cause is mended")
    stack.wait_done(ids, deadline_s=DEADLINE_S)
    assert once(stack, ids)


def test_a_stage_beyond_its_time_limit_is_ended_and_taken_up_again(stack: Stack) -> None:
    trap = failpoint(stack, "assign_variant.claimed")
    trap.write_text("pause")
    ids = stored(stack, "slow")
    stack.enqueue(ids)
    until(trap.with_name(f"{trap.name}.reached").exists, what="a batch at assign_variant")

    until(lambda: "SoftTimeLimitExceeded" in stack.processes.said("worker"), what="the soft limit")
    trap.unlink()
    stack.wait_done(ids, deadline_s=DEADLINE_S)

    assert once(stack, ids)


def test_a_batch_beyond_its_time_limit_is_given_back_and_costs_no_worker(stack: Stack) -> None:
    trap = failpoint(stack, "assign_variant.claimed")
    trap.write_text("pause")
    ids, said_before = stored(stack, "slow together"), len(stack.processes.said("worker"))
    stack.enqueue(ids)

    until(lambda: all(one["attempts"] for one in stack.unfinished(ids)), deadline_s=DEADLINE_S, what="a batch given up")
    reasons = {str(one["last_error"]) for one in stack.unfinished(ids)}
    trap.unlink()
    stack.wait_done(ids, deadline_s=DEADLINE_S)

    assert all(one.startswith("SoftTimeLimitExceeded") for one in reasons)
    assert "Hard time limit" not in stack.processes.said("worker")[said_before:]
    assert once(stack, ids)


def test_a_whole_worker_group_that_dies_is_swept(stack: Stack) -> None:
    trap = failpoint(stack, "record_outcome.after_commit")
    trap.write_text("pause")
    ids = stored(stack, "group")
    stack.enqueue(ids)
    until(trap.with_name(f"{trap.name}.reached").exists, what="a batch at record_outcome")

    stack.processes.kill("worker")
    trap.unlink()
    stack.processes.start_worker(concurrency=2)
    stack.wait_done(ids, deadline_s=DEADLINE_S)

    assert once(stack, ids)
    assert not stack.rows("SELECT FROM signals WHERE processing_lock IS NOT NULL")


def test_afterwards_every_invariant_holds(stack: Stack) -> None:
    assert stack.asked("verify") == {"ok": True, "violations": []}
