"""Canaries: whether the workers of a queue take anything from it, told by the database's clock.

Any task that ends is a sign of life of its queue; a canary makes sure that there is one to take. When none was sent
for a while, because the broker, the database or the stack was away, each queue is given its time anew.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from sqlalchemy import text
from sqlalchemy.orm import Session

_CANARIES_MISSED = 3
_SENT = text("""
    INSERT INTO canaries AS known (queue, sent_at, seen_at)
    SELECT name, at, at FROM unnest(cast(:queues AS text[])) AS name, clock_timestamp() AS at ORDER BY name
    ON CONFLICT (queue) DO UPDATE SET sent_at = excluded.sent_at,
        seen_at = CASE WHEN known.sent_at < excluded.sent_at - make_interval(secs => :pause_s)
                       THEN excluded.seen_at ELSE known.seen_at END
""")
_SEEN = text("UPDATE canaries SET seen_at = clock_timestamp() WHERE queue = :queue")
_LIST = text("""
    SELECT queue, seen_at, extract(epoch FROM clock_timestamp() - seen_at)::float8 AS silent_s,
           CASE WHEN sent_at < clock_timestamp() - make_interval(secs => :pause_s) THEN 'unasked'
                WHEN seen_at < sent_at - make_interval(secs => :late_after_s) THEN 'late'
                ELSE 'answering' END AS state
    FROM canaries ORDER BY queue
""")


class QueueState(Enum):
    """Whether a queue's workers take tasks; `unasked` when nobody sends canaries, so that it cannot be told."""

    ANSWERING = "answering"
    LATE = "late"
    UNASKED = "unasked"


class CanarySettings(Protocol):
    """How long a queue may be silent, and how often it is asked; after three canaries that were not sent it is not."""

    @property
    def silent_after_s(self) -> int:
        """How long a queue may be silent."""

    @property
    def canary_every_s(self) -> int:
        """How often it is sent a canary."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueHealth:
    """When a queue was last seen alive, how many seconds ago, and what that means."""

    queue: str
    seen_at: datetime
    silent_s: float
    state: QueueState


def record_sent(session: Session, queues: Collection[str], patience: CanarySettings) -> None:
    """Record that these queues were sent a canary now."""
    session.execute(_SENT, {"queues": list(queues), "pause_s": _CANARIES_MISSED * patience.canary_every_s})


def record_seen(session: Session, queue: str) -> None:
    """Record that a worker of the queue did something now."""
    session.execute(_SEEN, {"queue": queue})


def list_all(session: Session, patience: CanarySettings) -> list[QueueHealth]:
    """Return every queue that was ever sent a canary, by name."""
    given = {"late_after_s": patience.silent_after_s, "pause_s": _CANARIES_MISSED * patience.canary_every_s}
    return [
        QueueHealth(queue=row.queue, seen_at=row.seen_at, silent_s=row.silent_s, state=QueueState(row.state))
        for row in session.execute(_LIST, given)
    ]


def list_late(session: Session, patience: CanarySettings) -> list[QueueHealth]:
    """Return the queues that are sent canaries and have been silent for too long."""
    return [one for one in list_all(session, patience) if one.state is QueueState.LATE]
