"""Signals as exceptions on the main thread: the first one unwinds, later ones do not disturb the unwinding."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StopRequested(BaseException):
    """A signal asked for the end; not an Exception, so that nothing on the way mistakes it for a failure."""

    def __init__(self, signum: int) -> None:
        super().__init__(signal.Signals(signum).name)
        self.signum = signum


class Gate:
    """Lets one StopRequested through to the main thread; `signum` is the signal it was raised for."""

    def __init__(self) -> None:
        self.failure: str | None = None
        self.signum: int | None = None
        self._open = True
        self._armed = False

    def handle(self, signum: int, frame: object) -> None:  # noqa: ARG002 - the shape of a signal handler
        """Raise StopRequested the first time; afterwards only tell that the end is near."""
        if self._open:
            self._open = False
            self.signum = signum
            raise StopRequested(signum)
        sys.stderr.write("stopping; this takes a few seconds\n")

    @contextmanager
    def armed(self) -> Iterator[None]:
        """Let `fail` interrupt the block; what unwinds after it is not interrupted any more."""
        self._armed = True
        try:
            yield
        finally:
            self._armed = self._open = False

    def fail(self, message: str) -> None:
        """Keep the message and wake the main thread from whatever the armed block waits for."""
        self.failure = message
        if self._armed:
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)


@contextmanager
def as_exceptions() -> Iterator[Gate]:
    """Turn SIGINT, SIGTERM and SIGHUP into StopRequested for the block; an ignored signal (nohup) stays ignored."""
    gate = Gate()
    before = [(one, signal.getsignal(one)) for one in _HANDLED if signal.getsignal(one) is not signal.SIG_IGN]
    for one, _ in before:
        signal.signal(one, gate.handle)
    try:
        yield gate
    finally:
        for one, handler in before:
            signal.signal(one, handler)
