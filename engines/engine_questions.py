"""One question to one engine: the engine is asked, and any failure becomes an ERROR decision."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias, runtime_checkable

from domain.context import MarketContext
from domain.decision import Decision, EngineSlot, Verdict
from domain.ports import Engine
from domain.signal import Signal
from engines.answers import AnswerInvalid, validate_answer
from engines.hosted import EngineTimeout
from engines.remote import RemoteFailed

Questions: TypeAlias = Sequence[tuple[Signal, MarketContext, EngineSlot]]

MAX_ERROR = 500


@runtime_checkable
class KeepsDeadline(Protocol):
    """Engine outside this process, which enforces the deadline itself."""

    def decide_within(self, signal: Signal, context: MarketContext, *, deadline_s: float) -> Decision:
        """Return a decision within `deadline_s`, or raise."""
        ...


@runtime_checkable
class NeedsStart(Protocol):
    """Engine that must be started before it can take a question."""

    def wait_until_ready(self, *, until: float) -> bool:
        """Start the engine when needed and wait for it; return False when `until` (monotonic clock) passes first.

        Raises:
            Exception: when the engine cannot be started.
        """
        ...


def is_inline(engine: Engine) -> bool:
    """Return whether an engine answers in the caller's thread: the built-in ones do, being quick and pure."""
    return bool(getattr(engine, "is_inline", False))


def lanes_of(engine: Engine) -> Sequence[Engine]:
    """Return what takes the engine's questions, one at a time each: its `lanes`, else the engine itself."""
    lanes: Sequence[Engine] = getattr(engine, "lanes", (engine,))
    return lanes


def wait_until_ready(engine: Engine, *, until: float) -> bool | Decision:
    """Return whether an engine can take a question before `until`; an ERROR decision when it cannot be started."""
    if not isinstance(engine, NeedsStart):
        return True
    try:
        return engine.wait_until_ready(until=until)
    except Exception as error:  # noqa: BLE001 - starting runs code of a user, which may fail in any way
        return _describe_failure(error)


def ask(engine: Engine, signal: Signal, context: MarketContext, *, limit_s: float) -> Decision:
    """Ask one engine one question; any failure becomes an ERROR decision."""
    try:
        if isinstance(engine, KeepsDeadline):
            decision = engine.decide_within(signal, context, deadline_s=limit_s)
        else:
            decision = engine.decide(signal, context)
        return validate_answer(decision, context)
    except EngineTimeout as error:
        return error_decision("engine_timeout", f"{error} of {limit_s:g} s")
    except Exception as error:  # noqa: BLE001 - an engine may raise anything, and must not harm the other one
        return _describe_failure(error)


def timeout_decision(deadline_s: float) -> Decision:
    """Return the ERROR decision about an engine that took longer than its deadline."""
    return error_decision("engine_timeout", f"no answer within the deadline of {deadline_s:g} s")


def unavailable_decision() -> Decision:
    """Return the ERROR decision about an engine that is not asked for now."""
    return error_decision("engine_unavailable", "the engine failed several times in a row and is not asked for a while")


def error_decision(reason: str, message: str) -> Decision:
    """Return an ERROR decision; the message is shortened, and made ASCII without NUL for the database."""
    text = message.encode("ascii", "backslashreplace").decode("ascii").replace("\x00", "")
    return Decision(verdict=Verdict.ERROR, reasons=(reason,), rationale={}, error=text[:MAX_ERROR])


def _describe_failure(error: Exception) -> Decision:
    """Return the ERROR decision about an exception."""
    match error:
        case RemoteFailed():
            return error_decision(error.reason, str(error))
        case AnswerInvalid():
            return error_decision("engine_invalid_answer", str(error))
        case _:
            return error_decision("engine_error", f"{type(error).__name__}: {error}")
