"""Child process with which lines are exchanged over pipes, each exchange under a deadline."""

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
    """The process wrote a line longer than the limit."""


class ProcessGone(ConnectionError):
    """The process ended, or closed its pipes."""


class LineProcess:
    """Child process in a session of its own, killed with all its children when it is closed or garbage-collected.

    It belongs to the process that created it: after a fork the copy must not be used, and does not kill it. The child
    gets, under the name `lifeline_variable`, the number of a pipe that is closed when the creating process ends.
    """

    def __init__(
        self, command: Sequence[str], *, environment: Mapping[str, str], max_line: int, lifeline_variable: str
    ) -> None:
        heard, held = os.pipe()
        try:
            self._process = _start_process(command, {**environment, lifeline_variable: str(heard)}, inherited=heard)
        except OSError:
            os.close(held)
            raise
        finally:
            os.close(heard)
        assert self._process.stdin is not None  # noqa: S101 - Popen was given PIPE for both
        assert self._process.stdout is not None  # noqa: S101 - as above
        self._in, self._out = self._process.stdin.fileno(), self._process.stdout.fileno()
        os.set_blocking(self._in, False)
        os.set_blocking(self._out, False)
        self._max_line = max_line
        self._buffer = bytearray()
        self._owner = os.getpid()
        self._kill = weakref.finalize(self, _kill_process_group, self._process, self._owner, held)

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    @property
    def is_usable(self) -> bool:
        """True while the process runs, except in a fork of the process that created it."""
        return self._owner == os.getpid() and self._process.poll() is None

    def exchange(self, text: bytes, *, deadline_at: float) -> bytes:
        """Write `text` and return the next line, until `deadline_at` on the monotonic clock.

        Raises:
            LineTimeout, LineTooLong, ProcessGone: afterwards a later line could belong to this exchange, so close the
                process. Only after a LineTimeout with an empty `text` may exchanges go on.
        """
        pending = memoryview(text)
        while True:
            line = self._take_line()
            if line is not None:
                return line
            can_read, can_write = self._wait_until_ready(writing=bool(pending), deadline_at=deadline_at)
            if can_write:
                pending = pending[self._write_some(pending) :]
            if can_read:
                self._read_some()

    def close(self) -> None:
        """Kill the process and its children, and wait for its end."""
        self._kill()

    def _take_line(self) -> bytes | None:
        """Remove the first line from the buffer and return it, None when no line is complete."""
        line, newline, rest = self._buffer.partition(b"\n")
        if len(line) > self._max_line:
            raise LineTooLong(f"more than {self._max_line} bytes in one line")
        if not newline:
            return None
        self._buffer = rest
        return bytes(line)

    def _wait_until_ready(self, *, writing: bool, deadline_at: float) -> tuple[bool, bool]:
        """Wait until the pipes are ready or the deadline passes; return whether one can read, and write."""
        remaining_s = deadline_at - time.monotonic()
        if remaining_s <= 0:
            raise LineTimeout("the deadline has passed")
        poll = select.poll()
        poll.register(self._out, select.POLLIN)
        if writing:
            poll.register(self._in, select.POLLOUT)
        ready = {fd for fd, _ in poll.poll(remaining_s * 1000)}
        return self._out in ready, self._in in ready

    def _write_some(self, pending: memoryview) -> int:
        """Write as much as the pipe takes and return the number of bytes."""
        try:
            return os.write(self._in, pending[:_CHUNK])
        except BlockingIOError:
            return 0
        except OSError as error:
            raise ProcessGone("the process no longer listens") from error

    def _read_some(self) -> None:
        """Append what the process has written to the buffer."""
        chunk = os.read(self._out, _CHUNK)
        if not chunk:
            raise ProcessGone("the process has ended")
        self._buffer += chunk


def _start_process(
    command: Sequence[str], environment: Mapping[str, str], *, inherited: int
) -> subprocess.Popen[bytes]:
    """Start the command in a session of its own, with pipes and the `inherited` file descriptor."""
    return subprocess.Popen(  # noqa: S603 - runs this interpreter with the engine that the settings name
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=environment,
        pass_fds=(inherited,),
        bufsize=0,
        start_new_session=True,
    )


def _kill_process_group(process: subprocess.Popen[bytes], owner: int, lifeline: int) -> None:
    """Kill a process and its children and close its lifeline, unless this is a fork of the owner (a process id)."""
    if owner != os.getpid():
        return
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    os.close(lifeline)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            pipe.close()
    process.wait()
