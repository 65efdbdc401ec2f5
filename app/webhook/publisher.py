"""The publisher: one thread per web process that sends the ids of committed signals to the pipeline."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID

import structlog

from app.web.queue_thread import QueueFull, QueueThread

_MAX_WAITING = 1024
_MAX_COMMITS = 64
_PAUSE_PER_SIGNAL_S = 0.003
_LONGEST_PAUSE_S = 0.12

log = structlog.get_logger()
Enqueue = Callable[[list[UUID]], None]


class Publisher:
    """Passes the ids of committed signals to `enqueue` outside the request; the sweep picks up those it cannot send.

    The first commit is sent at once. After each sending it pauses for about as long as the pipeline takes for those
    signals, and then sends the commits of that time together. So a lone alert never waits, and a burst travels in few
    large batches, which the pipeline processes in a fraction of the time.
    """

    def __init__(
        self, enqueue: Enqueue, *, max_waiting: int = _MAX_WAITING, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._enqueue = enqueue
        self._sleep = sleep
        self._commits: QueueThread[list[UUID]] = QueueThread(
            "publisher", self._send_commits, capacity=max_waiting, batch=_MAX_COMMITS
        )

    def publish(self, signal_ids: list[UUID]) -> None:
        """Queue the ids of one commit; never waits, never raises."""
        try:
            self._commits.put(signal_ids)
        except QueueFull:
            log.warning("publisher.overflowed", count=len(signal_ids))

    def close(self) -> None:
        """Send the queued ids and stop the thread."""
        self._commits.close()

    def _send_commits(self, commits: list[list[UUID]]) -> None:
        """Send the ids of several commits together, and pause."""
        signal_ids = [signal_id for commit in commits for signal_id in commit]
        try:
            self._enqueue(signal_ids)
        except Exception as error:  # noqa: BLE001 - a broker fails in many ways; after each of them the sweep sends these signals
            log.warning("publisher.failed", count=len(signal_ids), error=type(error).__name__)
        self._sleep(min(_LONGEST_PAUSE_S, len(signal_ids) * _PAUSE_PER_SIGNAL_S))
