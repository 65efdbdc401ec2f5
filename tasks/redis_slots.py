"""A worker's prefetch slots on Redis: freed even when Redis does not confirm an acknowledgement.

Kombu frees a slot only after Redis has answered. Each missing answer would take a slot for good, until the worker has
none left and takes no more tasks. The message itself is delivered again in an hour, and is a no-op then.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis
from kombu.transport.virtual.base import QoS


class AcknowledgedSlots(redis.QoS):
    """Counts the messages that a worker has taken and not yet acknowledged."""

    def ack(self, delivery_tag: Any) -> None:
        """Acknowledge a message at Redis, and free its slot whether or not Redis answers."""
        try:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]
        except self.channel.connection_errors:
            QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call]
            raise


def install_slots() -> None:
    """Make Kombu's Redis transport count unacknowledged messages with AcknowledgedSlots, in this process."""
    redis.Channel.QoS = AcknowledgedSlots
