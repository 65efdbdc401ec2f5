"""A worker's slots on Redis: freed even when Redis does not answer that a message is done.

Kombu frees one only after Redis has answered. Each answer that does not come in time would take a slot for good, until
the worker has none, waits for nothing and works on nothing. The message itself comes again in an hour, as a no-op.
"""

from __future__ import annotations

from typing import Any

from kombu.transport import redis
from kombu.transport.virtual.base import QoS


class Slots(redis.QoS):
    """Counts what a worker has taken and not yet acknowledged."""

    def ack(self, delivery_tag: Any) -> None:
        """Tell Redis that a message is done, and free its slot in any case."""
        try:
            super().ack(delivery_tag)  # type: ignore[no-untyped-call]
        except self.channel.connection_errors:
            QoS.ack(self, delivery_tag)  # type: ignore[no-untyped-call]
            raise


def install() -> None:
    """Have every connection to Redis of this process count in this way."""
    redis.Channel.QoS = Slots
