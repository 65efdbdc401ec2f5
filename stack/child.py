"""One supervised program: how it is run, and its current process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from stack.accounts import ServiceAccount
from stack.output import LineOutput

_LAUNCH = Path(__file__).with_name("launch.py")
_LINES_KEPT = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A program to supervise: how to run it and how to stop it.

    `environment` is complete, nothing is inherited. `ready` returns whether the program can be used (None: at once).
    `stop_signal` asks for an orderly end, and is also sent when the supervisor is killed;
    `stop_within_s` later its whole process group is killed. Higher tiers stop first. One that is not `essential` only
    shows something: when it keeps dying, the others go on without it.
    """

    name: str
    argv: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    directory: Path | None = None
    account: ServiceAccount | None = None
    ready: Callable[[], bool] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_within_s: float = 10.0
    tier: int = 1
    essential: bool = True


class ChildProcess:
    """Runs a child, restarts included; not thread-safe, only the supervisor's thread uses it."""

    def __init__(self, child: Child, output: LineOutput) -> None:
        self.child = child
        self.deaths: deque[float] = deque()
        self.restart_at: float | None = None
        self.started_at: float | None = None
        self.last_lines: deque[str] = deque(maxlen=_LINES_KEPT)
        self._output = output
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None

    @property
    def pid(self) -> int | None:
        """The process id, which is also the process group's id; None when it does not run."""
        return self._process.pid if self._process is not None else None

    def start(self) -> None:
        """Start the program in a session of its own, so that a terminal's Ctrl-C reaches only the supervisor.

        On Linux the kernel ties the program to the *thread* that calls this: it must live as long as the program.
        """
        account = self.child.account
        ids = (str(account.uid), str(account.gid)) if account is not None else ("-", "-")
        launch = (sys.executable, "-I", "-S", str(_LAUNCH), str(os.getpid()), str(int(self.child.stop_signal)), *ids)
        self.restart_at, self.started_at = None, time.monotonic()
        self._process = subprocess.Popen(
            (*launch, *self.child.argv),
            env=dict(self.child.environment),
            cwd=self.child.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._reader = threading.Thread(target=self._read_output, args=(self._process,), daemon=True)
        self._reader.start()

    def _read_output(self, process: subprocess.Popen[bytes]) -> None:
        """Pass the program's output on line by line, and remember its last lines."""
        assert process.stdout is not None  # noqa: S101 - it was opened as a pipe
        with process.stdout as stream:
            for raw in stream:
                line = raw.decode("utf-8", "replace").rstrip()
                self.last_lines.append(line)
                self._output.write(self.child.name, line)

    def reap(self) -> int | None:
        """Return the exit status when the program has ended since the last call (negative: a signal), else None.

        The rest of its process group is killed: an orphan would keep working beside its successor.
        """
        if self._process is None:
            return None
        status = self._process.poll()
        if status is not None:
            self._clean_up()
        return status

    def ask_to_stop(self) -> None:
        """Send the stop signal to the program alone, which stops its own workers in its own order."""
        if self._process is not None:
            self._process.send_signal(self.child.stop_signal)

    def kill(self) -> None:
        """Kill the program and its workers at once; it is reaped and started again as if it had died."""
        if self._process is not None:
            self._kill_group(self._process.pid)

    def wait_or_kill(self, deadline: float) -> bool:
        """Wait until the monotonic time `deadline`, then kill the group; return whether the end was orderly."""
        if self._process is None:
            return True
        try:
            self._process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            self._kill_group(self._process.pid)
            self._process.wait()
            self._clean_up()
            return False
        self._clean_up()
        return True

    def _clean_up(self) -> None:
        """Kill what is left of the process group, and wait a second for the rest of the output."""
        if self._process is not None:
            self._kill_group(self._process.pid)
        if self._reader is not None:
            self._reader.join(1.0)
        self._process = None

    @staticmethod
    def _kill_group(group: int) -> None:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
