"""Signals as exceptions on the main thread: the first one unwinds the stack, later ones do not disturb that."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """A signal asked for the end; a BaseException, so that no `except Exception` takes it for a failure."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


class InterruptGate:
    """Raises one StopRequested on the main thread; `signum` is the signal it was raised for."""

    def __init__(self) -> None:
        self.failure: str | None = None
        self.signum: int | None = None
        self._open = True
        self._armed = False

    def handle(self, signum: int, frame: object) -> None:  # noqa: ARG002 - the signature of a signal handler
        """Raise StopRequested the first time; afterwards only print that the stop is under way."""
        if self._open:
            self._open = False
            self.signum = signum
            raise StopRequested(signum)
        sys.stderr.write("stopping; this takes a few seconds\n")

    @contextmanager
    def interrupt_on_failure(self) -> Iterator[None]:
        """Let `fail` interrupt the block; the unwinding after it is not interrupted any more."""
        self._armed = True
        try:
            yield
        finally:
            self._armed = self._open = False

    def fail(self, message: str) -> None:
        """Store the message and wake the main thread from whatever the block of `interrupt_on_failure` waits for."""
        self.failure = message
        if self._armed:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


@contextmanager
def raise_signals() -> Iterator[InterruptGate]:
    """Turn SIGINT, SIGTERM and SIGHUP into StopRequested for the block; an ignored signal (nohup) stays ignored."""
    gate = InterruptGate()
    before = [
        (signum, signal.getsignal(signum)) for signum in _HANDLED if signal.getsignal(signum) is not signal.SIG_IGN
    ]
    for signum, _ in before:
        signal.signal(signum, gate.handle)
    try:
        yield gate
    finally:
        for signum, handler in before:
            signal.signal(signum, handler)
