"""The process that hosts one's own engine: `python -m engines.host package.module:factory`.

It greets with one line, then answers each line with one line, until its input ends. What the engine prints goes to
stderr, so that it cannot get between the answers.
"""

from __future__ import annotations

import hashlib
import importlib
import inspect
import os
import sys
import threading
import time
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

from engines import answers, wire
from engines.version import LENGTH, normalised

PARENT_CHECK_S = 1.0
MAX_FAILURE = 2000


class EngineUnusable(TypeError):
    """The factory cannot be found, or what it returns is no engine."""


def main(arguments: list[str]) -> None:
    """Host the engine named by the first argument; end when the input ends or the parent (second argument) dies."""
    if len(arguments) > 1:
        threading.Thread(target=_end_with, args=(int(arguments[1]),), daemon=True).start()
    incoming, outgoing = _take_pipes()
    engine, greeting = _greet(arguments[0])
    _send(outgoing, wire.line(greeting))
    if engine is not None:
        _serve(engine, incoming, outgoing)


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


def answer(engine: Any, question: wire.Question) -> wire.Reply:
    """Ask the engine and put what came of it into a reply."""
    try:
        said = engine.decide(question.signal, question.context)
    except Exception as error:  # noqa: BLE001 - whatever the engine raises is its answer
        return wire.Reply(failure=_told(error))
    try:
        return wire.Reply(decision=answers.checked(said, question.context))
    except answers.AnswerInvalid as error:
        return wire.Reply(complaint=str(error))


def _greet(spec: str) -> tuple[Any, wire.Greeting]:
    try:
        engine = make(spec)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - importing runs code that may raise anything
        return None, wire.Greeting(failure=_told(error))
    version = getattr(engine, "version", None) or _source_hash(sys.modules[spec.partition(":")[0]])
    return engine, wire.Greeting(name=engine.name, version=str(version))


def _serve(engine: Any, incoming: BinaryIO, outgoing: BinaryIO) -> None:
    for text in incoming:
        reply = answer(engine, wire.question(text))
        _send(outgoing, wire.line(reply))


def _take_pipes() -> tuple[BinaryIO, BinaryIO]:
    incoming, outgoing = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return incoming, outgoing


def _send(outgoing: BinaryIO, line: bytes) -> None:
    outgoing.write(line)
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
    source = normalised(Path(file).read_text(encoding="utf-8"))
    return hashlib.sha256(source.encode()).hexdigest()[:LENGTH]


def _told(error: BaseException) -> str:
    text = f"{type(error).__name__}: {error}"
    return text.encode("ascii", "backslashreplace").decode("ascii")[:MAX_FAILURE]


if __name__ == "__main__":
    main(sys.argv[1:])
