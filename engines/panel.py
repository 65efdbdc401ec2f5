"""The panel: both engines of a comparison, asked under one deadline, isolated from each other's failures."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import structlog

from domain.decision import EngineAnswer, EngineSlot, Verdict
from domain.ports import Engine
from engines.breaker import COOLDOWN_S, CircuitBreaker
from engines.engine_questions import QuestionRound, Questions
from engines.hosted import HostedEngine

log = structlog.get_logger()


class Panel:
    """The two engines of a comparison.

    Built-in engines are pure and quick, and answer in the caller's thread, each question in the order of slots that it
    asks for. Any other engine is asked in threads of its own, so that a hanging engine loses only its own answers; the
    slot that the first question asks first is started first. An engine that fails five times in a row is not asked for
    `cooldown_s`; each worker process counts its own failures.
    """

    def __init__(
        self,
        engines: Mapping[EngineSlot, Engine],
        *,
        clock: Callable[[], float] = time.monotonic,
        cooldown_s: float = COOLDOWN_S,
    ) -> None:
        self._engines = {slot: engines[slot] for slot in EngineSlot}
        self._clock = clock
        self._breakers = {slot: CircuitBreaker(cooldown_s=cooldown_s) for slot in EngineSlot}

    @property
    def versions(self) -> Mapping[EngineSlot, str]:
        """Engine name and version by slot, as `name@version`."""
        return {slot: f"{engine.name}@{engine.version}" for slot, engine in self._engines.items()}

    @property
    def available(self) -> frozenset[EngineSlot]:
        """The slots whose engine could be started and is not in the cooldown after repeated failures."""
        return frozenset(slot for slot in EngineSlot if self._may_ask(slot) and self._is_ready(slot))

    def decide_all(self, questions: Questions, *, deadline_s: float) -> list[tuple[EngineAnswer, EngineAnswer]]:
        """Ask both engines about each (signal, context, slot to ask first); answers come as (A, B), in order.

        A failure becomes an ERROR decision with the reason `engine_error`, `engine_timeout`,
        `engine_invalid_answer`, a remote engine's kind of failure (`engine_http_status`, ...), or
        `engine_unavailable` while the breaker is open.
        """
        slots = frozenset(slot for slot in EngineSlot if self._may_ask(slot))
        answers = QuestionRound(questions, engines=self._engines, deadline_s=deadline_s).run(slots)
        for slot in slots:
            self._record_outcomes(slot, answers[slot])
        return list(zip(answers[EngineSlot.A], answers[EngineSlot.B], strict=True))

    def close(self) -> None:
        """End the processes of hosted engines."""
        for engine in self._engines.values():
            if isinstance(engine, HostedEngine):
                engine.close()

    def _may_ask(self, slot: EngineSlot) -> bool:
        """Return whether the engine may be asked now: its circuit breaker is not open."""
        return not self._breakers[slot].is_open(now=self._clock())

    def _is_ready(self, slot: EngineSlot) -> bool:
        engine = self._engines[slot]
        return engine.is_ready if isinstance(engine, HostedEngine) else True

    def _record_outcomes(self, slot: EngineSlot, answers: list[EngineAnswer]) -> None:
        """Record the answers in the slot's breaker, and log when it opens or closes."""
        breaker, now = self._breakers[slot], self._clock()
        had_tripped = breaker.has_tripped
        for answer in answers:
            breaker.record(is_failure=answer.decision.verdict is Verdict.ERROR, now=now)
        if breaker.has_tripped and not had_tripped:
            log.warning("engine.left_alone", engine=slot.value, reasons=answers[-1].decision.reasons)
        elif had_tripped and not breaker.has_tripped:
            log.info("engine.taken_back", engine=slot.value)
