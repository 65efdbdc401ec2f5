"""Beat's scheduler: keeps the schedule in memory and goes by the monotonic clock, so that no clock step can stop it.

Celery's own scheduler stores the wall-clock time of each entry's last run in a file. After the clock was set back, or
after a run with a clock that was ahead, those times lie in the future, and nothing is sent until they have passed.
"""

from __future__ import annotations

import time
from typing import Any

import structlog
from celery.beat import ScheduleEntry, Scheduler
from kombu.exceptions import OperationalError

from tasks import queue_lengths

# With more messages than this in an entry's queue no more are added: those of a queue without a worker must not pile
# up. Messages with an expiry would not do, since workers compare it with a clock of their own.
MOST_WAITING = 1000
COUNTED_EVERY_S = 10.0
log = structlog.get_logger()


class IntervalScheduler(Scheduler):  # type: ignore[misc]
    """Sends each entry at once when it starts, and then at its interval; missed times are not made up for."""

    def setup_schedule(self) -> None:
        """Take the entries from the configuration, all of them due now."""
        super().setup_schedule()
        self._due_at = dict.fromkeys(self.schedule, time.monotonic())
        self._counted: dict[str, tuple[float, bool]] = {}

    def tick(self) -> float:
        """Send the entries that are due, and return the seconds until the next one is."""
        for entry in list(self.schedule.values()):
            now = time.monotonic()
            if self._due_at[entry.name] <= now:
                self._due_at[entry.name] = max(self._due_at[entry.name] + _interval_s(entry), now)
                self._send(entry, now=now)
        pause_s = min(self._due_at.values()) - time.monotonic()
        return max(0.0, min(float(self.max_interval), pause_s))

    def _send(self, entry: ScheduleEntry, *, now: float) -> None:
        if not self._is_queue_full(entry.options["queue"], now=now):
            self.apply_entry(entry, producer=self.producer)

    def _is_queue_full(self, queue: str, *, now: float) -> bool:
        """Return whether too many messages wait in a queue, which is asked every ten seconds."""
        counted_at, is_full = self._counted.get(queue, (float("-inf"), False))
        if now - counted_at >= COUNTED_EVERY_S:
            is_full = self._count_waiting(queue) > MOST_WAITING
            self._counted[queue] = (now, is_full)
        return is_full

    def _count_waiting(self, queue: str) -> int:
        """Return how many messages wait in a queue; 0 when the message broker does not answer."""
        try:
            # A channel of its own: RabbitMQ closes one that asks about a queue that does not exist.
            with self.connection.channel() as channel:
                waiting = queue_lengths.count_waiting(queue, channel=channel)
        except (OperationalError, *self.connection.recoverable_connection_errors) as error:
            log.warning("beat.queue_not_counted", queue=queue, error=type(error).__name__)
            return 0
        if waiting > MOST_WAITING:
            log.warning("beat.queue_full", queue=queue, waiting=waiting)
        return waiting


def _interval_s(entry: ScheduleEntry) -> float:
    schedule: Any = entry.schedule
    return float(schedule.run_every.total_seconds())
