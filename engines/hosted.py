"""One's own Python engine, run in a process of its own so that it can be given up without harm."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

import msgspec

from domain.context import MarketContext
from domain.decision import Decision
from domain.signal import Signal
from engines import wire
from engines.answers import AnswerInvalid, checked
from engines.process import LineProcess, LineTimeout, LineTooLong, ProcessGone
from trading_orchestrator import engine_host

DECIDE_DEADLINE_S = 5.0
START_DEADLINE_S = 20.0
# An engine decides from what it is given; the owner's secrets are none of its business.
_WITHHELD = frozenset(
    {
        "DATABASE_URL",
        "MIGRATION_DATABASE_URL",
        "REDIS_URL",
        "BROKER_URL",
        "SECRET_KEY",
        "API_TOKEN",
        "BROKER_KEY",
        "BROKER_SECRET",
        "ENGINE_SECRET",
        "FLOWER_BASIC_AUTH",
        "FLOWER_BROKER_API",
    }
)


class EngineNotUsable(RuntimeError):
    """The engine cannot be imported or is none: a mistake in the configuration or in its code."""


class EngineTimeout(TimeoutError):
    """The engine did not answer within its deadline."""


class EngineFailed(RuntimeError):
    """The engine raised, or its process ended while it was asked."""


class HostedEngine:
    """An engine behind a pipe. After a timeout or a crash its process is replaced; it is asked one thing at a time.

    `path` holds the folders its code is looked for in, the working directory when there are none. `name` and
    `version` are known after `start`; the version follows the code a restart finds.
    """

    is_inline = False

    def __init__(self, spec: str, *, path: Sequence[Path] = (), start_deadline_s: float = START_DEADLINE_S) -> None:
        self.name = spec
        self.version = "unknown"
        self.failure: str | None = None
        self._spec = spec
        self._path = tuple(path)
        self._start_deadline_s = start_deadline_s
        self._process: LineProcess | None = None
        self._started_at = 0.0
        self._is_greeted = False
        self._lock = threading.Lock()

    @property
    def is_ready(self) -> bool:
        """Whether the last attempt to start it did not fail."""
        return self.failure is None

    def start(self) -> None:
        """Start the process and learn the engine's name and version.

        Raises:
            EngineNotUsable: when it cannot be imported or is no engine.
            EngineTimeout, EngineFailed: when the process does not get that far.
        """
        with self._lock:
            self._ready(deadline_at=time.monotonic() + self._start_deadline_s)

    def decide(self, signal: Signal, context: MarketContext) -> Decision:
        """Ask under the default deadline; raises as `decide_within` does."""
        return self.decide_within(signal, context, deadline_s=DECIDE_DEADLINE_S)

    def decide_within(self, signal: Signal, context: MarketContext, *, deadline_s: float) -> Decision:
        """Ask the engine and return its answer within `deadline_s`.

        Raises:
            EngineTimeout: when it does not come in time.
            EngineFailed, EngineNotUsable: when the engine raises, ends, or cannot be started.
            AnswerInvalid: when the answer is no decision.
        """
        question = wire.line(wire.Question(signal=signal, context=context))
        with self._lock:
            deadline_at = time.monotonic() + deadline_s
            reply = self._ask(self._ready(deadline_at=deadline_at), question, deadline_at=deadline_at)
        if reply.decision is None:
            raise AnswerInvalid(reply.complaint) if reply.complaint else EngineFailed(reply.failure or "no answer")
        return checked(reply.decision, context)

    def close(self) -> None:
        """End the process; the next question would start another."""
        with self._lock:
            self._drop()

    def _ask(self, process: LineProcess, question: bytes, *, deadline_at: float) -> wire.Reply:
        try:
            return wire.reply(process.exchange(question, deadline_at=deadline_at))
        except LineTimeout:
            self._replace()
            raise EngineTimeout("no answer within the deadline") from None
        except ProcessGone as error:
            self._replace()
            raise EngineFailed(str(error)) from None
        except (LineTooLong, msgspec.DecodeError, UnicodeDecodeError) as error:
            self._replace()
            raise AnswerInvalid(f"the answer cannot be read: {error}") from None

    def _ready(self, *, deadline_at: float) -> LineProcess:
        process = self._running()
        if not self._is_greeted:
            self._welcome(process, deadline_at=deadline_at)
        return process

    def _running(self) -> LineProcess:
        if self._process is None or not self._process.is_usable:
            self._drop()
            self._process = self._spawn()
        return self._process

    def _spawn(self) -> LineProcess:
        self._is_greeted, self._started_at = False, time.monotonic()
        # Without -P the working directory would come first, and its modules could shadow the interpreter's own.
        command = (sys.executable, "-P", "-m", "trading_orchestrator.engine_host", self._spec, str(os.getpid()))
        try:
            return LineProcess(command, environment=_environment(self._path), max_line=engine_host.MAX_LINE)
        except OSError as error:
            self.failure = f"the process cannot be started: {error}"
            raise EngineFailed(self.failure) from error

    def _welcome(self, process: LineProcess, *, deadline_at: float) -> None:
        try:
            greeting = wire.greeting(process.exchange(b"", deadline_at=deadline_at))
        except LineTimeout:
            self._give_up_starting()
            raise EngineTimeout("the engine is still starting") from None
        except (ProcessGone, LineTooLong, msgspec.DecodeError, UnicodeDecodeError) as error:
            self._fail(f"the process did not start: {error}")
            raise EngineFailed(f"the process did not start: {error}") from None
        if greeting.failure is not None:
            self._fail(greeting.failure)
            raise EngineNotUsable(greeting.failure)
        self.name, self.version = greeting.name, greeting.version
        self.failure, self._is_greeted = None, True

    def _give_up_starting(self) -> None:
        # Killing a start at every question's deadline would keep a slow import from ever ending.
        if time.monotonic() >= self._started_at + self._start_deadline_s:
            self._fail(f"the process did not start within {self._start_deadline_s:g} s")

    def _fail(self, failure: str) -> None:
        self.failure = failure
        self._drop()

    def _replace(self) -> None:
        self._drop()
        with suppress(EngineFailed):
            self._process = self._spawn()

    def _drop(self) -> None:
        if self._process is not None:
            self._process.close()
        self._process, self._is_greeted = None, False


def _environment(path: Sequence[Path]) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in _WITHHELD}
    folders = [str(folder.absolute()) for folder in path or [Path()]]
    # A fixed seed: the order of a set must not change an engine's answer from one process to the next.
    return kept | {engine_host.PATH_VARIABLE: os.pathsep.join(folders), "PYTHONHASHSEED": "0"}
