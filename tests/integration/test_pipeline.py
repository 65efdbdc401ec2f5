"""Signals through the five stages on a real Postgres, with engines that say what the test wants."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from db import policies, signals
from db.policies import PolicyChange
from db.signals import Lease
from domain.decision import EngineSlot
from domain.policy import ExecutionMode
from domain.signal import Stage
from stack.servers import ServerUrls
from tasks import exit_tasks
from tasks.parts import Parts
from tests.support.fakes.scripted_engines import answer_entering, answer_reject, raise_failure, scripted_panel
from tests.support.pipeline import NOON, add_trend, prepared, rows, run_all, store_signal


@pytest.fixture
def parts(database_url: str, server_urls: ServerUrls) -> Iterator[Parts]:
    made = prepared(database_url, server_urls.redis_url)
    add_trend(made.database)
    yield replace(
        made, engines=scripted_panel(answer_entering(), answer_entering(quantity="2", targets=("600", "1200")))
    )
    made.database.dispose()


def set_mode(parts: Parts, mode: ExecutionMode, *, split_ppm: int = 500_000) -> None:
    with parts.transaction() as session:
        wanted = PolicyChange(label="test", mode=mode, split_ppm=split_ppm, set_by="test", reason="test")
        policies.append_version(session, "paper", wanted)


def only(found: list[dict[str, Any]]) -> dict[str, Any]:
    assert len(found) == 1
    return found[0]


@pytest.mark.property_id(2, 3, 5, 7, 9, 13, 17, 20, 21, 25)
def test_one_entry_signal_leaves_a_complete_trace(parts: Parts) -> None:
    signal_id = store_signal(parts.database)

    run_all(parts, [signal_id])

    signal = only(rows(parts.database, "SELECT * FROM signals"))
    assert (signal["status"], signal["processed"], signal["processing_lock"], signal["stage"]) == (
        "done",
        True,
        None,
        5,
    )
    context = only(rows(parts.database, "SELECT * FROM market_contexts"))
    assert context["timestamp"] == NOON
    assert context["quality"]["bars"] == "alert"
    experiment = only(rows(parts.database, "SELECT * FROM experiments"))
    assert signal["experiment_id"] == experiment["experiment_id"]
    assert experiment["policy_version"] == "v1"
    assert only(rows(parts.database, "SELECT * FROM execution_policies"))["policy_version"] == "v1"
    decided = rows(parts.database, "SELECT engine, action, context_hash FROM decisions ORDER BY engine")
    assert [(one["engine"], one["action"]) for one in decided] == [("A", "ENTER"), ("B", "ENTER")]
    assert {one["context_hash"] for one in decided} == {context["context_hash"]}


@pytest.mark.property_id(10, 14, 16)
def test_engine_a_primary_trades_a_for_real_and_both_in_shadow(parts: Parts) -> None:
    signal_id = store_signal(parts.database)

    run_all(parts, [signal_id])

    trades = rows(parts.database, "SELECT engine, is_shadow, status, quantity FROM trades ORDER BY engine, is_shadow")
    assert [(one["engine"], one["is_shadow"], one["status"], one["quantity"]) for one in trades] == [
        ("A", False, "open", Decimal(1)),
        ("A", True, "open", Decimal(1)),
        ("B", True, "open", Decimal(2)),
    ]
    real = only(rows(parts.database, "SELECT state, venue FROM orders WHERE venue <> 'model'"))
    assert real == {"state": "filled", "venue": "paper"}
    prices = rows(
        parts.database,
        "SELECT price FROM fills JOIN trades USING (trade_id) WHERE engine = 'A' AND intent = 'entry'",
    )
    assert len({one["price"] for one in prices}) == 1


@pytest.mark.property_id(11, 12)
@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (ExecutionMode.SHADOW_ONLY, set()),
        (ExecutionMode.ENGINE_B_PRIMARY, {("B", Decimal(2))}),
        (ExecutionMode.SPLIT_CAPITAL, {("A", Decimal("0.3")), ("B", Decimal("1.4"))}),
    ],
)
def test_each_mode_trades_for_real_only_whom_it_names(
    parts: Parts, mode: ExecutionMode, expected: set[tuple[str, Decimal]]
) -> None:
    set_mode(parts, mode, split_ppm=300_000)

    run_all(parts, [store_signal(parts.database)])

    real = rows(parts.database, "SELECT engine, quantity FROM trades WHERE NOT is_shadow")
    assert {(one["engine"], one["quantity"]) for one in real} == expected
    assert len(rows(parts.database, "SELECT FROM trades WHERE is_shadow")) == 2


@pytest.mark.property_id(8, 12, 33)
def test_variant_primary_trades_the_assigned_engine(parts: Parts) -> None:
    set_mode(parts, ExecutionMode.VARIANT_PRIMARY, split_ppm=500_000)
    ids = [store_signal(parts.database, symbol="BTCUSDT", strategy=f"s{number}") for number in range(12)]

    run_all(parts, ids)

    found = rows(
        parts.database,
        "SELECT variant, engine FROM experiments JOIN trades USING (experiment_id) WHERE NOT is_shadow",
    )
    assert {one["variant"] for one in found} == {"A", "B"}
    assert all(one["variant"] == one["engine"] for one in found)


def test_without_the_engine_that_should_trade_everything_is_shadow(parts: Parts) -> None:
    broken = replace(parts, engines=scripted_panel(raise_failure, answer_entering()))
    for _ in range(5):
        run_all(broken, [store_signal(parts.database, strategy=uuid4().hex)])

    run_all(broken, [store_signal(parts.database, strategy="last")])

    newest = rows(
        parts.database,
        "SELECT execution_mode, reason FROM execution_policies JOIN experiments USING (experiment_id)"
        " JOIN signals USING (signal_id) ORDER BY signals.seq DESC LIMIT 1",
    )
    assert only(newest) == {"execution_mode": "SHADOW_ONLY", "reason": "engine_a_unavailable"}


def test_an_engine_that_breaks_is_an_error_decision_and_harms_nobody(parts: Parts) -> None:
    broken = replace(parts, engines=scripted_panel(answer_entering(), raise_failure))

    run_all(broken, [store_signal(parts.database)])

    decided = rows(parts.database, "SELECT engine, action, error FROM decisions ORDER BY engine")
    assert [one["action"] for one in decided] == ["ENTER", "ERROR"]
    assert "the engine broke" in decided[1]["error"]
    zeros = rows(parts.database, "SELECT engine, pnl, exit_reason FROM trade_outcomes WHERE engine = 'B'")
    assert {(one["pnl"], one["exit_reason"]) for one in zeros} == {(Decimal(0), "no_trade_error")}


@pytest.mark.property_id(17)
def test_a_signal_both_refuse_is_final_at_zero_on_both_clocks(parts: Parts) -> None:
    out = replace(parts, engines=scripted_panel(answer_reject, answer_reject))

    run_all(out, [store_signal(parts.database)])

    found = rows(parts.database, "SELECT engine, exit_clock, pnl, trade_id FROM trade_outcomes ORDER BY 1, 2")
    assert [(one["engine"], one["exit_clock"]) for one in found] == [
        ("A", "own"),
        ("A", "synchronized"),
        ("B", "own"),
        ("B", "synchronized"),
    ]
    assert {one["pnl"] for one in found} == {Decimal(0)}


@pytest.mark.property_id(6)
def test_many_workers_on_one_signal_make_one_experiment(parts: Parts) -> None:
    signal_id = store_signal(parts.database)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: run_all(parts, [signal_id]), range(16)))

    counts = only(
        rows(
            parts.database,
            """SELECT (SELECT count(*) FROM experiments) AS experiments,
        (SELECT count(*) FROM decisions) AS decisions, (SELECT count(*) FROM trades) AS trades,
        (SELECT count(*) FROM fills) AS fills, (SELECT count(*) FROM market_contexts) AS contexts""",
        )
    )
    run_all(parts, [signal_id])
    assert counts == {"experiments": 1, "decisions": 2, "trades": 3, "fills": 3, "contexts": 1}


def test_a_rerun_of_a_finished_signal_changes_nothing(parts: Parts) -> None:
    signal_id = store_signal(parts.database)
    run_all(parts, [signal_id])
    before = rows(parts.database, "SELECT * FROM signals") + rows(parts.database, "SELECT * FROM decisions")

    run_all(parts, [signal_id])

    assert rows(parts.database, "SELECT * FROM signals") + rows(parts.database, "SELECT * FROM decisions") == before


@pytest.mark.parametrize("stage", [one for one in Stage if one is not Stage.RECEIVED])
def test_a_chain_stopped_after_any_stage_is_taken_up_there(parts: Parts, stage: Stage) -> None:
    signal_id = store_signal(parts.database)
    lock = uuid4()
    run_all(parts, [signal_id], to=stage, lock=lock)

    run_all(parts, [signal_id], lock=lock)

    assert only(rows(parts.database, "SELECT status FROM signals")) == {"status": "done"}
    assert len(rows(parts.database, "SELECT FROM decisions")) == 2
    assert len(rows(parts.database, "SELECT FROM fills")) == 3


@pytest.mark.property_id(26)
def test_a_signal_is_leased_while_worked_on_and_others_pass_it_over(parts: Parts) -> None:
    signal_id = store_signal(parts.database)
    mine, other = (Lease(lock=uuid4(), worker=name, seconds=60) for name in ("mine", "other"))

    with parts.transaction() as session:
        taken = signals.claim(session, [signal_id], lease=mine, for_stage=Stage.CONTEXT_CAPTURED)
    with parts.transaction() as session:
        refused = signals.claim(session, [signal_id], lease=other, for_stage=Stage.CONTEXT_CAPTURED)

    assert [one.signal_id for one in taken] == [signal_id]
    assert refused == []
    assert only(rows(parts.database, "SELECT processing_lock, locked_by FROM signals")) == {
        "processing_lock": mine.lock,
        "locked_by": "mine",
    }


def test_a_worker_that_lost_its_lease_cannot_record(parts: Parts) -> None:
    signal_id = store_signal(parts.database)
    late, next_one = (Lease(lock=uuid4(), worker=name, seconds=seconds) for name, seconds in (("a", 0.0), ("b", 60.0)))
    with parts.transaction() as session:
        signals.claim(session, [signal_id], lease=late, for_stage=Stage.CONTEXT_CAPTURED)
    with parts.transaction() as session:
        taken_over = signals.claim(session, [signal_id], lease=next_one, for_stage=Stage.CONTEXT_CAPTURED)

    with parts.transaction() as session:
        kept = signals.lock_still_owned(session, [signal_id], lease=late, for_stage=Stage.CONTEXT_CAPTURED)
        signals.advance(session, [signal_id], lease=late, to=Stage.CONTEXT_CAPTURED)

    assert [one.attempts for one in taken_over] == [1]
    assert kept == set()
    assert only(rows(parts.database, "SELECT stage FROM signals")) == {"stage": 0}


def test_a_poison_signal_fails_alone_and_ends_as_a_dead_letter(parts: Parts, tmp_path: Path) -> None:
    ids = [store_signal(parts.database, strategy=f"s{number}") for number in range(5)]
    (tmp_path / "dispatch_engines.after_commit").write_text(f"raise {ids[2]}")
    poisoned = replace(parts, settings=replace(parts.settings, failpoint_dir=tmp_path, worker_backoff_ms=10))

    run_all(poisoned, ids)
    attempts = []
    for _ in range(signals.MAX_ATTEMPTS):
        attempts.append(only(rows(parts.database, "SELECT attempts FROM signals WHERE signal_id = :id", id=ids[2])))
        due_now = "UPDATE signals SET next_attempt_at = clock_timestamp() WHERE signal_id = :id RETURNING 1"
        rows(parts.database, due_now, id=ids[2])
        run_all(poisoned, ids)

    done = rows(parts.database, "SELECT signal_id FROM signals WHERE status = 'done'")
    assert {one["signal_id"] for one in done} == set(ids) - {ids[2]}
    assert [one["attempts"] for one in attempts] == [1, 2, 3, 4, 5]
    dead = only(rows(parts.database, "SELECT status, attempts, last_error FROM signals WHERE status <> 'done'"))
    assert (dead["status"], dead["attempts"]) == ("dead", 5)
    assert "FailpointHit" in dead["last_error"]
    letters = rows(parts.database, "SELECT attempt, dead, stage FROM task_failures ORDER BY attempt")
    assert [one["dead"] for one in letters] == [False, False, False, False, True]
    assert {one["stage"] for one in letters} == {"dispatched"}


@pytest.mark.property_id(32)
def test_a_changed_policy_holds_for_new_experiments_without_a_restart(parts: Parts) -> None:
    first = store_signal(parts.database, strategy="one")
    run_all(parts, [first])

    set_mode(parts, ExecutionMode.SHADOW_ONLY)
    run_all(parts, [store_signal(parts.database, strategy="two")])

    found = rows(
        parts.database,
        "SELECT execution_policies.policy_version, execution_mode FROM execution_policies"
        " JOIN experiments USING (experiment_id) JOIN signals USING (signal_id) ORDER BY seq",
    )
    assert [tuple(one.values()) for one in found] == [("v1", "ENGINE_A_PRIMARY"), ("test", "SHADOW_ONLY")]


@pytest.mark.property_id(32)
def test_a_change_between_assignment_and_policy_does_not_touch_the_experiment(parts: Parts) -> None:
    signal_id, lock = store_signal(parts.database), uuid4()
    run_all(parts, [signal_id], to=Stage.VARIANT_ASSIGNED, lock=lock)

    set_mode(parts, ExecutionMode.SHADOW_ONLY)
    run_all(parts, [signal_id], lock=lock)

    assert only(rows(parts.database, "SELECT execution_mode FROM execution_policies")) == {
        "execution_mode": "ENGINE_A_PRIMARY"
    }


@pytest.mark.property_id(33)
@pytest.mark.parametrize(("split_ppm", "variant"), [(1_000_000, "A"), (0, "B")])
def test_the_split_in_force_decides_the_variant(parts: Parts, split_ppm: int, variant: str) -> None:
    set_mode(parts, ExecutionMode.ENGINE_A_PRIMARY, split_ppm=split_ppm)

    run_all(parts, [store_signal(parts.database, strategy=f"s{number}") for number in range(6)])

    assert {one["variant"] for one in rows(parts.database, "SELECT variant FROM experiments")} == {variant}


@pytest.mark.property_id(27, 28, 29, 30)
def test_the_pipeline_says_what_it_did_with_the_fields_that_matter(parts: Parts) -> None:
    signal_id = store_signal(parts.database)

    with capture_logs() as said:
        run_all(parts, [signal_id])

    events = {one["event"]: one for one in said}
    assert events["context.captured"]["signal_id"] == str(signal_id)
    assert {"experiment_id", "variant", "assignment_hash", "split_ppm"} <= events["experiment.created"].keys()
    assert {"execution_mode", "executed_engine", "shadow_engine", "reason", "policy_version"} <= (
        events["policy.applied"].keys()
    )
    assert {"trade_id", "engine", "experiment_id", "side", "quantity"} <= events["shadow_trade.opened"].keys()
    assert events["signal.processed"]["signal_id"] == str(signal_id)


@pytest.mark.property_id(31)
def test_a_failure_is_logged_with_its_signal_and_stage(parts: Parts, tmp_path: Path) -> None:
    signal_id = store_signal(parts.database)
    (tmp_path / "assign_variant.claimed").write_text(f"raise {signal_id}")
    poisoned = replace(parts, settings=replace(parts.settings, failpoint_dir=tmp_path))

    with capture_logs() as said:
        run_all(poisoned, [signal_id])

    failure = next(one for one in said if one["event"] == "signal.failed")
    assert failure["signal_id"] == str(signal_id)
    assert "FailpointHit" in failure["error"]
    assert failure["attempts"] == 1


def test_a_stale_signal_is_recorded_in_shadow_and_not_traded(parts: Parts) -> None:
    signal_id = store_signal(parts.database)
    rows(parts.database, "UPDATE signals SET flags = '[\"stale\"]' RETURNING 1")

    run_all(parts, [signal_id])

    assert only(rows(parts.database, "SELECT reason, executed_engine FROM execution_policies")) == {
        "reason": "stale_signal",
        "executed_engine": "NONE",
    }
    assert len(rows(parts.database, "SELECT FROM trades WHERE is_shadow")) == 2


def test_more_open_trades_than_the_limit_are_denied_within_one_batch_too(parts: Parts) -> None:
    limited = replace(parts, limits=replace(parts.limits, max_open_per_symbol=3))
    ids = [store_signal(parts.database, strategy=f"s{number}") for number in range(5)]

    run_all(limited, ids)

    denied = rows(parts.database, "SELECT engine, is_shadow, denial FROM trades WHERE status = 'denied'")
    assert {one["denial"] for one in denied} == {"max_open_per_symbol"}
    assert len(denied) == 6
    zeros = rows(parts.database, "SELECT DISTINCT exit_reason FROM trade_outcomes")
    assert zeros == [{"exit_reason": "max_open_per_symbol"}]


def test_an_entry_without_any_price_waits_for_one_and_is_denied_when_none_came(parts: Parts) -> None:
    plan_anyway = replace(parts, engines=scripted_panel(answer_entering(), answer_reject))
    states = "SELECT DISTINCT status, denial FROM trades"

    run_all(plan_anyway, [store_signal(parts.database, symbol="NOBODY", price=None)])

    assert rows(parts.database, states) == [{"status": "pending", "denial": None}]

    exit_tasks.walk_book(plan_anyway, "paper", until=NOON + timedelta(days=2))

    assert rows(parts.database, states) == [{"status": "denied", "denial": "no_quote"}]
    zeros = "SELECT count(*) AS zeros FROM trade_outcomes WHERE engine = 'A' AND pnl = 0 AND exit_reason = 'no_quote'"
    assert rows(parts.database, zeros) == [{"zeros": 2}]


def test_the_engine_asked_first_is_drawn_and_stored(parts: Parts) -> None:
    ids = [store_signal(parts.database, strategy=f"s{number}") for number in range(16)]

    run_all(parts, ids)

    first = {one["first_asked"] for one in rows(parts.database, "SELECT first_asked FROM experiments")}
    assert first == {slot.value for slot in EngineSlot}


def test_ids_that_do_not_exist_are_passed_over(parts: Parts) -> None:
    run_all(parts, [UUID(int=7)])

    assert rows(parts.database, "SELECT FROM experiments") == []


def test_a_source_of_half_the_size_gives_both_engines_half_the_quantity_and_nothing_else_differs(
    database_url: str, server_urls: ServerUrls
) -> None:
    parts = prepared(database_url, server_urls.redis_url)
    with parts.transaction() as session:
        session.execute(
            text(
                "INSERT INTO sources (name, book, token_hash, token_encrypted, sizing)"
                " VALUES ('half', 'paper', 'y', '', 0.5)"
            )
        )
    add_trend(parts.database)
    with parts.transaction() as session:
        late = {"late": NOON - timedelta(hours=8)}
        session.execute(text("UPDATE bars SET high = high + 15, low = low - 15 WHERE open_time > :late"), late)
    whole, half = store_signal(parts.database), store_signal(parts.database, source="half")

    run_all(parts, [whole, half])

    query = """
        SELECT engine, action, quantity, stop, side, context_hash, reference_notional
        FROM decisions JOIN experiments USING (experiment_id) WHERE signal_id = :id ORDER BY engine
    """
    full, scaled = (rows(parts.database, query, id=one) for one in (whole, half))
    assert [one["action"] for one in full] == ["ENTER", "ENTER"]
    for one, two in zip(full, scaled, strict=True):
        assert abs(two["quantity"] * 2 - one["quantity"]) <= Decimal("0.000001")
    for name in ("action", "stop", "side", "reference_notional"):
        assert [one[name] for one in full] == [one[name] for one in scaled]
    assert len({one["context_hash"] for one in scaled}) == 1
    [first, second] = (
        only(rows(parts.database, "SELECT rest, indicators FROM market_contexts WHERE signal_id = :id", id=one))
        for one in (whole, half)
    )
    assert first["indicators"] == second["indicators"]
    told = [one["rest"]["rules"] for one in (first, second)]
    assert [one["reference_capital"] for one in told] == ["100000", "50000"]
    assert [one["max_notional"] for one in told] == ["100000", "50000"]
    parts.database.dispose()
