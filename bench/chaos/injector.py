"""Injection of faults into the processes and servers of a stack; only that stack's own processes are touched."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psycopg
from redis import Redis, RedisError

from bench.chaos.faults import PAUSES, InjectedFault, InjectedFaultKind
from bench.chaos.venue_process import VenueProcess
from stack.stack import RunningStack

_PROCESS_NAMES = {
    InjectedFaultKind.WEB_KILLED: "web",
    InjectedFaultKind.WORKER_KILLED: "worker",
    InjectedFaultKind.WORKER_CHILD_KILLED: "worker",
    InjectedFaultKind.ORDERS_KILLED: "orders",
    InjectedFaultKind.EXITS_KILLED: "exits",
    InjectedFaultKind.BEAT_KILLED: "beat",
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
    """Injector of faults; `done` lists their kinds and Unix times, `deaths` counts the killed processes by name."""

    def __init__(self, stack: RunningStack, venue: VenueProcess) -> None:
        self._stack, self._venue = stack, venue
        self.done: list[tuple[InjectedFaultKind, float]] = []
        self.deaths: Counter[str] = Counter()

    def inject(self, fault: InjectedFault) -> None:
        """Inject one fault and wait for the end of a pause; a fault whose process is not running is skipped."""
        at = time.time()
        if self._apply(fault):
            self.done.append((fault.kind, at))

    def _apply(self, fault: InjectedFault) -> bool:
        """Apply a fault; return False when there was nothing that it could hit."""
        match fault.kind:
            case InjectedFaultKind.VENUE_KILLED:
                self._venue.kill()
                self._venue.start()
                self.deaths["venue"] += 1
                return True
            case InjectedFaultKind.MESSAGES_LOST:
                return self._delete_messages()
            case InjectedFaultKind.CONNECTIONS_CUT:
                return self._cut_connections()
            case InjectedFaultKind.WORKER_CHILD_KILLED:
                return self._kill_child(_PROCESS_NAMES[fault.kind], pick=fault.pick)
            case kind if kind in PAUSES:
                return self._pause_process(_PROCESS_NAMES[kind], seconds=fault.pause_s)
            case kind:
                return self._kill_process(_PROCESS_NAMES[kind])

    def _kill_process(self, name: str) -> bool:
        """Kill -9 a process by its name; return False when it is not running."""
        pid = self._stack.supervisor.pids().get(name)
        return pid is not None and self._kill_pid(pid, name)

    def _kill_child(self, name: str, *, pick: float) -> bool:
        """Kill one of a worker's child processes, chosen by `pick` (0..1)."""
        pid = self._stack.supervisor.pids().get(name)
        children = [] if pid is None else _list_children(pid)
        return bool(children) and self._kill_pid(children[int(pick * len(children))], f"{name} child")

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

    def _delete_messages(self) -> bool:
        """Empty Redis; return False when it does not answer."""
        with suppress(RedisError), Redis.from_url(self._stack.settings.redis_url or "") as client:
            client.flushall()
            return True
        return False

    def _cut_connections(self) -> bool:
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
