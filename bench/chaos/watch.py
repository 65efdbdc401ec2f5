"""Watches a stack from outside: how far processing has come, and which processes were started again."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import psycopg

from stack.stack import RunningStack

_EVERY_S = 0.1
_CONNECT_WITHIN_S = 1
_NEWEST_DONE = "SELECT extract(epoch FROM max(stored_at))::float8 FROM signals WHERE status = 'done'"


class Watch:
    """Notes, while the block lasts, when a signal stored later than any before was first seen processed."""

    def __init__(self, stack: RunningStack) -> None:
        self._stack = stack
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="chaos-watch", daemon=True)
        self._pids: dict[str, int] = {}
        self._seen: list[tuple[float, float]] = []
        self.restarts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def recovery_s(self, at: float) -> float | None:
        """Return how long after `at` (Unix time) a signal that was stored after it was first seen processed."""
        return next((seen - at for seen, stored in self._seen if stored > at), None)

    def _run(self) -> None:
        while not self._ended.is_set():
            try:
                with psycopg.connect(
                    self._stack.settings.database_url or "", connect_timeout=_CONNECT_WITHIN_S, autocommit=True
                ) as connection:
                    self._follow(connection)
            except psycopg.Error:
                self._count_restarts()
                self._ended.wait(_EVERY_S)

    def _follow(self, connection: psycopg.Connection) -> None:
        while not self._ended.wait(_EVERY_S):
            self._count_restarts()
            ((stored,),) = connection.execute(_NEWEST_DONE).fetchall()
            if stored is not None and (not self._seen or stored > self._seen[-1][1]):
                self._seen.append((time.time(), stored))

    def _count_restarts(self) -> None:
        for name, pid in self._stack.supervisor.pids().items():
            if self._pids.setdefault(name, pid) != pid:
                self.restarts[name] += 1
                self._pids[name] = pid


def median(values: Iterable[float]) -> float | None:
    """Return the middle one of the values, the lower of two; None without values."""
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2] if ordered else None
