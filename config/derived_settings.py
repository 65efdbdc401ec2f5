"""What follows from the settings: values that no variable sets."""

from __future__ import annotations

from math import ceil

from config import parsers, time_limits
from config.time_limits import TimeLimits


class DerivedSettings:
    """Values that are computed from the fields of the settings."""

    __slots__ = ()

    broker_url: str | None
    queue_silent_s: int | None
    canary_every_s: int
    lease_s: int
    engine_a: str
    engine_b: str
    engine_a_deadline_s: float
    engine_b_deadline_s: float

    @property
    def broker_is_rabbitmq(self) -> bool:
        """Return whether RabbitMQ carries the tasks."""
        return (self.broker_url or "").startswith(("amqp://", "amqps://"))

    @property
    def broker_is_sentinel(self) -> bool:
        """Return whether the Redis that carries the tasks is found through Sentinel."""
        return (self.broker_url or "").startswith("sentinel://")

    @property
    def silent_after_s(self) -> int:
        """Seconds after which a silent queue is an alarm: QUEUE_SILENT_S, by default twice the lease and at least 60.

        Never less than three canaries, nor than one behind a batch that waits for engines longer than other tasks run.
        """
        hard_s = self.dispatch_limits.hard_s
        is_longer = hard_s > time_limits.task_limits(lease_s=self.lease_s).hard_s
        least_s = max(3 * self.canary_every_s, ceil(hard_s) + self.canary_every_s if is_longer else 0)
        return max(self.queue_silent_s or max(2 * self.lease_s, 60), least_s)

    @property
    def longest_deadline_s(self) -> float:
        """The longest deadline of an engine that is not built in; 0 when both are."""
        deadlines = [(self.engine_a, self.engine_a_deadline_s), (self.engine_b, self.engine_b_deadline_s)]
        return max(
            (deadline_s for engine, deadline_s in deadlines if engine not in parsers.BUILT_IN_ENGINES), default=0
        )

    @property
    def dispatch_limits(self) -> TimeLimits:
        """The time limits of the stage that asks engines."""
        return time_limits.dispatch_limits(lease_s=self.lease_s, longest_deadline_s=self.longest_deadline_s)
