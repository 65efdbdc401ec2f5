"""Doing what a fault says to the processes and servers of a stack; only pids of that stack are ever touched."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import psycopg
from redis import Redis, RedisError

from bench.chaos.faults import PAUSES, Fault, Kind
from bench.chaos.venue import VenueProcess
from stack.stack import RunningStack

_NAMES = {
    Kind.WEB_KILLED: "web",
    Kind.WORKER_KILLED: "worker",
    Kind.WORKER_CHILD_KILLED: "worker",
    Kind.ORDERS_KILLED: "orders",
    Kind.EXITS_KILLED: "exits",
    Kind.BEAT_KILLED: "beat",
    Kind.WORKER_PAUSED: "worker",
    Kind.ORDERS_PAUSED: "orders",
    Kind.WEB_PAUSED: "web",
    Kind.POSTGRES_KILLED: "postgres",
    Kind.REDIS_KILLED: "redis",
}
_CUT = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
_CONNECT_WITHIN_S = 2


class Injector:
    """Makes faults happen; `done` holds when each happened (Unix time), `deaths` how many processes were killed."""

    def __init__(self, stack: RunningStack, venue: VenueProcess) -> None:
        self._stack, self._venue = stack, venue
        self.done: list[tuple[Kind, float]] = []
        self.deaths: Counter[str] = Counter()

    def inject(self, fault: Fault) -> None:
        """Do one fault; a pause is waited for. What is not there just now is left alone."""
        at = time.time()
        if self._happened(fault):
            self.done.append((fault.kind, at))

    def _happened(self, fault: Fault) -> bool:
        match fault.kind:
            case Kind.VENUE_KILLED:
                self._venue.kill()
                self._venue.start()
                self.deaths["venue"] += 1
                return True
            case Kind.MESSAGES_LOST:
                return self._forget_messages()
            case Kind.CONNECTIONS_CUT:
                return self._cut_connections()
            case Kind.WORKER_CHILD_KILLED:
                return self._kill_child(_NAMES[fault.kind], pick=fault.pick)
            case kind if kind in PAUSES:
                return self._pause(_NAMES[kind], seconds=fault.pause_s)
            case kind:
                return self._kill(_NAMES[kind])

    def _kill(self, name: str) -> bool:
        pid = self._stack.supervisor.pids().get(name)
        return pid is not None and self._killed(pid, name)

    def _kill_child(self, name: str, *, pick: float) -> bool:
        pid = self._stack.supervisor.pids().get(name)
        children = [] if pid is None else _children(pid)
        return bool(children) and self._killed(children[int(pick * len(children))], f"{name} child")

    def _killed(self, pid: int, name: str) -> bool:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.deaths[name] += 1
            return True
        return False

    def _pause(self, name: str, *, seconds: float) -> bool:
        pid = self._stack.supervisor.pids().get(name)
        if pid is None:
            return False
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGSTOP)
            time.sleep(seconds)
            os.killpg(pid, signal.SIGCONT)
            return True
        return False

    def _forget_messages(self) -> bool:
        with suppress(RedisError), Redis.from_url(self._stack.settings.redis_url or "") as client:
            client.flushall()
            return True
        return False

    def _cut_connections(self) -> bool:
        with (
            suppress(psycopg.Error),
            psycopg.connect(self._stack.settings.database_url or "", connect_timeout=_CONNECT_WITHIN_S) as connection,
        ):
            connection.execute(_CUT)
            return True
        return False


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(one) for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
