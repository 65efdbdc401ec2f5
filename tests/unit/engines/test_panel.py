"""Both engines side by side, neither able to harm the other."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.context import MarketContext
from domain.decision import DEFAULT_LATENCY_S, Decision, EngineSlot, Verdict
from domain.ports import EnginePanel
from domain.signal import Signal
from engines.breaker import COOLDOWN_S, MAX_FAILURES
from engines.committee import CommitteeEngine
from engines.engine_questions import Questions
from engines.hosted_pool import HostedPool
from engines.panel import Panel
from engines.rules import RulesEngine
from tests.support.builders.engine_inputs import a_context, a_signal

A, B = EngineSlot.A, EngineSlot.B
HOLD = Decision(verdict=Verdict.HOLD, reasons=("nothing",), rationale={})


class FakeEngine:
    """Engine that decides with a function; asked in a thread unless it is inline."""

    version = "1"
    latency_s = DEFAULT_LATENCY_S

    def __init__(self, action: Callable[[Signal], Any], *, name: str = "fake", is_inline: bool = False) -> None:
        self.name = name
        self.is_inline = is_inline
        self.action = action

    def decide(self, signal: Signal, context: MarketContext) -> Any:
        """Decide with the function."""
        return self.action(signal)


def build_questions(*strategies: str, first: EngineSlot = A) -> Questions:
    """Return questions whose signals carry the given strategies."""
    return [
        (a_signal(strategy=strategy), a_context(context_hash=f"{index:064x}"), first)
        for index, strategy in enumerate(strategies)
    ]


def raise_error(_: Signal) -> Decision:
    """Raise an error, with a NUL in its message."""
    raise ZeroDivisionError("by\x00zero")


def answer_slowly(_: Signal) -> Decision:
    """Take at least 50 ms."""
    time.sleep(0.05)
    return HOLD


def test_built_in_engines_answer_in_order_and_name_themselves_and_the_context() -> None:
    panel: EnginePanel = Panel({A: RulesEngine(), B: CommitteeEngine()})

    answers = panel.decide_all(build_questions("", "", ""))

    assert [(a.slot, b.slot) for a, b in answers] == [(A, B)] * 3
    assert [a.context_hash for a, _ in answers] == [b.context_hash for _, b in answers]
    assert [int(a.context_hash, 16) for a, _ in answers] == [0, 1, 2]
    assert {(a.engine, a.version) for a, _ in answers} == {("rules", RulesEngine().version)}
    assert all(answer.decision.verdict is Verdict.ENTER for pair in answers for answer in pair)
    assert panel.versions[B] == f"committee@{CommitteeEngine().version}"
    assert panel.latencies_s == {A: Decimal("0.5"), B: Decimal("0.5")}
    assert panel.available == {A, B}


def test_the_longest_holds_are_those_of_monthly_bars_or_not_known() -> None:
    panel = Panel({A: RulesEngine(), B: FakeEngine(raise_error)})

    assert panel.longest_holds == {A: timedelta(days=180), B: None}


def test_no_question_gives_no_answer() -> None:
    assert Panel({A: RulesEngine(), B: FakeEngine(raise_error)}).decide_all([]) == []


@pytest.mark.parametrize("first", EngineSlot)
def test_each_pair_is_asked_in_its_own_order(first: EngineSlot) -> None:
    asked: list[EngineSlot] = []

    def recording_engine(slot: EngineSlot) -> FakeEngine:
        return FakeEngine(lambda _: (asked.append(slot), HOLD)[1], is_inline=True)  # type: ignore[func-returns-value]

    panel = Panel({slot: recording_engine(slot) for slot in EngineSlot})

    panel.decide_all([*build_questions("", first=first), *build_questions("", first=first.other)])

    assert asked == [first, first.other, first.other, first]


@pytest.mark.parametrize("is_inline", [True, False])
@pytest.mark.parametrize(
    ("action", "reason", "error"),
    [
        (raise_error, "engine_error", "ZeroDivisionError: byzero"),
        (lambda _: "ENTER", "engine_invalid_answer", "a Decision was expected, not str"),
    ],
)
@pytest.mark.parametrize("slot", EngineSlot)
def test_a_failing_engine_answers_error_and_the_other_one_is_unaffected(
    slot: EngineSlot, action: Callable[[Signal], Any], reason: str, error: str, is_inline: bool
) -> None:
    panel = Panel({slot: FakeEngine(action, is_inline=is_inline), slot.other: RulesEngine()})

    ((a, b),) = panel.decide_all(build_questions(""))

    failed, well = (a, b) if slot is A else (b, a)
    assert (failed.decision.verdict, failed.decision.reasons) == (Verdict.ERROR, (reason,))
    assert failed.decision.error == error
    assert well.decision == RulesEngine().decide(a_signal(), a_context())


def test_an_engine_that_hangs_in_our_process_costs_the_deadline_and_only_its_own_answers() -> None:
    release = threading.Event()
    panel = Panel({A: FakeEngine(lambda _: release.wait(60) and HOLD), B: CommitteeEngine()}, deadlines_s={A: 0.1})
    started_at = time.monotonic()

    answers = panel.decide_all(build_questions("", ""))
    took_s = time.monotonic() - started_at
    release.set()

    assert took_s < 5
    assert [a.decision.reasons for a, _ in answers] == [("engine_timeout",)] * 2
    assert [b.decision.verdict for _, b in answers] == [Verdict.ENTER] * 2
    assert all(a.latency_ms >= 100 for a, _ in answers)


def test_a_hosted_engine_that_hangs_once_answers_the_questions_after_it() -> None:
    hosted = HostedPool("tests.support.fakes.own_engines:misbehaving")
    hosted.start()
    panel = Panel({A: RulesEngine(), B: hosted}, deadlines_s={B: 3.0})

    answers = panel.decide_all(build_questions("", "hang", ""))
    panel.close()

    assert [b.decision.verdict for _, b in answers] == [Verdict.ENTER, Verdict.ERROR, Verdict.ENTER]
    assert answers[1][1].decision.reasons == ("engine_timeout",)
    assert {a.decision.verdict for a, _ in answers} == {Verdict.ENTER}


@pytest.mark.property_id(34)
def test_the_same_own_engine_in_both_slots_decides_alike() -> None:
    panel = Panel({slot: HostedPool("tests.support.fakes.own_engines:above_average") for slot in EngineSlot})

    answers = panel.decide_all(build_questions("", ""))
    panel.close()

    assert all(a.decision == b.decision and a.version == b.version for a, b in answers)
    assert answers[0][0].decision.verdict is Verdict.ENTER


def test_latency_is_measured_for_each_answer() -> None:
    panel = Panel({A: FakeEngine(answer_slowly, is_inline=True), B: RulesEngine()})

    ((a, b),) = panel.decide_all(build_questions(""))

    assert a.latency_ms >= 50
    assert Decimal(0) < b.latency_ms < a.latency_ms


def test_an_engine_that_failed_five_times_in_a_row_rests_and_is_tried_again() -> None:
    now = [0.0]
    unwell = FakeEngine(raise_error)
    panel = Panel({A: RulesEngine(), B: unwell}, clock=lambda: now[0])
    panel.decide_all(build_questions(*[""] * MAX_FAILURES))

    resting = panel.available
    ((a, b),) = panel.decide_all(build_questions(""))
    now[0], unwell.action = COOLDOWN_S, lambda _: HOLD
    rested = panel.available
    ((_, again),) = panel.decide_all(build_questions(""))

    assert resting == {A}
    assert a.decision.verdict is Verdict.ENTER
    assert b.decision.reasons == ("engine_unavailable",)
    assert rested == {A, B}
    assert again.decision == HOLD


def test_an_engine_whose_process_cannot_start_is_not_available() -> None:
    panel = Panel({A: RulesEngine(), B: HostedPool("tests.support.fakes.own_engines:crashing")})

    ((_, b),) = panel.decide_all(build_questions(""))

    assert b.decision.reasons == ("engine_error",)
    assert panel.available == {A}


def test_an_error_that_the_engine_itself_answers_is_kept_as_it_is() -> None:
    panel = Panel({A: HostedPool("tests.support.fakes.own_engines:erring"), B: RulesEngine()})

    ((a, _),) = panel.decide_all(build_questions(""))
    panel.close()

    assert a.decision.reasons == ("gave_up",)
