"""The publisher: one thread per web process that tells the pipeline which signals were committed together."""

from __future__ import annotations

import time
from collections.abc import Callable
from uuid import UUID

import structlog

from app.web.queue_thread import Background, QueueFull

_WAITING = 1024
_COMMITS = 64
_PAUSE_PER_SIGNAL_S = 0.003
_LONGEST_PAUSE_S = 0.12

log = structlog.get_logger()
Enqueue = Callable[[list[UUID]], None]


class Publisher:
    """Hands committed ids to `enqueue`, off the request's way; what it cannot send, the sweep finds in the table.

    The first commit is sent at once. After each sending there is a pause about as long as the pipeline takes for what
    was sent; commits that come meanwhile are sent together. So a lone alert never waits for company, and a burst
    travels in few large batches, which the pipeline works off in a fraction of the time.
    """

    def __init__(
        self, enqueue: Enqueue, *, waiting: int = _WAITING, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self._enqueue = enqueue
        self._sleep = sleep
        self._commits: Background[list[UUID]] = Background("publisher", self._send, waiting=waiting, batch=_COMMITS)

    def publish(self, signal_ids: list[UUID]) -> None:
        """Queue one commit's ids; never waits, never raises."""
        try:
            self._commits.put(signal_ids)
        except QueueFull:
            log.warning("publisher.overflowed", count=len(signal_ids))

    def close(self) -> None:
        """Send what is waiting and end the thread."""
        self._commits.close()

    def _send(self, commits: list[list[UUID]]) -> None:
        signal_ids = [one for commit in commits for one in commit]
        try:
            self._enqueue(signal_ids)
        except Exception as error:  # noqa: BLE001 - a broker fails in many ways; the sweep makes good for them all
            log.warning("publisher.failed", count=len(signal_ids), error=type(error).__name__)
        self._sleep(min(_LONGEST_PAUSE_S, len(signal_ids) * _PAUSE_PER_SIGNAL_S))
