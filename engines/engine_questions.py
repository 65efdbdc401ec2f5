"""One round of questions: every pair put to both engines until the deadline."""

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
from engines.answers import AnswerInvalid, checked
from engines.hosted import EngineTimeout
from engines.remote import RemoteFailed

Asked: TypeAlias = Sequence[tuple[Signal, MarketContext, EngineSlot]]

# An engine that keeps the deadline itself needs a moment to give up its process or its connection.
GRACE_S = 0.5
MAX_ERROR = 500
_MICROSECOND = Decimal("0.001")


@runtime_checkable
class KeepsDeadline(Protocol):
    """An engine outside this process, which gives up by itself."""

    def decide_within(self, signal: Signal, context: MarketContext, *, deadline_s: float) -> Decision:
        """Answer within `deadline_s`, or raise."""
        ...


class Round:
    """Answers of both engines to the same questions; what is not answered in time stays unanswered."""

    def __init__(self, asked: Asked, *, engines: Mapping[EngineSlot, Engine], deadline_s: float) -> None:
        self._asked = asked
        self._engines = engines
        self._deadline_s = deadline_s
        self._deadline_at = time.monotonic() + deadline_s
        self._answers: dict[EngineSlot, list[EngineAnswer | None]] = {slot: [None] * len(asked) for slot in EngineSlot}

    def run(self, slots: Collection[EngineSlot]) -> dict[EngineSlot, list[EngineAnswer]]:
        """Ask the engines of `slots` and return an answer to each question by slot, in order."""
        order = (self._asked[0][2], self._asked[0][2].other) if self._asked else ()
        inline = {slot for slot in slots if is_inline(self._engines[slot])}
        threads = [one for slot in order if slot in slots and slot not in inline for one in self._start(slot)]
        for at, (_, _, first) in enumerate(self._asked):
            for slot in (first, first.other):
                if slot in inline:
                    self._ask(slot, at)
        for thread in threads:
            thread.join(max(0.0, self._deadline_at + GRACE_S - time.monotonic()))
        return {slot: self._completed(slot, was_asked=slot in slots) for slot in EngineSlot}

    def _start(self, slot: EngineSlot) -> list[threading.Thread]:
        # Daemons: an engine that hangs in our own process must not keep that process from ending.
        places = _Places(len(self._asked))
        count = min(len(self._asked), side_by_side(self._engines[slot]))
        threads = [
            threading.Thread(target=self._ask_all, args=(slot, places), name=f"engine-{slot.value}", daemon=True)
            for _ in range(count)
        ]
        for thread in threads:
            thread.start()
        return threads

    def _ask_all(self, slot: EngineSlot, places: _Places) -> None:
        while (at := places.take()) is not None:
            self._ask(slot, at)

    def _ask(self, slot: EngineSlot, at: int) -> None:
        started_at = time.monotonic()
        if started_at >= self._deadline_at:
            return
        signal, context, _ = self._asked[at]
        decision = decide(self._engines[slot], signal, context, limit_s=self._share(at, now=started_at))
        ended_at = time.monotonic()
        if ended_at <= self._deadline_at + GRACE_S:
            self._answers[slot][at] = self._answer(slot, at, decision, latency_s=ended_at - started_at)

    def _share(self, at: int, *, now: float) -> float:
        # One signal that hangs an engine must leave time for those after it.
        left = self._deadline_at - now
        return left if at == len(self._asked) - 1 else left / 2

    def _completed(self, slot: EngineSlot, *, was_asked: bool) -> list[EngineAnswer]:
        nothing = failure("engine_timeout", "no answer within the deadline")
        if not was_asked:
            nothing = failure("engine_unavailable", "the engine failed several times in a row and is left alone")
        latency_s = self._deadline_s if was_asked else 0.0
        return [
            answer or self._answer(slot, at, nothing, latency_s=latency_s)
            for at, answer in enumerate(tuple(self._answers[slot]))
        ]

    def _answer(self, slot: EngineSlot, at: int, decision: Decision, *, latency_s: float) -> EngineAnswer:
        engine = self._engines[slot]
        return EngineAnswer(
            slot=slot,
            engine=engine.name,
            version=engine.version,
            context_hash=self._asked[at][1].context_hash,
            decision=decision,
            latency_ms=Decimal(latency_s * 1000).quantize(_MICROSECOND),
        )


class _Places:
    """The places of a round's questions, each taken once by one of several threads."""

    def __init__(self, count: int) -> None:
        self._left = iter(range(count))
        self._lock = threading.Lock()

    def take(self) -> int | None:
        with self._lock:
            return next(self._left, None)


def is_inline(engine: Engine) -> bool:
    """Say whether an engine is quick and pure enough to answer in the caller's thread: the built-in ones are."""
    return bool(getattr(engine, "is_inline", False))


def side_by_side(engine: Engine) -> int:
    """Say how many questions an engine takes at once: one, unless it says otherwise."""
    return int(getattr(engine, "side_by_side", 1))


def decide(engine: Engine, signal: Signal, context: MarketContext, *, limit_s: float) -> Decision:
    """Ask one engine once; whatever goes wrong becomes an ERROR decision."""
    try:
        if isinstance(engine, KeepsDeadline):
            said = engine.decide_within(signal, context, deadline_s=limit_s)
        else:
            said = engine.decide(signal, context)
        return checked(said, context)
    except EngineTimeout as error:
        return failure("engine_timeout", str(error))
    except RemoteFailed as error:
        return failure(error.reason, str(error))
    except AnswerInvalid as error:
        return failure("engine_invalid_answer", str(error))
    except Exception as error:  # noqa: BLE001 - an engine may raise anything, and must not harm the other one
        return failure("engine_error", f"{type(error).__name__}: {error}")


def failure(reason: str, message: str) -> Decision:
    """Return an ERROR decision; the message is cut and stripped of what a database refuses."""
    text = message.encode("ascii", "backslashreplace").decode("ascii").replace("\x00", "")
    return Decision(verdict=Verdict.ERROR, reasons=(reason,), rationale={}, error=text[:MAX_ERROR])
