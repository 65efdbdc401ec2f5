"""How many messages wait in a queue, asked through a channel to the message broker."""

from __future__ import annotations

from typing import Any


def count_waiting(queue: str, *, channel: Any) -> int:
    """Return the length of a queue; 0 when it does not exist."""
    try:
        return int(channel.queue_declare(queue, passive=True).message_count)
    except channel.connection.client.channel_errors:
        return 0  # Redis has no empty queues
