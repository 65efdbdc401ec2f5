"""A round of questions: each is put to both engines side by side, as soon as an engine is free to take it."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf

from domain.decision import Decision, EngineAnswer, EngineSlot
from domain.ports import Engine, Heartbeat
from engines import engine_questions
from engines.engine_questions import Questions
from engines.panel_engine import PanelEngine

# An engine that keeps the deadline itself needs a moment to close its process or its connection.
GRACE_S = 0.5
# How many questions an engine may be ahead of the other: an answer is dropped when its counterpart comes too late.
LEAST_LEAD = 16
LEAD_PER_LANE = 2


@dataclass(slots=True, eq=False)
class _Lane:
    """Thread that puts questions to an engine, one after the other."""

    engine: Engine
    index: int | None = None
    put_at: float = inf
    is_done: bool = False


@dataclass(slots=True, kw_only=True)
class _Side:
    """One engine's part in a round: how many questions it has taken, and its answers by index."""

    engine: PanelEngine
    answers: list[EngineAnswer | None]
    taken: int = 0
    lanes: list[_Lane] = field(default_factory=list)

    @property
    def is_done(self) -> bool:
        """True when nothing puts questions to the engine any more, or nothing of a round of its own ever does."""
        if not self.lanes:
            return self.engine.is_inline or not self.answers  # else its threads are still to be started
        return all(lane.is_done for lane in self.lanes)

    def due_at(self, lane: _Lane) -> float:
        """Return when a lane's answer is overdue, infinity when it waits for none."""
        return lane.put_at + self.engine.deadline_s + GRACE_S


class QuestionRound:
    """Answers of both engines to the same questions, in the order of the questions.

    A question's deadline counts from the moment when it is put to the engine; waiting until the engine is free, or its
    process has started, costs it nothing. After `ends_at` (monotonic clock) no question is put any more.
    """

    def __init__(
        self,
        questions: Questions,
        *,
        engines: Mapping[EngineSlot, PanelEngine],
        ends_at: float = inf,
        heartbeat: Heartbeat | None = None,
    ) -> None:
        self._questions = questions
        self._ends_at = ends_at
        self._pulse = _Pulse(heartbeat)
        self._changed = threading.Condition()
        self._is_over = False
        self._sides = {slot: _Side(engine=engines[slot], answers=[None] * len(questions)) for slot in EngineSlot}
        self._lead = max(LEAST_LEAD, *(LEAD_PER_LANE * len(engine.lanes) for engine in engines.values()))

    def run(self) -> list[tuple[EngineAnswer, EngineAnswer]]:
        """Ask both engines and return their answers (A, B); those that time did not suffice for are left out."""
        first = self._questions[0][2] if self._questions else EngineSlot.A
        try:
            for slot in (first, first.other):
                if not self._sides[slot].engine.is_inline:
                    self._start_lanes(slot)
            self._ask_inline()
            self._wait_for_lanes()
        finally:
            # A lane goes on until its present question ends, also when an exception ended the wait.
            with self._changed:
                self._is_over = True
                self._changed.notify_all()
        return self._collect_pairs()

    def _start_lanes(self, slot: EngineSlot) -> None:
        """Start as many threads as the engine takes questions at once."""
        side = self._sides[slot]
        for engine in side.engine.lanes[: len(self._questions)]:
            self._start_lane(side, engine)

    def _start_lane(self, side: _Side, engine: Engine) -> None:
        lane = _Lane(engine)
        side.lanes.append(lane)
        # Daemons: an engine that hangs in our own process must not keep that process from ending.
        name = f"engine-{side.engine.slot.value}"
        threading.Thread(target=self._run_lane, args=(side, lane), name=name, daemon=True).start()

    def _ask_inline(self) -> None:
        """Ask the engines that answer in this thread, each question in the order of slots that it asks for."""
        if not any(side.engine.is_inline for side in self._sides.values()):
            return
        for index, (_, _, first) in enumerate(self._questions):
            if time.monotonic() >= self._ends_at:
                return
            for side in (self._sides[first], self._sides[first.other]):
                if side.engine.is_inline:
                    self._handle(side, _Lane(side.engine.engine), index)
            self._pulse.beat_when_due()

    def _run_lane(self, side: _Side, lane: _Lane) -> None:
        """Put one question after the other to the engine, until none is left or time ends."""
        try:
            while (index := self._take(side, lane)) is not None and self._handle(side, lane, index):
                pass
        finally:
            with self._changed:
                lane.is_done = True
                self._changed.notify_all()

    def _take(self, side: _Side, lane: _Lane) -> int | None:
        """Wait until the next question may be put to the engine and return its index; None when there is none."""
        with self._changed:
            self._changed.wait_for(lambda: lane.is_done or self._may_take(side), timeout=_seconds_until(self._ends_at))
            is_late = self._is_over or lane.is_done or time.monotonic() >= self._ends_at
            if is_late or side.taken == len(self._questions):
                return None
            side.taken += 1
            self._changed.notify_all()
            return side.taken - 1

    def _may_take(self, side: _Side) -> bool:
        """Return whether an engine need not wait for the other one, which may be behind."""
        other = self._sides[side.engine.slot.other]
        has_end = self._is_over or side.taken == len(self._questions)
        return has_end or other.is_done or side.taken < other.taken + self._lead

    def _handle(self, side: _Side, lane: _Lane, index: int) -> bool:
        """Get an answer to a question and keep it; return False when time ends before the question is put."""
        signal, context, _ = self._questions[index]
        with self._changed:
            may_be_asked = side.engine.may_be_asked()
        if not may_be_asked:
            side.answers[index] = self._build_answer(side, index, engine_questions.unavailable_decision())
            return True
        readiness = engine_questions.wait_until_ready(lane.engine, until=self._ends_at)
        if isinstance(readiness, Decision):
            self._keep(side, lane, self._build_answer(side, index, readiness), index=index)
            return True
        if not readiness or time.monotonic() >= self._ends_at:
            return False
        put_at = time.monotonic()
        lane.index, lane.put_at = index, put_at
        decision = engine_questions.ask(lane.engine, signal, context, limit_s=side.engine.deadline_s)
        answer = self._build_answer(side, index, decision, latency_s=time.monotonic() - put_at, lane=lane)
        self._keep(side, lane, answer, index=index)
        return True

    def _keep(self, side: _Side, lane: _Lane, answer: EngineAnswer, *, index: int) -> None:
        """Keep an answer and record its outcome, unless the lane was abandoned or the round is over."""
        with self._changed:
            if lane.is_done or self._is_over:
                return
            lane.put_at = inf
            side.answers[index] = answer
            side.engine.record(answer)
            self._changed.notify_all()

    def _wait_for_lanes(self) -> None:
        """Wait until all lanes are done, abandoning those whose answer is overdue."""
        while True:
            with self._changed:
                self._abandon_overdue_lanes()
                if all(side.is_done for side in self._sides.values()):
                    return
                due = [side.due_at(lane) for side in self._sides.values() for lane in side.lanes]
                self._changed.wait(_seconds_until(min(self._pulse.due_at, *due)))
            self._pulse.beat_when_due()

    def _abandon_overdue_lanes(self) -> None:
        """Let a fresh lane take over from each that waits for an engine which does not keep its deadline itself."""
        now = time.monotonic()
        for side in self._sides.values():
            for lane in [lane for lane in side.lanes if not lane.is_done and side.due_at(lane) <= now]:
                assert lane.index is not None  # noqa: S101 - a lane that waits for an answer has put a question
                decision = engine_questions.timeout_decision(side.engine.deadline_s)
                answer = self._build_answer(side, lane.index, decision, latency_s=now - lane.put_at, lane=lane)
                self._keep(side, lane, answer, index=lane.index)
                lane.is_done = True
                self._start_lane(side, lane.engine)

    def _build_answer(
        self, side: _Side, index: int, decision: Decision, *, latency_s: float = 0.0, lane: _Lane | None = None
    ) -> EngineAnswer:
        return side.engine.build_answer(
            decision,
            context_hash=self._questions[index][1].context_hash,
            latency_s=latency_s,
            lane=None if lane is None else lane.engine,
        )

    def _collect_pairs(self) -> list[tuple[EngineAnswer, EngineAnswer]]:
        """Return the pairs of answers up to the first question that an engine has not answered."""
        pairs = list[tuple[EngineAnswer, EngineAnswer]]()
        for a, b in zip(self._sides[EngineSlot.A].answers, self._sides[EngineSlot.B].answers, strict=True):
            if a is None or b is None:
                break
            pairs.append((a, b))
        return pairs


class _Pulse:
    """Calls a heartbeat when it is due."""

    def __init__(self, heartbeat: Heartbeat | None) -> None:
        self._heartbeat = heartbeat
        self.due_at = inf if heartbeat is None else time.monotonic() + heartbeat.every_s

    def beat_when_due(self) -> None:
        """Call the heartbeat if its time has come."""
        if self._heartbeat is not None and time.monotonic() >= self.due_at:
            self._heartbeat.beat()
            self.due_at = time.monotonic() + self._heartbeat.every_s


def _seconds_until(moment: float) -> float | None:
    """Return the seconds until a moment on the monotonic clock, at least 0; None for one that never comes."""
    return None if moment == inf else max(0.0, moment - time.monotonic())
