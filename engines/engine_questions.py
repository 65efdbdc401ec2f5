"""One round of questions: each is put to both engines, under one common deadline."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Mapping, Sequence
from decimal import Decimal
from typing import Protocol, TypeAlias, runtime_checkable

from domain.context import MarketContext
from domain.decision import Decision, EngineAnswer, EngineSlot, Verdict
from domain.ports import Engine
from domain.signal import Signal
from engines.answers import AnswerInvalid, validate_answer
from engines.hosted import EngineTimeout
from engines.remote import RemoteFailed

Questions: TypeAlias = Sequence[tuple[Signal, MarketContext, EngineSlot]]

# An engine that keeps the deadline itself needs a moment to close its process or its connection.
GRACE_S = 0.5
MAX_ERROR = 500
_MICROSECOND = Decimal("0.001")


@runtime_checkable
class KeepsDeadline(Protocol):
    """Engine outside this process, which enforces the deadline itself."""

    def decide_within(self, signal: Signal, context: MarketContext, *, deadline_s: float) -> Decision:
        """Return a decision within `deadline_s`, or raise."""
        ...


class QuestionRound:
    """Answers of both engines to the same questions; a question that is not answered in time gets an ERROR answer."""

    def __init__(self, questions: Questions, *, engines: Mapping[EngineSlot, Engine], deadline_s: float) -> None:
        self._questions = questions
        self._engines = engines
        self._deadline_s = deadline_s
        self._deadline_at = time.monotonic() + deadline_s
        self._answers: dict[EngineSlot, list[EngineAnswer | None]] = {
            slot: [None] * len(questions) for slot in EngineSlot
        }

    def run(self, slots: Collection[EngineSlot]) -> dict[EngineSlot, list[EngineAnswer]]:
        """Ask the engines of `slots` and return an answer to each question by slot, in order."""
        order = (self._questions[0][2], self._questions[0][2].other) if self._questions else ()
        inline = {slot for slot in slots if is_inline(self._engines[slot])}
        threaded = [slot for slot in order if slot in slots and slot not in inline]
        threads = [thread for slot in threaded for thread in self._start_threads(slot)]
        for index, (_, _, first_slot) in enumerate(self._questions):
            for slot in (first_slot, first_slot.other):
                if slot in inline:
                    self._ask(slot, index)
        for thread in threads:
            thread.join(max(0.0, self._deadline_at + GRACE_S - time.monotonic()))
        return {slot: self._fill_unanswered(slot, was_asked=slot in slots) for slot in EngineSlot}

    def _start_threads(self, slot: EngineSlot) -> list[threading.Thread]:
        """Start as many threads as the engine takes questions at once."""
        # Daemons: an engine that hangs in our own process must not keep that process from ending.
        open_questions = _OpenQuestions(len(self._questions))
        count = min(len(self._questions), max_concurrent_questions(self._engines[slot]))
        threads = [
            threading.Thread(
                target=self._ask_remaining, args=(slot, open_questions), name=f"engine-{slot.value}", daemon=True
            )
            for _ in range(count)
        ]
        for thread in threads:
            thread.start()
        return threads

    def _ask_remaining(self, slot: EngineSlot, open_questions: _OpenQuestions) -> None:
        while (index := open_questions.take()) is not None:
            self._ask(slot, index)

    def _ask(self, slot: EngineSlot, index: int) -> None:
        """Ask an engine one question and keep its answer, unless the deadline has passed."""
        started_at = time.monotonic()
        if started_at >= self._deadline_at:
            return
        signal, context, _ = self._questions[index]
        decision = ask(self._engines[slot], signal, context, limit_s=self._time_limit_s(index, now=started_at))
        ended_at = time.monotonic()
        if ended_at <= self._deadline_at + GRACE_S:
            self._answers[slot][index] = self._build_answer(slot, index, decision, latency_s=ended_at - started_at)

    def _time_limit_s(self, index: int, *, now: float) -> float:
        """Return the time that one question may take: half of the time left, all of it for the last question."""
        # One signal that hangs an engine must leave time for those after it.
        remaining_s = self._deadline_at - now
        return remaining_s if index == len(self._questions) - 1 else remaining_s / 2

    def _fill_unanswered(self, slot: EngineSlot, *, was_asked: bool) -> list[EngineAnswer]:
        """Return the engine's answers, with an ERROR answer for each question that has none."""
        no_answer = error_decision("engine_timeout", "no answer within the deadline")
        if not was_asked:
            no_answer = error_decision(
                "engine_unavailable", "the engine failed several times in a row and is not asked for a while"
            )
        latency_s = self._deadline_s if was_asked else 0.0
        return [
            answer or self._build_answer(slot, index, no_answer, latency_s=latency_s)
            for index, answer in enumerate(tuple(self._answers[slot]))
        ]

    def _build_answer(self, slot: EngineSlot, index: int, decision: Decision, *, latency_s: float) -> EngineAnswer:
        engine = self._engines[slot]
        return EngineAnswer(
            slot=slot,
            engine=engine.name,
            version=engine.version,
            context_hash=self._questions[index][1].context_hash,
            decision=decision,
            latency_ms=Decimal(latency_s * 1000).quantize(_MICROSECOND),
        )


class _OpenQuestions:
    """Indexes of a round's questions, each taken once by one of several threads."""

    def __init__(self, count: int) -> None:
        self._indexes = iter(range(count))
        self._lock = threading.Lock()

    def take(self) -> int | None:
        """Return the next index, None when all are taken."""
        with self._lock:
            return next(self._indexes, None)


def is_inline(engine: Engine) -> bool:
    """Return whether an engine answers in the caller's thread: the built-in ones do, being quick and pure."""
    return bool(getattr(engine, "is_inline", False))


def max_concurrent_questions(engine: Engine) -> int:
    """Return how many questions an engine takes at once: its `max_concurrent`, else one."""
    return int(getattr(engine, "max_concurrent", 1))


def ask(engine: Engine, signal: Signal, context: MarketContext, *, limit_s: float) -> Decision:
    """Ask one engine one question; any failure becomes an ERROR decision."""
    try:
        if isinstance(engine, KeepsDeadline):
            decision = engine.decide_within(signal, context, deadline_s=limit_s)
        else:
            decision = engine.decide(signal, context)
        return validate_answer(decision, context)
    except EngineTimeout as error:
        return error_decision("engine_timeout", str(error))
    except RemoteFailed as error:
        return error_decision(error.reason, str(error))
    except AnswerInvalid as error:
        return error_decision("engine_invalid_answer", str(error))
    except Exception as error:  # noqa: BLE001 - an engine may raise anything, and must not harm the other one
        return error_decision("engine_error", f"{type(error).__name__}: {error}")


def error_decision(reason: str, message: str) -> Decision:
    """Return an ERROR decision; the message is shortened, and made ASCII without NUL for the database."""
    text = message.encode("ascii", "backslashreplace").decode("ascii").replace("\x00", "")
    return Decision(verdict=Verdict.ERROR, reasons=(reason,), rationale={}, error=text[:MAX_ERROR])
