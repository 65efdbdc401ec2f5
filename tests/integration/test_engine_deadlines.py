"""A batch that waits for engines: its lease is renewed, no transaction is open, and the rest is given back in time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest

from config.time_limits import ASKING_S
from db import decisions, signals
from db.core.session import Session
from db.signals import Lease
from domain.decision import EngineSlot
from domain.signal import Signal, Stage
from engines.panel import Panel
from engines.rules import RulesEngine
from stack.servers import ServerUrls
from tasks import base_task
from tasks.base_task import bodies, drive
from tasks.entry_prices import AnsweredDispatch
from tasks.parts import Parts
from tasks.stages import dispatch_engines
from tests.support.fakes.timed_engine import TimedEngine
from tests.support.pipeline import add_trend, prepared, rows, run_all, store_signal, with_engines

A, B = EngineSlot.A, EngineSlot.B
ROWS = """
    SELECT signal_id, stage, status, attempts, processing_lock, next_attempt_at > clock_timestamp() AS is_later,
        (SELECT count(*) FROM decisions WHERE decisions.experiment_id = signals.experiment_id) AS decisions
    FROM signals WHERE signal_id = ANY(:ids) ORDER BY seq
"""
LEASED_S = "SELECT extract(epoch FROM lock_expires_at - clock_timestamp()) AS left_s FROM signals"
DUE_NOW = "UPDATE signals SET next_attempt_at = clock_timestamp() WHERE status = 'open' RETURNING 1"
OPEN_TRANSACTIONS = """
    SELECT query FROM pg_stat_activity
    WHERE datname = current_database() AND state LIKE 'idle in transaction%' AND pid <> pg_backend_pid()
"""


@pytest.fixture
def parts(database_url: str, server_urls: ServerUrls) -> Iterator[Parts]:
    """Give parts on a prepared database with bars."""
    made = prepared(database_url, server_urls.redis_url)
    add_trend(made.database)
    yield made
    made.database.dispose()


def stored(parts: Parts, count: int) -> list[UUID]:
    """Store signals, and take them to the stage before the engines."""
    ids = [store_signal(parts.database, strategy=f"s{number}") for number in range(count)]
    run_all(parts, ids, to=Stage.POLICY_RESOLVED)
    rows(parts.database, "UPDATE signals SET processing_lock = NULL, lock_expires_at = NULL RETURNING 1")
    return ids


def dispatch(parts: Parts, ids: list[UUID], *, lease_s: float = 60.0, left_s: float = ASKING_S) -> int:
    """Run the stage that asks engines, with `left_s` seconds left for asking."""
    lease = Lease(lock=uuid4(), worker="test", seconds=lease_s)
    monotonic = time.monotonic
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(base_task, "time", SimpleNamespace(monotonic=lambda: monotonic() - ASKING_S + left_s))
        return drive(bodies[Stage.DISPATCHED], parts, ids, lease=lease, stage=Stage.DISPATCHED).advanced


def with_engine_a(parts: Parts, takes_s: float, *, deed: Callable[[Signal], object] = lambda _: None) -> Parts:
    return with_engines(parts, Panel({A: TimedEngine(takes_s, deed=deed), B: RulesEngine()}))


def state_of(parts: Parts, ids: list[UUID]) -> list[dict[str, Any]]:
    return rows(parts.database, ROWS, ids=ids)


def test_what_time_does_not_suffice_for_is_given_back_without_an_attempt_and_asked_later(parts: Parts) -> None:
    ids, slow = stored(parts, 12), with_engine_a(parts, 0.2)

    dispatched = dispatch(slow, ids, left_s=1.0)
    after = state_of(parts, ids)
    rows(parts.database, DUE_NOW)
    later = dispatch(slow, ids)

    assert 1 <= dispatched < 12
    assert [row["decisions"] for row in after] == [2] * dispatched + [0] * (12 - dispatched)
    assert {(row["status"], row["attempts"]) for row in after} == {("open", 0)}
    assert {(row["processing_lock"], row["is_later"]) for row in after[dispatched:]} == {(None, True)}
    assert dispatched + later == 12
    assert {(row["decisions"], row["attempts"]) for row in state_of(parts, ids)} == {(2, 0)}


def test_a_batch_whose_time_is_over_asks_nobody_and_counts_no_attempt(parts: Parts) -> None:
    engine, ids = TimedEngine(0.0), stored(parts, 2)

    dispatched = dispatch(with_engines(parts, Panel({A: engine, B: RulesEngine()})), ids, left_s=-1.0)

    assert (dispatched, engine.asked) == (0, 0)
    assert {(row["attempts"], row["stage"]) for row in state_of(parts, ids)} == {(0, Stage.POLICY_RESOLVED.value)}


def test_the_lease_is_renewed_while_engines_are_asked_so_that_nobody_else_takes_the_signals(parts: Parts) -> None:
    ids, left_s, taken = stored(parts, 2), list[float](), list[UUID]()

    def look(_: Signal) -> None:
        left_s.extend(float(row["left_s"]) for row in rows(parts.database, LEASED_S))
        with parts.database.transaction() as session:
            other = Lease(lock=uuid4(), worker="other", seconds=60)
            taken.extend(
                signal.signal_id for signal in signals.claim(session, ids, lease=other, for_stage=Stage.DISPATCHED)
            )

    dispatched = dispatch(with_engine_a(parts, 2.5, deed=look), ids, lease_s=2.0)

    assert dispatched == 2
    assert len(left_s) == 4
    assert all(0 < left <= 2.0 for left in left_s)
    assert taken == []


def test_a_lease_that_was_lost_meanwhile_is_not_renewed_and_nothing_is_stored(parts: Parts) -> None:
    ids = stored(parts, 2)

    def lose(_: Signal) -> None:
        rows(parts.database, "UPDATE signals SET processing_lock = :other RETURNING 1", other=uuid4())

    dispatched = dispatch(with_engine_a(parts, 0.5, deed=lose), ids, lease_s=0.6)

    assert dispatched == 0
    assert {(row["decisions"], row["stage"]) for row in state_of(parts, ids)} == {(0, Stage.POLICY_RESOLVED.value)}


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Collect what is sent to the last stage, in place of sending it."""
    messages = list[list[str]]()
    monkeypatch.setattr(
        dispatch_engines,
        "_send_to_record_outcome",
        lambda _, ids: messages.append([str(signal_id) for signal_id in ids]),
    )
    return messages


def slow_parts(parts: Parts, engine: TimedEngine) -> Parts:
    """Return parts whose settings name an engine that is not built in."""
    return replace(
        with_engines(parts, Panel({A: engine, B: RulesEngine()})),
        settings=replace(parts.settings, engine_a="https://engine.example/decide"),
    )


def test_entries_that_wait_for_slow_engines_are_asked_about_in_one_batch(parts: Parts, sent: list[list[str]]) -> None:
    slow = slow_parts(parts, TimedEngine(0.3, count=8))
    ids = [store_signal(parts.database, strategy=f"s{number}") for number in range(8)]
    for signal_id in ids:
        run_all(slow, [signal_id], to=Stage.POLICY_RESOLVED)
    started_at = time.monotonic()

    dispatched, again = dispatch(slow, ids[:1]), dispatch(slow, ids[1:2])

    assert (dispatched, again) == (8, 0)
    assert time.monotonic() - started_at < 8 * 0.3
    assert [sorted(message) for message in sent] == [sorted(str(signal_id) for signal_id in ids[1:])]
    assert {(row["decisions"], row["attempts"], row["stage"]) for row in state_of(parts, ids)} == {
        (2, 0, Stage.DISPATCHED.value)
    }


def test_a_signal_that_failed_before_is_asked_about_alone(parts: Parts, sent: list[list[str]]) -> None:
    slow = slow_parts(parts, TimedEngine(0.0))
    ids = [store_signal(parts.database, strategy=f"s{number}") for number in range(3)]
    run_all(slow, ids, to=Stage.POLICY_RESOLVED)
    rows(parts.database, "UPDATE signals SET attempts = 1 WHERE signal_id = :id RETURNING 1", id=ids[0])

    alone, together = dispatch(slow, ids[:1]), dispatch(slow, ids[1:2])

    assert (alone, together) == (1, 2)
    assert sent == [[str(ids[2])]]


def test_signals_that_joined_a_batch_that_failed_are_given_back_without_an_attempt(
    parts: Parts, sent: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = slow_parts(parts, TimedEngine(0.0))
    ids = [store_signal(parts.database, strategy=f"s{number}") for number in range(3)]
    run_all(slow, ids, to=Stage.POLICY_RESOLVED)
    record = decisions.record

    def fail_for_first(session: Session, pairs: list[AnsweredDispatch]) -> None:
        if any(asked.signal.signal_id == ids[0] for asked, _ in pairs):
            raise ValueError("cannot be stored")
        record(session, pairs)

    monkeypatch.setattr(decisions, "record", fail_for_first)

    dispatched = dispatch(slow, ids[:1])
    failed, *joined = state_of(parts, ids)
    rows(parts.database, DUE_NOW)
    later = dispatch(slow, ids[1:2])

    assert dispatched == 0
    assert failed["attempts"] == 1
    assert {(row["attempts"], row["processing_lock"], row["decisions"]) for row in joined} == {(0, None, 0)}
    assert (later, sent) == (2, [[str(ids[2])]])


def test_with_the_built_in_engines_a_chain_keeps_its_signals_to_itself(parts: Parts) -> None:
    ids = [store_signal(parts.database, strategy=f"s{number}") for number in range(2)]
    run_all(parts, ids, to=Stage.POLICY_RESOLVED)

    assert all(row["processing_lock"] is not None for row in state_of(parts, ids))


def test_no_transaction_is_open_while_engines_are_asked(parts: Parts) -> None:
    ids, found = stored(parts, 1), list[dict[str, Any]]()

    dispatch(with_engine_a(parts, 0.1, deed=lambda _: found.extend(rows(parts.database, OPEN_TRANSACTIONS))), ids)

    assert found == []
