"""Keeps a set of programs running: restarts what dies, gives up on what keeps dying, leaves nothing behind.

All programs are started and reaped by one thread. It must live as long as they do, because on Linux they are told to
end when the thread that started them ends - which is how they learn that the supervisor was killed.
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
from stack.output import Output

_POLL_S = 0.05
_FIRST_BACKOFF_S = 0.1
_LONGEST_BACKOFF_S = 5.0


class Supervisor:
    """Runs children until it is stopped or one of them dies `deaths_allowed` times within `deaths_window_s`.

    Use it as a context manager: leaving the block stops every child, higher tiers first, last started first.
    `on_change` gets the process ids by name after each start or death; `on_failure` the message when it gives up.
    Both are called on the supervisor's own thread.
    """

    def __init__(
        self,
        output: Output,
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
        self._wanted: queue.SimpleQueue[ChildProcess] = queue.SimpleQueue()
        self._hopeless: queue.SimpleQueue[str] = queue.SimpleQueue()
        self._children: list[ChildProcess] = []
        self._stopping = threading.Event()
        # Not Thread.join: when a signal handler raises in it, Python 3.11 takes the thread for ended.
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="supervisor", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.stop()

    def start(self, child: Child, *, deadline_s: float = 60.0) -> None:
        """Start a child and return when it is ready.

        Raises:
            ChildFailed: when it is not ready within `deadline_s`, or the supervisor gave up meanwhile.
        """
        running = ChildProcess(child, self._output)
        self._wanted.put(running)
        deadline = time.monotonic() + deadline_s
        while not (running.pid is not None and (child.ready is None or child.ready())):
            if self._stopping.is_set():
                raise ChildFailed(self.failure or f"{child.name} was not started: the supervisor has stopped")
            if time.monotonic() > deadline:
                raise ChildFailed(f"{child.name} was not ready within {deadline_s:.0f} s" + _last_lines(running))
            time.sleep(_POLL_S / 2)

    def pids(self) -> dict[str, int]:
        """Return the process ids of the children that run, by name."""
        return {one.child.name: one.pid for one in list(self._children) if one.pid is not None}

    def kill(self, name: str) -> None:
        """Kill -9 a child that does not do its work, so that it is started again; harmless when it does not run."""
        self._hopeless.put(name)

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait until the supervisor has stopped; tell whether it has."""
        return self._stopped.wait(timeout_s)

    def stop(self) -> None:
        """Stop every child and wait for it; harmless when done already."""
        self._stopping.set()
        if self._thread.ident is None:
            return
        try:
            self._stopped.wait()
        except BaseException:
            # A signal handler raised: the children are to be stopped all the same before it goes on its way.
            self._stopped.wait()
            raise

    def _run(self) -> None:
        try:
            while not self._stopping.wait(_POLL_S):
                self._tick(time.monotonic())
        except Exception as error:  # noqa: BLE001 - whatever it is, the children must be stopped and the user told
            self._fail(f"the supervisor failed: {error!r}")
        finally:
            try:
                self._stop_children()
            finally:
                self._stopped.set()

    def _tick(self, now: float) -> None:
        self._start_wanted()
        self._kill_hopeless()
        changed = False
        for one in self._children:
            status = one.reap()
            if status is not None:
                self._note_death(one, status, now)
                changed = True
            elif one.restart_at is not None and one.restart_at <= now:
                one.start()
                changed = True
        if changed:
            self._tell()

    def _start_wanted(self) -> None:
        """Start what is wanted; whoever sees that a child runs finds it among the process ids."""
        while not self._wanted.empty():
            one = self._wanted.get()
            self._children.append(one)
            one.start()
            self._tell()

    def _tell(self) -> None:
        if self._on_change is not None:
            self._on_change(self.pids())

    def _kill_hopeless(self) -> None:
        while not self._hopeless.empty():
            name = self._hopeless.get()
            for one in self._children:
                if one.child.name == name:
                    one.kill()

    def _note_death(self, one: ChildProcess, status: int, now: float) -> None:
        one.deaths.append(now)
        while one.deaths[0] < now - self._deaths_window_s:
            one.deaths.popleft()
        if len(one.deaths) >= self._deaths_allowed:
            self._fail(
                f"{one.child.name} died {len(one.deaths)} times within {self._deaths_window_s:.0f} s "
                f"(last: {_describe(status)})" + _last_lines(one)
            )
            return
        delay = min(_FIRST_BACKOFF_S * 2 ** (len(one.deaths) - 1), _LONGEST_BACKOFF_S)
        one.restart_at = now + delay
        self._output.write("stack", f"{one.child.name} ended ({_describe(status)}); starting it again in {delay:.1f} s")

    def _fail(self, message: str) -> None:
        self.failure = message
        self._stopping.set()
        if self._on_failure is not None:
            self._on_failure(message)

    def _stop_children(self) -> None:
        for tier in sorted({one.child.tier for one in self._children}, reverse=True):
            ending = [one for one in reversed(self._children) if one.child.tier == tier]
            for one in ending:
                one.ask_to_stop()
            asked_at = time.monotonic()
            for one in ending:
                if not one.wait_or_kill(asked_at + one.child.stop_within_s):
                    self._output.write("stack", f"{one.child.name} did not stop in time and was killed")


def _describe(status: int) -> str:
    return f"exit code {status}" if status >= 0 else signal.Signals(-status).name


def _last_lines(one: ChildProcess) -> str:
    lines = list(one.last_lines)
    return "; it printed last:\n" + "\n".join(f"    {line}" for line in lines) if lines else ""
