"""Calls with a deadline: what a frozen server must not hold up runs on a thread of its own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from app.background import Background, QueueFull

T = TypeVar("T")
_WAITING = 1024


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


def _settle(calls: list[_Call[T]]) -> None:
    for call in calls:
        if call.promise.set_running_or_notify_cancel():
            try:
                call.promise.set_result(call.function())
            except Exception as error:  # noqa: BLE001 - it is raised again where it is waited for
                call.promise.set_exception(error)
