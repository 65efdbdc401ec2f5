"""Injection of faults into the processes and servers of a stack; only that stack's own processes are touched."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psycopg
from redis import Redis, RedisError

from bench import fresh_stack
from bench.chaos import flower_retries, shifted_clock
from bench.chaos.faults import CLOCK_STEPS, PAUSES, InjectedFault, InjectedFaultKind
from bench.chaos.operators import Operators
from bench.chaos.venue_process import VenueProcess
from stack.stack import RunningStack

_PROCESS_NAMES = {
    InjectedFaultKind.WEB_KILLED: "web",
    InjectedFaultKind.WORKER_KILLED: "worker",
    InjectedFaultKind.WORKER_CHILD_KILLED: "worker",
    InjectedFaultKind.ORDERS_KILLED: "orders",
    InjectedFaultKind.EXITS_KILLED: "exits",
    InjectedFaultKind.BEAT_KILLED: "beat",
    InjectedFaultKind.BEAT_HUNG: "beat",
    InjectedFaultKind.WORKER_PAUSED: "worker",
    InjectedFaultKind.ORDERS_PAUSED: "orders",
    InjectedFaultKind.WEB_PAUSED: "web",
    InjectedFaultKind.POSTGRES_KILLED: "postgres",
    InjectedFaultKind.REDIS_KILLED: "redis",
}
_CUT_CONNECTIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_CONNECT_WITHIN_S = 2


class FaultInjector:
    """Injector of faults; `done` lists their kinds and Unix times, `deaths` counts the killed processes by name.

    `clock` is the file that shifts the clock of workers and beat. `replacements` are the seconds after which each beat
    that hung was replaced, None when it was not in time.
    """

    def __init__(self, stack: RunningStack, venue: VenueProcess, operators: Operators, clock: Path) -> None:
        self._stack, self._venue, self._operators, self._clock = stack, venue, operators, clock
        self._started = time.monotonic()
        self.replacements: list[float | None] = []
        self._acts: dict[InjectedFaultKind, Callable[[InjectedFault], bool]] = {
            InjectedFaultKind.VENUE_KILLED: self._restart_venue,
            InjectedFaultKind.MESSAGES_LOST: self._delete_messages,
            InjectedFaultKind.CONNECTIONS_CUT: self._cut_connections,
            InjectedFaultKind.WORKER_CHILD_KILLED: self._kill_worker_child,
            InjectedFaultKind.BEAT_HUNG: self._hang_beat,
            InjectedFaultKind.CLOCK_AHEAD: self._step_clock,
            InjectedFaultKind.CLOCK_BEHIND: self._step_clock,
            InjectedFaultKind.SWITCH_STORM: self._start_storm,
            InjectedFaultKind.FLOWER_RETRIES: self._retry_from_flower,
        }
        self.done: list[tuple[InjectedFaultKind, float]] = []
        self.deaths: Counter[str] = Counter()

    @property
    def silent_after_s(self) -> int:
        """Seconds within which a beat that hangs must be replaced."""
        return self._stack.settings.silent_after_s

    def inject(self, fault: InjectedFault) -> None:
        """Inject one fault and wait for the end of a pause; a fault whose process is not running is skipped."""
        at = time.time()
        if self._apply(fault):
            self.done.append((fault.kind, at))

    def _apply(self, fault: InjectedFault) -> bool:
        """Apply a fault; return False when there was nothing that it could hit."""
        if (act := self._acts.get(fault.kind)) is not None:
            return act(fault)
        if fault.kind in PAUSES:
            return self._pause_process(_PROCESS_NAMES[fault.kind], seconds=fault.pause_s)
        return self._kill_process(_PROCESS_NAMES[fault.kind])

    def _restart_venue(self, _: InjectedFault) -> bool:
        """Kill the venue's process and start it again."""
        self._venue.kill()
        self._venue.start()
        self.deaths["venue"] += 1
        return True

    def _start_storm(self, fault: InjectedFault) -> bool:
        """Let two operators set the trading switch at random for some seconds."""
        self._operators.start_storm(seconds=fault.pause_s, pick=fault.pick)
        return True

    def _retry_from_flower(self, fault: InjectedFault) -> bool:
        """Send tasks again from Flower; return False when it shows none."""
        return flower_retries.retry_tasks(self._stack.flower_url, pick=fault.pick)

    def _kill_process(self, name: str) -> bool:
        """Kill -9 a process by its name; return False when it is not running."""
        pid = self._stack.supervisor.pids().get(name)
        return pid is not None and self._kill_pid(pid, name)

    def _kill_worker_child(self, fault: InjectedFault) -> bool:
        """Kill one of the pipeline worker's child processes, chosen by the fault's `pick`."""
        name = _PROCESS_NAMES[fault.kind]
        pid = self._stack.supervisor.pids().get(name)
        children = [] if pid is None else _list_children(pid)
        return bool(children) and self._kill_pid(children[int(fault.pick * len(children))], f"{name} child")

    def _kill_pid(self, pid: int, name: str) -> bool:
        """Kill -9 a process and count its death; return False when it is gone already."""
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.deaths[name] += 1
            return True
        return False

    def _pause_process(self, name: str, *, seconds: float) -> bool:
        """Stop a process group for some seconds; return False when it is not running."""
        pid = self._stack.supervisor.pids().get(name)
        if pid is None:
            return False
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGSTOP)
            time.sleep(seconds)
            os.killpg(pid, signal.SIGCONT)
            return True
        return False

    def _hang_beat(self, _: InjectedFault) -> bool:
        """Stop beat for good and wait until another takes its place; return False when that cannot be expected.

        The watchdog lets everything start first, and restarts beat once a minute at most.
        """
        pid, silent_s = self._stack.supervisor.pids().get("beat"), self.silent_after_s
        if pid is None or self.replacements or time.monotonic() - self._started < silent_s:
            return False
        os.killpg(pid, signal.SIGSTOP)
        hung_at = time.monotonic()
        is_replaced = fresh_stack.wait_until(lambda: self._stack.supervisor.pids().get("beat", pid) != pid, silent_s)
        self.replacements.append(time.monotonic() - hung_at if is_replaced else None)
        self.deaths["beat"] += is_replaced
        return True

    def _step_clock(self, fault: InjectedFault) -> bool:
        """Set the clock of workers and beat to another day, and right again after some seconds."""
        shifted_clock.set_shift(self._clock, CLOCK_STEPS[fault.kind])
        time.sleep(fault.pause_s)
        shifted_clock.set_shift(self._clock, 0)
        return True

    def _delete_messages(self, _: InjectedFault) -> bool:
        """Empty Redis; return False when it does not answer."""
        with suppress(RedisError), Redis.from_url(self._stack.settings.redis_url or "") as client:
            client.flushall()
            return True
        return False

    def _cut_connections(self, _: InjectedFault) -> bool:
        """Terminate all other connections to the database; return False when it does not answer."""
        with (
            suppress(psycopg.Error),
            psycopg.connect(self._stack.settings.database_url or "", connect_timeout=_CONNECT_WITHIN_S) as connection,
        ):
            connection.execute(_CUT_CONNECTIONS)
            return True
        return False


def _list_children(pid: int) -> list[int]:
    """Return the pids of a process's children; none when it is gone."""
    with suppress(OSError):
        return [int(child_pid) for child_pid in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
