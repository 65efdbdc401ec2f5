"""An engine over HTTP fails in every way it can (row F31); the other engine and the signals do not notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from uuid import UUID

import pytest

from stack.servers import ServerUrls
from tests.support.pipeline import add_trend, store_signal
from tests.support.servers.remote_engine import REASONS, SECRET, EngineServer, a_server
from tests.support.servers.stacks import Stack, a_stack
from tests.support.waiting import until

REDIS_DB = 3
DEADLINE_S = 60.0
WELL = ("", "slow")
FATES = """
    SELECT s.strategy, p.execution_mode, p.reason, a.action AS a, b.action AS b, b.reasons AS b_reasons,
        b.error AS b_error, b.rationale ->> 'engine_version' AS b_version, a.context_hash = b.context_hash AS is_pair,
        (SELECT count(*) FROM trades t WHERE t.experiment_id = e.experiment_id AND t.is_shadow) AS model_trades,
        (SELECT array_agg(DISTINCT t.engine) FROM trades t JOIN fills USING (trade_id)
         WHERE t.experiment_id = e.experiment_id AND NOT t.is_shadow) AS traded
    FROM signals s JOIN experiments e ON e.signal_id = s.signal_id
        JOIN execution_policies p ON p.experiment_id = e.experiment_id
        JOIN decisions a ON a.experiment_id = e.experiment_id AND a.engine = 'A'
        JOIN decisions b ON b.experiment_id = e.experiment_id AND b.engine = 'B'
    WHERE s.signal_id = ANY(%(ids)s)
"""


@pytest.fixture(scope="module")
def engine() -> Iterator[EngineServer]:
    """Give engine B: the committee behind HTTP, which misbehaves on request."""
    with a_server(secret=SECRET) as server:
        yield server


@pytest.fixture(scope="module")
def stack(
    engine: EngineServer, server_urls: ServerUrls, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """Give a worker and beat that trade B for real; both engines enter long at noon."""
    directory = tmp_path_factory.mktemp("engines")
    environ = {
        "ENGINE_A": "committee",
        "ENGINE_B": engine.url,
        "ENGINE_HOSTS_ALLOWED": engine.host,
        "ENGINE_SECRET": SECRET,
        "ENGINE_B_CONCURRENCY": "1",
        "ENGINE_B_DEADLINE_S": "2",
        "ENGINE_REST_S": "3",
        "EXECUTION_MODE": "ENGINE_B_PRIMARY",
        "MAX_OPEN_PER_SYMBOL": "10000",
        "LEASE_S": "30",
    }
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


def decided(stack: Stack, *strategies: str) -> list[dict[str, Any]]:
    """Send one batch of signals with these strategies, wait for its end and return what became of each."""
    ids: list[UUID] = [store_signal(stack.database, strategy=one) for one in strategies]
    stack.enqueue(ids)
    stack.wait_done(ids, deadline_s=DEADLINE_S)
    return stack.rows(FATES, ids=ids)


def first(stack: Stack, is_meant: Callable[[dict[str, Any]], bool], *, what: str) -> dict[str, Any]:
    """Send one signal after the other until one meets the fate that is meant, and return that."""

    def sent() -> dict[str, Any] | None:
        (fate,) = decided(stack, "")
        return fate if is_meant(fate) else None

    return until(sent, deadline_s=DEADLINE_S, what=what) or {}


def test_each_kind_of_failure_is_a_stored_error_of_b_alone_and_every_signal_finishes(stack: Stack) -> None:
    # Five failures in a row would open the breaker: an answer comes between them.
    found = decided(stack, *(strategy for deed in REASONS for strategy in (deed, "")), "slow")

    assert len(found) == 2 * len(REASONS) + 1
    assert {(one["a"], one["is_pair"]) for one in found} == {("ENTER", True)}
    failed = [one for one in found if one["strategy"] not in WELL]
    assert {one["strategy"]: one["b_reasons"] for one in failed} == {deed: [why] for deed, why in REASONS.items()}
    assert {one["b"] for one in failed} == {"ERROR"}
    assert all(one["b_error"] for one in failed)
    assert {(one["model_trades"], one["traded"]) for one in failed} == {(1, None)}
    answered = [one for one in found if one["strategy"] in WELL]
    assert [(one["b"], one["b_version"], one["model_trades"], one["traded"]) for one in answered] == [
        ("ENTER", "r7", 2, ["B"]),
    ] * (len(REASONS) + 1)


def test_while_b_fails_nobody_trades_for_real_and_when_it_is_well_b_does_again(
    stack: Stack, engine: EngineServer
) -> None:
    engine.deed = "status_500"

    fallen = first(stack, lambda fate: fate["execution_mode"] == "SHADOW_ONLY", what="the fall to shadow")
    engine.deed = None
    resumed = first(stack, lambda fate: fate["execution_mode"] == "ENGINE_B_PRIMARY", what="real trading again")

    assert (fallen["reason"], fallen["a"], fallen["b"], fallen["b_reasons"]) == (
        "engine_b_unavailable",
        "ENTER",
        "ERROR",
        ["engine_unavailable"],
    )
    assert (fallen["model_trades"], fallen["traded"]) == (1, None)
    assert (resumed["reason"], resumed["a"], resumed["b"]) == ("engine_b_primary", "ENTER", "ENTER")
    assert (resumed["model_trades"], resumed["traded"]) == (2, ["B"])
    assert {"engine.left_alone", "engine.taken_back"} <= events(stack)


def events(stack: Stack) -> set[str]:
    """Return which of the breaker's events the worker has logged."""
    said = stack.processes.said("worker")
    return {one for one in ("engine.left_alone", "engine.taken_back") if one in said}


def test_afterwards_every_invariant_holds_and_nothing_failed(stack: Stack) -> None:
    assert stack.rows("SELECT FROM task_failures") == []
    assert SECRET not in stack.processes.said("worker")
    assert stack.asked("verify") == {"ok": True, "violations": []}
