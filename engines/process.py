"""A child process that is talked to in lines, each under a deadline."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
import weakref
from collections.abc import Mapping, Sequence
from contextlib import suppress

_CHUNK = 65_536


class LineTimeout(TimeoutError):
    """No line came within the deadline."""


class LineTooLong(ValueError):
    """The process wrote more than a line may hold."""


class ProcessGone(ConnectionError):
    """The process ended, or closed its pipes."""


class LineProcess:
    """A process with its own session, killed with everything it started when it is closed or forgotten.

    It belongs to the process that made it: after a fork the copy must not be used, and does not kill it.
    """

    def __init__(self, command: Sequence[str], *, environment: Mapping[str, str], max_line: int) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - runs this interpreter on the engine the owner named
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            bufsize=0,
            start_new_session=True,
        )
        assert self._process.stdin is not None  # noqa: S101 - both were asked for as pipes
        assert self._process.stdout is not None  # noqa: S101 - as above
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self._max_line = max_line
        self._buffer = bytearray()
        self._owner = os.getpid()
        self._end = weakref.finalize(self, _end, self._process, self._owner)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_usable(self) -> bool:
        """Whether it runs, and is this process's own and not inherited through a fork."""
        return self._owner == os.getpid() and self._process.poll() is None

    def exchange(self, text: bytes, *, deadline_at: float) -> bytes:
        """Write `text` and return the next line, until `deadline_at` on the monotonic clock.

        Raises:
            LineTimeout, LineTooLong, ProcessGone: after any of them the conversation is out of step; close it. Only
                after a LineTimeout without `text` may one go on.
        """
        pending = memoryview(text)
        while True:
            line = self._take_line()
            if line is not None:
                return line
            can_read, can_write = self._wait(writing=bool(pending), deadline_at=deadline_at)
            if can_write:
                pending = pending[self._write(pending) :]
            if can_read:
                self._read()

    def close(self) -> None:
        """Kill the process and what it started, and wait for its end."""
        self._end()

    def _take_line(self) -> bytes | None:
        line, newline, rest = self._buffer.partition(b"\n")
        if len(line) > self._max_line:
            raise LineTooLong(f"more than {self._max_line} bytes in one line")
        if not newline:
            return None
        self._buffer = rest
        return bytes(line)

    def _wait(self, *, writing: bool, deadline_at: float) -> tuple[bool, bool]:
        left = deadline_at - time.monotonic()
        if left <= 0:
            raise LineTimeout("the deadline has passed")
        poll = select.poll()
        poll.register(self._out, select.POLLIN)
        if writing:
            poll.register(self._in, select.POLLOUT)
        ready = {fd for fd, _ in poll.poll(left * 1000)}
        return self._out in ready, self._in in ready

    def _write(self, pending: memoryview) -> int:
        try:
            return os.write(self._in, pending[:_CHUNK])
        except BlockingIOError:
            return 0
        except OSError as error:
            raise ProcessGone("the process no longer listens") from error

    def _read(self) -> None:
        got = os.read(self._out, _CHUNK)
        if not got:
            raise ProcessGone("the process has ended")
        self._buffer += got


def _end(process: subprocess.Popen[bytes], owner: int) -> None:
    if owner != os.getpid():
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    process.wait()
