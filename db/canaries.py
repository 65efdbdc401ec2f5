"""Canaries: small tasks sent to each queue regularly, which show whether its workers still take tasks.

Any task that ends is a sign of life of its queue; canaries make sure that there is one to take. Times are those of the
database's clock. When no canary was sent for a while, because the broker, the database or the stack was down, the
silence is counted from the next one that is sent.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Protocol

from sqlalchemy import text
from sqlalchemy.orm import Session

from db import incident_findings
from db.incident_findings import Finding

SILENT = "queue_silent"
_CANARIES_MISSED = 3
_RECORD_SENT = text("""
    INSERT INTO canaries AS known (queue, sent_at, seen_at)
    SELECT name, at, at FROM unnest(cast(:queues AS text[])) AS name, clock_timestamp() AS at ORDER BY name
    ON CONFLICT (queue) DO UPDATE SET sent_at = excluded.sent_at,
        seen_at = CASE WHEN known.sent_at < excluded.sent_at - make_interval(secs => :pause_s)
                       THEN excluded.seen_at ELSE known.seen_at END
""")
_RECORD_SEEN = text("UPDATE canaries SET seen_at = clock_timestamp() WHERE queue = :queue")
_LIST = text("""
    SELECT queue, seen_at, extract(epoch FROM clock_timestamp() - seen_at)::float8 AS silent_s,
           CASE WHEN sent_at < clock_timestamp() - make_interval(secs => :pause_s) THEN 'unasked'
                WHEN seen_at < sent_at - make_interval(secs => :late_after_s) THEN 'late'
                ELSE 'answering' END AS state
    FROM canaries ORDER BY queue
""")


class QueueState(Enum):
    """State of a queue's workers; `unasked` when no canaries are sent, so that it is not known."""

    ANSWERING = "answering"
    LATE = "late"
    UNASKED = "unasked"


class CanarySettings(Protocol):
    """Intervals of canaries; after three that were not sent a queue counts as `unasked`."""

    @property
    def silent_after_s(self) -> int:
        """Seconds without a sign of life after which a queue is late."""

    @property
    def canary_every_s(self) -> int:
        """Seconds between two canaries of a queue."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueHealth:
    """Last sign of life of a queue, how many seconds ago it was, and the state that follows."""

    queue: str
    seen_at: datetime
    silent_s: float
    state: QueueState


def record_sent(session: Session, queues: Collection[str], intervals: CanarySettings) -> None:
    """Record that a canary was sent to each of the queues now."""
    session.execute(_RECORD_SENT, {"queues": list(queues), "pause_s": _CANARIES_MISSED * intervals.canary_every_s})


def record_seen(session: Session, queue: str) -> None:
    """Record a sign of life of a queue: one of its workers ended a task now."""
    session.execute(_RECORD_SEEN, {"queue": queue})


def list_all(session: Session, intervals: CanarySettings) -> list[QueueHealth]:
    """Return every queue to which a canary was ever sent, by name."""
    parameters = {"late_after_s": intervals.silent_after_s, "pause_s": _CANARIES_MISSED * intervals.canary_every_s}
    return [
        QueueHealth(queue=row.queue, seen_at=row.seen_at, silent_s=row.silent_s, state=QueueState(row.state))
        for row in session.execute(_LIST, parameters)
    ]


def list_late(session: Session, intervals: CanarySettings) -> list[QueueHealth]:
    """Return the queues that are sent canaries and have been silent for too long."""
    return [queue for queue in list_all(session, intervals) if queue.state is QueueState.LATE]


def update_incidents(session: Session, late: Collection[QueueHealth]) -> None:
    """Keep one incident open for each late queue."""
    findings = [
        Finding(kind=SILENT, subject=state.queue, detail={"since": state.seen_at.isoformat()}) for state in late
    ]
    incident_findings.update_incidents(session, findings, kinds=[SILENT])
