"""The process that runs an engine of your own: `python -P -m trading_orchestrator.engine_host package.module:factory`.

It writes one line that names the engine, then answers each line with one line, until its input ends. A question is
the document that engines over HTTP receive, an answer has the form of theirs. What the engine prints goes to stderr,
so that it cannot get between the answers.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import json
import os
import sys
import threading
import time
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import msgspec

from trading_orchestrator import engine_limits
from trading_orchestrator.engine import EngineDecision
from trading_orchestrator.question import QuestionDocument

PATH_VARIABLE = "ENGINE_PATH"
PARENT_CHECK_S = 1.0
MAX_FAILURE = 2000
MAX_BARS_NEEDED = 250
# The longest line that the asking process reads.
MAX_LINE = 1_100_000
VERSION_LENGTH = 12
MAX_LATENCY_S = 60
_FORMER_MODULES = {"engines", "engines.api"}


class EngineUnusable(TypeError):
    """The factory cannot be found, or its result is not an engine."""


class AnswerUnusable(ValueError):
    """The engine returned something that is no decision, or one that cannot be written as JSON."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineGreeting:
    """The first line: the engine's name, version and declared latency (seconds), or why there is no engine."""

    name: str = ""
    version: str = ""
    declared_latency_s: Decimal | None = None
    bars_needed: int | None = None
    longest_hold: timedelta | None = None
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineReply:
    """An answer: a decision, the error that the engine raised (`failure`), or the fault of its answer (`complaint`)."""

    decision: EngineDecision | None = None
    failure: str | None = None
    complaint: str | None = None


_QUESTIONS = msgspec.json.Decoder(QuestionDocument)
_REPLIES = msgspec.json.Decoder(EngineReply)


def main(arguments: list[str]) -> None:
    """Host the engine named by the first argument; end when the input ends or the parent (second argument) dies."""
    if len(arguments) > 1:
        threading.Thread(target=_exit_with_parent, args=(int(arguments[1]),), daemon=True).start()
    engine_limits.tie_to_host()
    incoming, outgoing = _take_over_pipes()
    sys.path[:0] = engine_path()
    engine_limits.give_up_root(arguments[0].partition(":")[0])
    engine_limits.limit_resources()
    engine, greeting = _load_and_greet(arguments[0])
    _send_line(outgoing, msgspec.json.encode(greeting))
    if engine is not None:
        _serve_questions(engine, incoming, outgoing)


def engine_path() -> list[str]:
    """Return the folders that engines are imported from: those of ENGINE_PATH, else the working directory."""
    named = [folder for folder in os.environ.get(PATH_VARIABLE, "").split(os.pathsep) if folder]
    return [str(Path(folder).resolve()) for folder in named or ["."]]


def load_engine(spec: str) -> Any:
    """Import `package.module:factory`, call the factory and return its engine.

    Raises:
        EngineUnusable: when there is no such factory, or its result has no name, no decide or an impossible latency.
    """
    module, _, factory = spec.partition(":")
    build = getattr(importlib.import_module(module), factory, None)
    if not callable(build):
        raise EngineUnusable(f"module {module} has no callable {factory!r}")
    engine = build()
    if not callable(getattr(engine, "decide", None)):
        raise EngineUnusable(f"{factory} returned {type(engine).__name__}, which has no method decide(signal, context)")
    if not isinstance(getattr(engine, "name", None), str) or not engine.name:
        raise EngineUnusable(f"{factory} returned {type(engine).__name__}, which has no name")
    read_latency(engine)
    read_bars_needed(engine)
    read_longest_hold(engine)
    return engine


def read_latency(engine: Any) -> Decimal | None:
    """Return the engine's `declared_latency_s` in seconds; None when it declares none.

    Raises:
        EngineUnusable: when it is no number from 0 to 60.
    """
    declared = getattr(engine, "declared_latency_s", None)
    if declared is None:
        return None
    try:
        latency_s = Decimal(str(declared))
    except InvalidOperation:
        latency_s = Decimal("NaN")
    if isinstance(declared, bool) or not latency_s.is_finite() or not 0 <= latency_s <= MAX_LATENCY_S:
        raise EngineUnusable(f"declared_latency_s must be seconds from 0 to {MAX_LATENCY_S}, not {declared!r}")
    return latency_s.normalize() + 0


def read_bars_needed(engine: Any) -> int | None:
    """Return the engine's `bars_needed`; None when it declares none.

    Raises:
        EngineUnusable: when it is no whole number from 0 to 250, the number of bars that a context holds.
    """
    declared = getattr(engine, "bars_needed", None)
    if declared is None:
        return None
    if isinstance(declared, bool) or not isinstance(declared, int) or not 0 <= declared <= MAX_BARS_NEEDED:
        raise EngineUnusable(f"bars_needed must be a whole number from 0 to {MAX_BARS_NEEDED}, not {declared!r}")
    return declared


def read_longest_hold(engine: Any) -> timedelta | None:
    """Return the engine's `longest_hold`; None when it declares none.

    Raises:
        EngineUnusable: when it is no timedelta above zero.
    """
    declared = getattr(engine, "longest_hold", None)
    if declared is not None and (not isinstance(declared, timedelta) or declared <= timedelta(0)):
        raise EngineUnusable(f"longest_hold must be a timedelta above zero, as timedelta(hours=48), not {declared!r}")
    return declared


def answer_question(engine: Any, question: QuestionDocument) -> bytes:
    """Ask the engine and return its decision or its error as a reply line."""
    try:
        decision = engine.decide(question.signal, question.context)
    except Exception as error:  # noqa: BLE001 - any error that the engine raises is its answer
        return msgspec.json.encode(EngineReply(failure=_describe_error(error)))
    try:
        return _encode_decision(decision)
    except AnswerUnusable as error:
        return msgspec.json.encode(EngineReply(complaint=_escape_to_ascii(str(error))))


def _encode_decision(decision: object) -> bytes:
    if not isinstance(decision, EngineDecision):
        raise AnswerUnusable(f"an EngineDecision was expected, not {type(decision).__name__}")
    try:
        # msgspec writes NaN as null and takes more types than JSON has: a rationale must survive unchanged.
        json.dumps(decision.rationale, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise AnswerUnusable(f"the rationale must be a dict of JSON values: {error}") from error
    try:
        line = msgspec.json.encode(EngineReply(decision=decision))
        _REPLIES.decode(line)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise AnswerUnusable(f"the decision has another shape: {error}") from error
    if len(line) >= MAX_LINE:
        raise AnswerUnusable(f"the answer must stay within {MAX_LINE} bytes")
    return line


def _load_and_greet(spec: str) -> tuple[Any, EngineGreeting]:
    module = spec.partition(":")[0]
    try:
        engine = load_engine(spec)
    except ModuleNotFoundError as error:
        return None, EngineGreeting(failure=_describe_error(error) + _advise_on_missing_module(error, module))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - importing runs code that may raise anything
        return None, EngineGreeting(failure=_describe_error(error))
    version, latency_s = (
        str(getattr(engine, "version", None) or _source_hash(sys.modules[module])),
        read_latency(engine),
    )
    if latency_s is not None:
        # Another latency means other fills in a replay, so it must not pass for the same engine.
        version += f"+{latency_s:f}s"
    return engine, EngineGreeting(
        name=engine.name,
        version=version,
        declared_latency_s=latency_s,
        bars_needed=read_bars_needed(engine),
        longest_hold=read_longest_hold(engine),
    )


def _advise_on_missing_module(error: ModuleNotFoundError, module: str) -> str:
    missing = error.name or ""
    if missing in _FORMER_MODULES:
        return (
            "; what engines.api had is in trading_orchestrator.engine now: from trading_orchestrator.engine import ..."
        )
    if module == missing or module.startswith(f"{missing}."):
        return (
            f"; looked for in {_escape_to_ascii(os.pathsep.join(engine_path()))} ({PATH_VARIABLE} names other folders)"
        )
    return ""


def _serve_questions(engine: Any, incoming: BinaryIO, outgoing: BinaryIO) -> None:
    for text in incoming:
        _send_line(outgoing, answer_question(engine, _QUESTIONS.decode(text)))


def _take_over_pipes() -> tuple[BinaryIO, BinaryIO]:
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return incoming, outgoing


def _send_line(outgoing: BinaryIO, line: bytes) -> None:
    outgoing.write(line + b"\n")
    outgoing.flush()


def _exit_with_parent(parent: int) -> None:
    # The end of input is seen only between answers; an engine caught in a loop would outlive its parent.
    while os.getppid() == parent:
        time.sleep(PARENT_CHECK_S)
    os._exit(1)


def _source_hash(module: ModuleType) -> str:
    file = inspect.getsourcefile(module)
    if file is None:
        return "unversioned"
    # Read as text, so that the same source has the same version whatever its newlines are.
    source = Path(file).read_text(encoding="utf-8")
    return hashlib.sha256(source.encode()).hexdigest()[:VERSION_LENGTH]


def _describe_error(error: BaseException) -> str:
    return _escape_to_ascii(f"{type(error).__name__}: {error}")[:MAX_FAILURE]


def _escape_to_ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii")


if __name__ == "__main__":
    main(sys.argv[1:])
