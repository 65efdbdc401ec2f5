"""The supervisor of the stack's programs: restarts those that die, fails when one keeps dying, and stops them all.

All programs are started and reaped by one thread. It must live as long as they do, because on Linux they are signalled
to end when the thread that started them ends, which is how they learn that the supervisor was killed.
"""

from __future__ import annotations

import queue
import signal
import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Self

from stack.child import Child, ChildProcess
from stack.errors import ChildFailed
from stack.output import LineOutput

_POLL_S = 0.05
_FIRST_BACKOFF_S = 0.1
_LONGEST_BACKOFF_S = 5.0
_PAUSE_S = 60.0
_LINES_TOLD = 3


class Supervisor:
    """Runs children until it is stopped or an essential one dies `deaths_allowed` times within `deaths_window_s`.

    One that is not essential is then tried again once a minute; `list_given_up` names it until it has run for
    `deaths_window_s`.
    Use it as a context manager: leaving the block stops every child, higher tiers first, last started first.
    `on_change` gets the process ids by name after each start or death; `on_failure` the message when it gives up.
    Both are called on the supervisor's own thread.
    """

    def __init__(
        self,
        output: LineOutput,
        *,
        deaths_allowed: int = 5,
        deaths_window_s: float = 60.0,
        on_change: Callable[[Mapping[str, int]], None] | None = None,
        on_failure: Callable[[str], None] | None = None,
    ) -> None:
        self.failure: str | None = None
        self._output = output
        self._deaths_allowed = deaths_allowed
        self._deaths_window_s = deaths_window_s
        self._on_change = on_change
        self._on_failure = on_failure
        self._requested: queue.SimpleQueue[ChildProcess] = queue.SimpleQueue()
        self._kill_requests: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._children: list[ChildProcess] = []
        self._given_up: dict[str, str] = {}
        self._stopping = threading.Event()
        # Not Thread.join: when a signal handler raises in it, Python 3.11 considers the thread ended.
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self, child: Child, *, deadline_s: float = 60.0) -> None:
        """Start a child and wait until it is ready.

        Raises:
            ChildFailed: when it is not ready within `deadline_s`, or the supervisor gave up meanwhile.
        """
        running = ChildProcess(child, self._output)
        self._requested.put(running)
        deadline = time.monotonic() + deadline_s
        while not (running.pid is not None and (child.ready is None or child.ready())):
            if self._stopping.is_set():
                raise ChildFailed(self.failure or f"{child.name} was not started: the supervisor has stopped")
            if time.monotonic() > deadline:
                raise ChildFailed(f"{child.name} was not ready within {deadline_s:.0f} s" + _format_last_lines(running))
            time.sleep(_POLL_S / 2)

    def pids(self) -> dict[str, int]:
        """Return the process ids of the running children, by name."""
        return {
            child_process.child.name: child_process.pid
            for child_process in list(self._children)
            if child_process.pid is not None
        }

    def list_given_up(self) -> dict[str, str]:
        """Return the children that keep dying without ending the supervisor, by name, each with its last lines."""
        return dict(self._given_up)

    def kill(self, name: str) -> None:
        """Kill a child with SIGKILL, so that it is started again; does nothing when it does not run."""
        self._kill_requests.put(name)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the supervisor has stopped; return whether it has."""
        return self._stopped.wait(timeout_s)

    def stop(self) -> None:
        """Stop every child and wait for it; does nothing when that is done already."""
        self._stopping.set()
        if self._thread.ident is None:
            return
        try:
            self._stopped.wait()
        except BaseException:
            # A signal handler raised: the children must be stopped before the exception propagates.
            self._stopped.wait()
            raise

    def _run(self) -> None:
        """Supervise the children until the supervisor is stopped or fails, then stop them all."""
        try:
            while not self._stopping.wait(_POLL_S):
                self._tick(time.monotonic())
        except Exception as error:  # noqa: BLE001 - whatever it is, the children must be stopped and the failure reported
            self._fail(f"the supervisor failed: {error!r}")
        finally:
            try:
                self._stop_children()
            finally:
                self._stopped.set()

    def _tick(self, now: float) -> None:
        """Handle requests to start and kill children, notice deaths, and restart those whose pause is over."""
        self._start_requested()
        self._kill_requested()
        changed = False
        for child_process in self._children:
            status = child_process.reap()
            if status is not None:
                self._note_death(child_process, status, now)
                changed = True
            elif child_process.restart_at is not None and child_process.restart_at <= now:
                child_process.start()
                changed = True
            self._forget_if_running_again(child_process, now)
        if changed:
            self._report_change()

    def _forget_if_running_again(self, child_process: ChildProcess, now: float) -> None:
        """Count a child that was given up as running again once it has run for the window of deaths."""
        runs_since = child_process.started_at if child_process.pid is not None else None
        if runs_since is not None and runs_since <= now - self._deaths_window_s:
            self._given_up.pop(child_process.child.name, None)

    def _start_requested(self) -> None:
        """Start the requested children, and list each among the running ones before it starts."""
        while not self._requested.empty():
            child_process = self._requested.get()
            self._children.append(child_process)
            child_process.start()
            self._report_change()

    def _report_change(self) -> None:
        """Call `on_change` with the present process ids."""
        if self._on_change is not None:
            self._on_change(self.pids())

    def _kill_requested(self) -> None:
        """Kill the children whose kill was requested."""
        while not self._kill_requests.empty():
            name = self._kill_requests.get()
            for child_process in self._children:
                if child_process.child.name == name:
                    child_process.kill()

    def _note_death(self, child_process: ChildProcess, status: int, now: float) -> None:
        """Schedule a restart after a growing pause; fail when the child died too often within the window."""
        child_process.deaths.append(now)
        while child_process.deaths[0] < now - self._deaths_window_s:
            child_process.deaths.popleft()
        too_often = len(child_process.deaths) >= self._deaths_allowed
        if not child_process.child.essential and (too_often or child_process.child.name in self._given_up):
            self._give_up(child_process, status, now)
            return
        if too_often:
            self._fail(
                f"{child_process.child.name} died {len(child_process.deaths)} times"
                f" within {self._deaths_window_s:.0f} s (last: {_describe_status(status)})"
                + _format_last_lines(child_process)
            )
            return
        delay = min(_FIRST_BACKOFF_S * 2 ** (len(child_process.deaths) - 1), _LONGEST_BACKOFF_S)
        child_process.restart_at = now + delay
        self._output.write(
            "stack",
            f"{child_process.child.name} ended ({_describe_status(status)}); starting it again in {delay:.1f} s",
        )

    def _give_up(self, child_process: ChildProcess, status: int, now: float) -> None:
        """Go on without a child that is not essential, and try it again after a pause."""
        name = child_process.child.name
        if name not in self._given_up:
            self._output.write(
                "stack",
                f"{name} keeps dying (last: {_describe_status(status)}); everything else goes on without it,"
                f" it is tried again every {_PAUSE_S:.0f} s" + _format_last_lines(child_process),
            )
        self._given_up[name] = "\n".join(list(child_process.last_lines)[-_LINES_TOLD:])
        child_process.restart_at = now + _PAUSE_S

    def _fail(self, message: str) -> None:
        """Store the failure's message, begin to stop, and call `on_failure`."""
        self.failure = message
        self._stopping.set()
        if self._on_failure is not None:
            self._on_failure(message)

    def _stop_children(self) -> None:
        """Stop all children, tier by tier from the highest, and kill those that do not end in time."""
        for tier in sorted({child_process.child.tier for child_process in self._children}, reverse=True):
            ending = [child_process for child_process in reversed(self._children) if child_process.child.tier == tier]
            for child_process in ending:
                child_process.ask_to_stop()
            asked_at = time.monotonic()
            for child_process in ending:
                if not child_process.wait_or_kill(asked_at + child_process.child.stop_within_s):
                    self._output.write("stack", f"{child_process.child.name} did not stop in time and was killed")


def _describe_status(status: int) -> str:
    """Describe an exit status: its code, or the name of the signal that ended the process."""
    return f"exit code {status}" if status >= 0 else signal.Signals(-status).name


def _format_last_lines(child_process: ChildProcess) -> str:
    lines = list(child_process.last_lines)
    return "; it printed last:\n" + "\n".join(f"    {line}" for line in lines) if lines else ""
