"""An engine in its slot of the panel: its deadline, its circuit breaker, and the form of its answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from decimal import Decimal
from typing import Protocol, runtime_checkable

import structlog

from domain.decision import Decision, EngineAnswer, EngineSlot, Verdict
from domain.ports import Engine
from engines import engine_questions
from engines.breaker import COOLDOWN_S, CircuitBreaker

DEADLINE_S = 5.0
_MICROSECOND = Decimal("0.001")
log = structlog.get_logger()


@runtime_checkable
class RunsProcesses(Protocol):
    """Engine with processes of its own."""

    @property
    def is_ready(self) -> bool:
        """True unless the processes could not be started."""
        ...

    def close(self) -> None:
        """End the processes."""
        ...


class PanelEngine:
    """One of the two engines of a panel; a question may take `deadline_s` seconds.

    The breaker counts what the engine did with questions that were put to it, and nothing else.
    """

    def __init__(
        self,
        slot: EngineSlot,
        engine: Engine,
        *,
        deadline_s: float = DEADLINE_S,
        clock: Callable[[], float] = time.monotonic,
        cooldown_s: float = COOLDOWN_S,
    ) -> None:
        self.slot = slot
        self.engine = engine
        self.deadline_s = deadline_s
        self._clock = clock
        self._breaker = CircuitBreaker(cooldown_s=cooldown_s)

    @property
    def is_inline(self) -> bool:
        """True for an engine that answers in the caller's thread, without a deadline."""
        return engine_questions.is_inline(self.engine)

    @property
    def lanes(self) -> Sequence[Engine]:
        """What takes the engine's questions, one at a time each."""
        return engine_questions.lanes_of(self.engine)

    @property
    def is_available(self) -> bool:
        """True when the engine could be started and is not in the cooldown after repeated failures."""
        return self.may_be_asked() and (self.engine.is_ready if isinstance(self.engine, RunsProcesses) else True)

    def may_be_asked(self) -> bool:
        """Return whether the engine's circuit breaker lets questions through now."""
        return not self._breaker.is_open(now=self._clock())

    def record(self, answer: EngineAnswer) -> None:
        """Record the outcome of a question in the breaker, and log when it opens or closes. Not safe in threads."""
        had_tripped = self._breaker.has_tripped
        self._breaker.record(is_failure=answer.decision.verdict is Verdict.ERROR, now=self._clock())
        if self._breaker.has_tripped and not had_tripped:
            log.warning("engine.left_alone", engine=self.slot.value, reasons=answer.decision.reasons)
        elif had_tripped and not self._breaker.has_tripped:
            log.info("engine.taken_back", engine=self.slot.value)

    def build_answer(
        self, decision: Decision, *, context_hash: str, latency_s: float = 0.0, lane: Engine | None = None
    ) -> EngineAnswer:
        """Return a decision with its origin; `lane` is what answered the question, if anything did."""
        engine = lane or self.engine
        return EngineAnswer(
            slot=self.slot,
            engine=engine.name,
            version=engine.version,
            context_hash=context_hash,
            decision=decision,
            latency_ms=Decimal(latency_s * 1000).quantize(_MICROSECOND),
            declared_latency_s=engine.latency_s,
        )

    def close(self) -> None:
        """End the engine's processes, if it has any."""
        if isinstance(self.engine, RunsProcesses):
            self.engine.close()
