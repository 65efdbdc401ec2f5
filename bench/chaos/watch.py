"""Watch over a stack during a rehearsal: the progress of processing, and restarts of processes."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable
from types import TracebackType
from typing import Self

import psycopg

from stack.stack import RunningStack

_POLL_INTERVAL_S = 0.1
_CONNECT_WITHIN_S = 1
_NEWEST_DONE = "SELECT extract(epoch FROM max(stored_at))::float8 FROM signals WHERE status = 'done'"


class ChaosWatch:
    """Recorder, while the block lasts, of when ever later stored signals were first seen processed."""

    def __init__(self, stack: RunningStack) -> None:
        self._stack = stack
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="chaos-watch", daemon=True)
        self._pids: dict[str, int] = {}
        self._seen: list[tuple[float, float]] = []
        self.restarts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        """Begin to watch, on a thread of its own."""
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def recovery_s(self, at: float) -> float | None:
        """Return the seconds from `at` (Unix time) until a signal stored after it was seen processed; None if never."""
        return next((seen - at for seen, stored in self._seen if stored > at), None)

    def _watch(self) -> None:
        """Poll until the end, connecting again whenever the database fails."""
        while not self._ended.is_set():
            try:
                with psycopg.connect(
                    self._stack.settings.database_url or "", connect_timeout=_CONNECT_WITHIN_S, autocommit=True
                ) as connection:
                    self._poll_until_failure(connection)
            except psycopg.Error:
                self._count_restarts()
                self._ended.wait(_POLL_INTERVAL_S)

    def _poll_until_failure(self, connection: psycopg.Connection) -> None:
        """Record over one connection when a newer signal is done."""
        while not self._ended.wait(_POLL_INTERVAL_S):
            self._count_restarts()
            ((stored,),) = connection.execute(_NEWEST_DONE).fetchall()
            if stored is not None and (not self._seen or stored > self._seen[-1][1]):
                self._seen.append((time.time(), stored))

    def _count_restarts(self) -> None:
        """Count each process whose pid has changed."""
        for name, pid in self._stack.supervisor.pids().items():
            if self._pids.setdefault(name, pid) != pid:
                self.restarts[name] += 1
                self._pids[name] = pid


def find_median(values: Iterable[float]) -> float | None:
    """Return the median, the lower of two middle values; None without values."""
    ordered = sorted(values)
    return ordered[(len(ordered) - 1) // 2] if ordered else None
