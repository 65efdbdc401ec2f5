"""Calls with a deadline, on threads of their own, so that a database that hangs holds up no request thread."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from app.web.queue_thread import QueueFull, QueueThread

T = TypeVar("T")
_MAX_WAITING = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Seconds that a web process waits for a sender's body or for its database before it answers 503.

    `body_s` is for a whole body from its first byte on.
    `webhook_s` is for a whole alert, which TradingView gives up soon after; `probe_s` for `/readyz` and `/metrics`;
    `slow_query_s` for the API's report. `statement_s` and `api_statement_s` are the database's own statement timeouts,
    below the waits they belong to, so that a query does not outlive its request.
    """

    body_s: float = 3.0
    webhook_s: float = 1.0
    identity_s: float = 1.0
    login_s: float = 8.0
    probe_s: float = 2.0
    connect_s: int = 1
    statement_s: float = 0.9
    api_s: float = 5.0
    api_statement_s: float = 3.0
    slow_query_s: float = 60.0


class DeadlineMissed(TimeoutError):
    """A call did not return in time; it may still be running."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call(Generic[T]):
    function: Callable[[], T]
    promise: Future[T] = field(default_factory=Future)


class SerialCalls(Generic[T]):
    """Runs calls one after the other on one thread."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: QueueThread[_Call[T]] = QueueThread(name, _run_calls, capacity=_MAX_WAITING)

    def run(self, function: Callable[[], T], *, within_s: float) -> T:
        """Run a call and return its result; an error of the call is raised here.

        Raises:
            DeadlineMissed: when it does not return within the time, or too many calls are waiting.
        """
        call = _Call(function=function)
        try:
            self._calls.put(call)
            return call.promise.result(within_s)
        except (QueueFull, FutureTimeout):
            call.promise.cancel()
            raise DeadlineMissed(f"{self._name} did not answer within {within_s} s") from None

    def close(self) -> None:
        """Stop the thread."""
        self._calls.close()


class ConcurrentCalls:
    """Runs up to `at_once` calls at the same time, each on a thread of its own."""

    def __init__(self, name: str, *, at_once: int) -> None:
        self._name = name
        self._slots = threading.BoundedSemaphore(at_once)

    def run(self, function: Callable[[], T], *, within_s: float) -> T:
        """Run a call in a copy of the caller's log context and return its result; its error is raised here.

        Raises:
            DeadlineMissed: when it does not return within the time, the wait for a slot included.
        """
        ends = time.monotonic() + within_s
        if not self._slots.acquire(timeout=within_s):
            raise DeadlineMissed(f"{self._name}: no free slot within {within_s} s")
        call = _Call(function=function)
        context = copy_context()
        threading.Thread(target=context.run, args=(self._run_call, call), name=self._name, daemon=True).start()
        try:
            return call.promise.result(max(0.0, ends - time.monotonic()))
        except FutureTimeout:
            raise DeadlineMissed(f"{self._name} did not answer within {within_s} s") from None

    def _run_call(self, call: _Call[T]) -> None:
        try:
            _run_calls([call])
        finally:
            self._slots.release()


def _run_calls(calls: list[_Call[T]]) -> None:
    """Run calls in order and resolve their promises; cancelled ones are skipped."""
    for call in calls:
        if call.promise.set_running_or_notify_cancel():
            try:
                call.promise.set_result(call.function())
            except Exception as error:  # noqa: BLE001 - raised again by the thread that waits for the result
                call.promise.set_exception(error)
