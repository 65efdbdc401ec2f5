"""Questions are put to engines fairly: what waits in our queue, or for a process to start, costs an engine nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest

from domain.decision import EngineSlot, Verdict
from domain.ports import Heartbeat
from domain.signal import Signal
from engines.breaker import MAX_FAILURES
from engines.engine_questions import Questions
from engines.hosted_pool import HostedPool
from engines.panel import Panel
from engines.question_round import LEAST_LEAD
from engines.rules import RulesEngine
from tests.support.builders.engine_inputs import a_context, a_signal
from tests.support.fakes.timed_engine import HOLD, TimedEngine

A, B = EngineSlot.A, EngineSlot.B
PATIENCE_S = 20.0


def build_questions(*strategies: str) -> Questions:
    return [(a_signal(strategy=strategy), a_context(), A) for strategy in strategies]


def hang(release: threading.Event) -> Callable[[Signal], object]:
    """Return a deed that waits when the signal's strategy is `hang`."""
    return lambda signal: release.wait(PATIENCE_S) if signal.strategy == "hang" else None


def raise_error(_: Signal) -> None:
    raise ZeroDivisionError


def test_an_engine_answers_a_burst_that_takes_far_longer_than_its_deadline() -> None:
    panel = Panel({A: TimedEngine(0.02), B: RulesEngine()}, deadlines_s={A: 0.4})
    started_at = time.monotonic()

    answers = panel.decide_all(build_questions(*[""] * 64))
    took_s = time.monotonic() - started_at

    assert [a.decision for a, _ in answers] == [HOLD] * 64
    assert took_s > 64 * 0.02
    assert all(20 <= a.latency_ms < 400 for a, _ in answers)


def test_as_many_questions_are_put_at_once_as_the_engine_has_lanes() -> None:
    barrier = threading.Barrier(8)
    together = TimedEngine(0.0, count=8, deed=lambda _: barrier.wait(PATIENCE_S))

    answers = Panel({A: together, B: RulesEngine()}).decide_all(build_questions(*[""] * 16))

    assert [a.decision for a, _ in answers] == [HOLD] * 16


def test_a_slow_engine_does_not_make_the_other_one_slower() -> None:
    quick = TimedEngine(0.05)
    alone = Panel({A: quick, B: RulesEngine()}).decide_all(build_questions(*[""] * 16))

    beside = Panel({A: quick, B: TimedEngine(0.4, count=8)}).decide_all(build_questions(*[""] * 16))

    latencies = [sorted(a.latency_ms for a, _ in answers)[8] for answers in (alone, beside)]
    assert latencies[1] < latencies[0] * 2
    assert [b.decision for _, b in beside] == [HOLD] * 16


def test_an_engine_that_hangs_on_one_question_loses_that_one_only() -> None:
    release = threading.Event()
    panel = Panel({A: TimedEngine(0.0, deed=hang(release)), B: RulesEngine()}, deadlines_s={A: 0.3})

    answers = panel.decide_all(build_questions("", "hang", "", "", ""))
    release.set()

    assert [a.decision.reasons for a, _ in answers] == [
        ("nothing",),
        ("engine_timeout",),
        ("nothing",),
        ("nothing",),
        ("nothing",),
    ]
    assert answers[1][0].latency_ms >= 300


def test_the_breaker_opens_after_five_failures_in_a_row_and_the_rest_is_not_put_to_the_engine() -> None:
    unwell = TimedEngine(0.0, deed=raise_error)
    panel = Panel({A: unwell, B: RulesEngine()})

    answers = panel.decide_all(build_questions(*[""] * 12))

    reasons = [a.decision.reasons[0] for a, _ in answers]
    assert reasons == ["engine_error"] * MAX_FAILURES + ["engine_unavailable"] * (12 - MAX_FAILURES)
    assert unwell.asked == MAX_FAILURES
    assert all(a.latency_ms == 0 for a, _ in answers[MAX_FAILURES:])
    assert panel.available == {B}


def test_a_load_that_takes_longer_than_the_time_for_asking_does_not_open_the_breaker() -> None:
    panel = Panel({A: TimedEngine(0.05), B: RulesEngine()}, deadlines_s={A: 1.0})

    for _ in range(2):
        panel.decide_all(build_questions(*[""] * 64), ends_at=time.monotonic() + 0.3)

    assert panel.available == {A, B}


def test_after_the_end_no_question_is_put_and_those_before_it_have_their_answers() -> None:
    slow = TimedEngine(0.1)
    panel = Panel({A: slow, B: RulesEngine()})

    answers = panel.decide_all(build_questions(*[""] * 64), ends_at=time.monotonic() + 0.35)
    asked = slow.asked

    assert 1 <= len(answers) == asked < 10
    assert {a.decision.verdict for a, _ in answers} == {Verdict.HOLD}
    time.sleep(0.15)
    assert slow.asked == asked


def test_a_question_that_was_put_in_time_has_its_whole_deadline() -> None:
    panel = Panel({A: TimedEngine(0.4), B: RulesEngine()}, deadlines_s={A: 5.0})

    answers = panel.decide_all(build_questions("", ""), ends_at=time.monotonic() + 0.1)

    assert [a.decision for a, _ in answers] == [HOLD]


def test_an_engine_is_not_far_ahead_of_the_other_when_time_ends() -> None:
    quick, slow = TimedEngine(0.0), TimedEngine(0.2)

    answers = Panel({A: quick, B: slow}).decide_all(build_questions(*[""] * 64), ends_at=time.monotonic() + 0.5)

    assert len(answers) == slow.asked
    assert quick.asked <= slow.asked + LEAST_LEAD


def test_the_heart_beats_while_engines_are_waited_for() -> None:
    beats = list[float]()
    heartbeat = Heartbeat(every_s=0.1, beat=lambda: beats.append(time.monotonic()))

    Panel({A: TimedEngine(0.55), B: RulesEngine()}).decide_all(build_questions("", ""), heartbeat=heartbeat)

    assert 5 <= len(beats) <= 11
    assert all(later - earlier >= 0.1 for earlier, later in pairwise(beats))


def test_an_error_of_the_waiting_thread_stops_the_asking() -> None:
    def interrupt() -> None:
        raise InterruptedError

    slow = TimedEngine(0.1)

    with pytest.raises(InterruptedError):
        Panel({A: slow, B: RulesEngine()}).decide_all(
            build_questions(*[""] * 64), heartbeat=Heartbeat(every_s=0.15, beat=interrupt)
        )

    asked = slow.asked
    time.sleep(0.3)
    assert slow.asked <= asked + 1


def test_the_start_of_a_process_costs_the_engine_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    monkeypatch.setenv("ENGINE_GATE", str(gate))
    panel = Panel({A: HostedPool("tests.support.fakes.own_engines:slow"), B: RulesEngine()}, deadlines_s={A: 3.0})
    opener = threading.Timer(4.0, gate.touch)
    opener.start()

    ((a, _),) = panel.decide_all(build_questions(""))
    panel.close()

    assert a.decision.verdict is Verdict.ENTER
    assert a.latency_ms < 3000


def test_a_question_for_which_the_process_did_not_start_in_time_is_left_for_later(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ENGINE_GATE", str(tmp_path / "never"))
    panel = Panel({A: HostedPool("tests.support.fakes.own_engines:slow"), B: RulesEngine()})

    answers = panel.decide_all(build_questions(*[""] * 6), ends_at=time.monotonic() + 0.3)
    available = panel.available
    panel.close()

    assert answers == []
    assert available == {A, B}


def test_a_pool_asks_as_many_processes_as_it_may_have() -> None:
    pool = HostedPool("tests.support.fakes.own_engines:misbehaving", processes=2)
    pool.start()
    panel = Panel({A: pool, B: RulesEngine()}, deadlines_s={A: 1.5})

    answers = panel.decide_all(build_questions("hang", "pid", "pid", "pid"))
    panel.close()

    assert [a.decision.verdict for a, _ in answers] == [Verdict.ERROR, Verdict.HOLD, Verdict.HOLD, Verdict.HOLD]
    assert {(a.engine, a.version) for a, _ in answers} == {("misbehaving", "7")}
