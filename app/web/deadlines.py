"""Calls with a deadline: what a frozen server must not hold up runs on a thread of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from app.web.queue_thread import Background, QueueFull

T = TypeVar("T")
_WAITING = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Deadlines:
    """Seconds that a web process waits for its database before it answers 503; `statement_s` ends a query there.

    The webhook's second is what TradingView's senders are promised. Slow API queries have a slot of their own.
    """

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
    """A call did not return in time; it may still go on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Call(Generic[T]):
    function: Callable[[], T]
    promise: Future[T] = field(default_factory=Future)


class Aside(Generic[T]):
    """Runs calls one after the other on a thread of its own."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._calls: Background[_Call[T]] = Background(name, _settle, waiting=_WAITING)

    def run(self, function: Callable[[], T], *, within_s: float) -> T:
        """Return what the call returns, or raise what it raises.

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
        """End the thread."""
        self._calls.close()


class Besides:
    """Runs calls side by side, up to `at_once` of them, each on a thread of its own."""

    def __init__(self, name: str, *, at_once: int) -> None:
        self._name = name
        self._places = threading.BoundedSemaphore(at_once)

    def run(self, function: Callable[[], T], *, within_s: float) -> T:
        """Return what the call returns, or raise what it raises; its log records carry what is bound here.

        Raises:
            DeadlineMissed: when it does not return within the time, the wait for a place included.
        """
        ends = time.monotonic() + within_s
        if not self._places.acquire(timeout=within_s):
            raise DeadlineMissed(f"{self._name}: no place within {within_s} s")
        call = _Call(function=function)
        context = copy_context()
        threading.Thread(target=context.run, args=(self._settle, call), name=self._name, daemon=True).start()
        try:
            return call.promise.result(max(0.0, ends - time.monotonic()))
        except FutureTimeout:
            raise DeadlineMissed(f"{self._name} did not answer within {within_s} s") from None

    def _settle(self, call: _Call[T]) -> None:
        try:
            _settle([call])
        finally:
            self._places.release()


def _settle(calls: list[_Call[T]]) -> None:
    for call in calls:
        if call.promise.set_running_or_notify_cancel():
            try:
                call.promise.set_result(call.function())
            except Exception as error:  # noqa: BLE001 - it is raised again where it is waited for
                call.promise.set_exception(error)
