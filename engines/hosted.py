"""Hosted engine: a user's own Python engine in a child process, which can be killed without harm to the worker."""

from __future__ import annotations

import os
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import msgspec

from config import process_privacy, secret_variables
from domain.context import MarketContext
from domain.decision import DEFAULT_LATENCY_S, Decision
from domain.signal import Signal
from engines import wire
from engines.answers import AnswerInvalid, validate_answer
from engines.process import LineProcess, LineTimeout, LineTooLong, ProcessGone
from trading_orchestrator import engine_host, engine_limits

DECIDE_DEADLINE_S = 5.0
START_DEADLINE_S = 20.0


class EngineNotUsable(RuntimeError):
    """The engine cannot be imported, or is no engine: a mistake in the configuration or in its code."""


class EngineTimeout(TimeoutError):
    """The engine did not answer within its deadline."""


class EngineFailed(RuntimeError):
    """The engine raised, or its process ended during a question."""


class HostedEngine:
    """Engine in a child process behind pipes, asked one question at a time.

    After a timeout or a crash the process is replaced. `path` holds the folders with the engine's code, the working
    directory by default, `memory_mb` is the address space that it may use. `name`, `version` and `latency_s` are known
    after `start`; a restart reads them anew.
    """

    is_inline = False

    def __init__(
        self,
        spec: str,
        *,
        path: Sequence[Path] = (),
        start_deadline_s: float = START_DEADLINE_S,
        memory_mb: int = engine_limits.DEFAULT_MEMORY_MB,
    ) -> None:
        self.name = spec
        self.version = "unknown"
        self.latency_s = DEFAULT_LATENCY_S
        self.bars_needed: int | None = None
        self.longest_hold: timedelta | None = None
        self.failure: str | None = None
        self._spec = spec
        self._environment = _build_environment(path, memory_mb=memory_mb)
        self._start_deadline_s = start_deadline_s
        self._process: LineProcess | None = None
        self._started_at = 0.0
        self._is_greeted = False
        self._lock = threading.Lock()

    @property
    def is_ready(self) -> bool:
        """True unless the last start of the process failed."""
        return self.failure is None

    @property
    def has_greeted(self) -> bool:
        """True while a process runs that has read its engine."""
        return self._is_greeted

    def start(self) -> None:
        """Start the process and read the engine's name and version from its greeting.

        Raises:
            EngineNotUsable: when it cannot be imported or is no engine.
            EngineTimeout, EngineFailed: when the process does not greet in time, or ends.
        """
        with self._lock:
            self._ensure_greeted(deadline_at=time.monotonic() + self._start_deadline_s)

    def wait_until_ready(self, *, until: float) -> bool:
        """Start the process when there is none, and wait until it takes questions; return False at `until`.

        A start has the deadline for starting, whatever the deadline of a question is.

        Raises:
            EngineFailed, EngineNotUsable: when the engine cannot be started.
        """
        if not self._lock.acquire(timeout=min(threading.TIMEOUT_MAX, max(0.0, until - time.monotonic()))):
            return False
        try:
            self._ensure_process()
            self._ensure_greeted(deadline_at=min(until, self._started_at + self._start_deadline_s))
        except EngineTimeout:
            if time.monotonic() >= until:
                return False
            raise EngineFailed(self.failure or "the engine is still starting") from None
        finally:
            self._lock.release()
        return True

    def decide(self, signal: Signal, context: MarketContext) -> Decision:
        """Ask under the default deadline; raise as `decide_within` does."""
        return self.decide_within(signal, context, deadline_s=DECIDE_DEADLINE_S)

    def decide_within(self, signal: Signal, context: MarketContext, *, deadline_s: float) -> Decision:
        """Ask the engine and return its answer within `deadline_s`.

        Raises:
            EngineTimeout: when there is no answer in time.
            EngineFailed, EngineNotUsable: when the engine raises, ends, or cannot be started.
            AnswerInvalid: when the answer is no decision.
        """
        question = wire.encode_line(wire.EngineQuestion(signal=signal, context=context))
        with self._lock:
            deadline_at = time.monotonic() + deadline_s
            reply = self._ask(self._ensure_greeted(deadline_at=deadline_at), question, deadline_at=deadline_at)
        if reply.decision is None:
            raise AnswerInvalid(reply.complaint) if reply.complaint else EngineFailed(reply.failure or "no answer")
        return validate_answer(reply.decision, context)

    def close(self) -> None:
        """End the process; another question would start a new one."""
        with self._lock:
            self._end_process()

    def _ask(self, process: LineProcess, question: bytes, *, deadline_at: float) -> wire.HostReply:
        """Send a question and return the reply; restart the process when it does not answer properly."""
        try:
            return wire.decode_reply(process.exchange(question, deadline_at=deadline_at))
        except LineTimeout:
            self._restart_process()
            raise EngineTimeout("no answer within the deadline") from None
        except ProcessGone as error:
            self._restart_process()
            raise EngineFailed(str(error)) from None
        except (LineTooLong, msgspec.DecodeError, UnicodeDecodeError) as error:
            self._restart_process()
            raise AnswerInvalid(f"the answer cannot be read: {error}") from None

    def _ensure_greeted(self, *, deadline_at: float) -> LineProcess:
        """Return a running process whose greeting was read; start and greet one when needed."""
        process = self._ensure_process()
        if not self._is_greeted:
            self._read_greeting(process, deadline_at=deadline_at)
        return process

    def _ensure_process(self) -> LineProcess:
        """Return the running process, or a new one when there is none."""
        if self._process is None or not self._process.is_usable:
            self._end_process()
            self._process = self._spawn()
        return self._process

    def _spawn(self) -> LineProcess:
        """Start a process that will host the engine."""
        process_privacy.hide_process()
        self._is_greeted, self._started_at = False, time.monotonic()
        # Without -P the working directory would come first, and its modules could shadow the interpreter's own.
        command = (sys.executable, "-P", "-m", "trading_orchestrator.engine_host", self._spec, str(os.getpid()))
        try:
            return LineProcess(
                command,
                environment=self._environment,
                max_line=engine_host.MAX_LINE,
                lifeline_variable=engine_limits.LIFELINE_VARIABLE,
            )
        except OSError as error:
            self.failure = f"the process cannot be started: {error}"
            raise EngineFailed(self.failure) from error

    def _read_greeting(self, process: LineProcess, *, deadline_at: float) -> None:
        """Read name and version of the engine from the first line of its process; raise when there is none."""
        try:
            greeting = wire.decode_greeting(process.exchange(b"", deadline_at=deadline_at))
        except LineTimeout:
            self._stop_slow_start()
            raise EngineTimeout("the engine is still starting at the deadline") from None
        except (ProcessGone, LineTooLong, msgspec.DecodeError, UnicodeDecodeError) as error:
            self._record_failure(f"the process did not start: {error}")
            raise EngineFailed(f"the process did not start: {error}") from None
        if greeting.failure is not None:
            self._record_failure(greeting.failure)
            raise EngineNotUsable(greeting.failure)
        self.name, self.version = greeting.name, greeting.version
        self.latency_s = DEFAULT_LATENCY_S if greeting.declared_latency_s is None else greeting.declared_latency_s
        self.bars_needed, self.longest_hold = greeting.bars_needed, greeting.longest_hold
        self.failure, self._is_greeted = None, True

    def _stop_slow_start(self) -> None:
        """End a process that has not greeted within the deadline for starting."""
        # Killing a start at every question's deadline would keep a slow import from ever ending.
        if time.monotonic() >= self._started_at + self._start_deadline_s:
            self._record_failure(f"the process did not start within {self._start_deadline_s:g} s")

    def _record_failure(self, failure: str) -> None:
        """Keep the reason why the engine is not ready, and end its process."""
        self.failure = failure
        self._end_process()

    def _restart_process(self) -> None:
        """End the process, whose answers would be out of step, and start a new one."""
        self._end_process()
        with suppress(EngineFailed):
            self._process = self._spawn()

    def _end_process(self) -> None:
        if self._process is not None:
            self._process.close()
        self._process, self._is_greeted = None, False


def _build_environment(path: Sequence[Path], *, memory_mb: int) -> dict[str, str]:
    """Return our environment without secrets, with the folders of the engine's code and its limit of memory."""
    inherited = secret_variables.remove_secrets(os.environ)
    folders = [str(folder.absolute()) for folder in path or [Path()]]
    # A fixed seed: the order of a set must not change an engine's answer from one process to the next.
    return inherited | {
        engine_host.PATH_VARIABLE: os.pathsep.join(folders),
        engine_limits.MEMORY_VARIABLE: str(memory_mb),
        "PYTHONHASHSEED": "0",
    }
