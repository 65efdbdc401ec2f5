"""The process that runs an engine of your own: `python -P -m trading_orchestrator.engine_host package.module:factory`.

It greets with one line, then answers each line with one line, until its input ends. A question is the document that
engines over HTTP receive, an answer has the form of theirs. What the engine prints goes to stderr, so that it cannot
get between the answers.
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
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

import msgspec

from trading_orchestrator.engine import Decision
from trading_orchestrator.question import Question

PATH_VARIABLE = "ENGINE_PATH"
PARENT_CHECK_S = 1.0
MAX_FAILURE = 2000
# As much as the other side reads of one line.
MAX_LINE = 1_100_000
VERSION_LENGTH = 12
_FORMER_MODULES = {"engines", "engines.api"}


class EngineUnusable(TypeError):
    """The factory cannot be found, or what it returns is no engine."""


class AnswerUnusable(ValueError):
    """The engine returned something that is no decision or cannot be written as one; the message says what."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeting:
    """The first line: which engine runs here, or why none does."""

    name: str = ""
    version: str = ""
    failure: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer: a decision, or what the engine raised (`failure`), or what is wrong with its answer (`complaint`)."""

    decision: Decision | None = None
    failure: str | None = None
    complaint: str | None = None


_QUESTIONS = msgspec.json.Decoder(Question)
_REPLIES = msgspec.json.Decoder(Reply)


def main(arguments: list[str]) -> None:
    """Host the engine named by the first argument; end when the input ends or the parent (second argument) dies."""
    if len(arguments) > 1:
        threading.Thread(target=_end_with, args=(int(arguments[1]),), daemon=True).start()
    incoming, outgoing = _take_pipes()
    sys.path[:0] = engine_path()
    engine, greeting = _greet(arguments[0])
    _send(outgoing, msgspec.json.encode(greeting))
    if engine is not None:
        _serve(engine, incoming, outgoing)


def engine_path() -> list[str]:
    """Return the folders that engines are looked for in: those of ENGINE_PATH, else the working directory."""
    given = [folder for folder in os.environ.get(PATH_VARIABLE, "").split(os.pathsep) if folder]
    return [str(Path(folder).resolve()) for folder in given or ["."]]


def make(spec: str) -> Any:
    """Import `package.module:factory`, call the factory and return its engine.

    Raises:
        EngineUnusable: when there is no such factory, or its result has no name or no decide.
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
    return engine


def answer(engine: Any, question: Question) -> bytes:
    """Ask the engine and write what came of it as a reply."""
    try:
        decision = engine.decide(question.signal, question.context)
    except Exception as error:  # noqa: BLE001 - whatever the engine raises is its answer
        return msgspec.json.encode(Reply(failure=_describe(error)))
    try:
        return _written(decision)
    except AnswerUnusable as error:
        return msgspec.json.encode(Reply(complaint=_ascii(str(error))))


def _written(decision: object) -> bytes:
    if not isinstance(decision, Decision):
        raise AnswerUnusable(f"a Decision was expected, not {type(decision).__name__}")
    try:
        # msgspec writes NaN as null and takes more types than JSON has: a rationale must say what it means.
        json.dumps(decision.rationale, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise AnswerUnusable(f"the rationale must be a dict of JSON values: {error}") from error
    try:
        line = msgspec.json.encode(Reply(decision=decision))
        _REPLIES.decode(line)
    except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
        raise AnswerUnusable(f"the decision has another shape: {error}") from error
    if len(line) >= MAX_LINE:
        raise AnswerUnusable(f"the answer must stay within {MAX_LINE} bytes")
    return line


def _greet(spec: str) -> tuple[Any, Greeting]:
    module = spec.partition(":")[0]
    try:
        engine = make(spec)
    except ModuleNotFoundError as error:
        return None, Greeting(failure=_describe(error) + _advice(error, module))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - importing runs code that may raise anything
        return None, Greeting(failure=_describe(error))
    version = getattr(engine, "version", None) or _source_hash(sys.modules[module])
    return engine, Greeting(name=engine.name, version=str(version))


def _advice(error: ModuleNotFoundError, module: str) -> str:
    missing = error.name or ""
    if missing in _FORMER_MODULES:
        return (
            "; what engines.api had is in trading_orchestrator.engine now: from trading_orchestrator.engine import ..."
        )
    if module == missing or module.startswith(f"{missing}."):
        return f"; looked for in {_ascii(os.pathsep.join(engine_path()))} ({PATH_VARIABLE} names other folders)"
    return ""


def _serve(engine: Any, incoming: BinaryIO, outgoing: BinaryIO) -> None:
    for text in incoming:
        _send(outgoing, answer(engine, _QUESTIONS.decode(text)))


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return incoming, outgoing


def _send(outgoing: BinaryIO, line: bytes) -> None:
    outgoing.write(line + b"\n")
    outgoing.flush()


def _end_with(parent: int) -> None:
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


def _describe(error: BaseException) -> str:
    return _ascii(f"{type(error).__name__}: {error}")[:MAX_FAILURE]


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode("ascii")


if __name__ == "__main__":
    main(sys.argv[1:])
