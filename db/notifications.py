"""Notifications: messages about opened and closed incidents, delivered to each configured service at least once.

A claim postpones the next attempt before anything is sent, so that another worker sends when the first one dies.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from domain.incidents import Incident, IncidentEvent

# Incidents that opened longer ago are older than the configuration of the services: nobody is notified of them.
NOTIFIED_WITHIN_S = 3600
# After 7 attempts the wait is 10 minutes: 160 of them take more than a day.
FIRST_WAIT_S, LONGEST_WAIT_S, MAX_ATTEMPTS = 5, 600, 160

_CREATE_OPENED = text("""
    INSERT INTO notifications (incident_id, event)
    SELECT incident_id, 'opened' FROM incidents
    WHERE opened_at > clock_timestamp() - make_interval(secs => :notified_within_s)
      AND NOT EXISTS (SELECT FROM notifications AS known
                      WHERE known.incident_id = incidents.incident_id AND known.event = 'opened')
    ON CONFLICT DO NOTHING
""")
_CREATE_CLOSED = text("""
    INSERT INTO notifications (incident_id, event)
    SELECT incident_id, 'closed' FROM incidents JOIN notifications AS opened USING (incident_id)
    WHERE closed_at IS NOT NULL AND opened.event = 'opened'
      AND NOT EXISTS (SELECT FROM notifications AS known
                      WHERE known.incident_id = incidents.incident_id AND known.event = 'closed')
    ON CONFLICT DO NOTHING
""")
_CLAIM = text("""
    WITH due AS (
        SELECT incident_id, event FROM notifications AS candidate
        WHERE sent_at IS NULL AND next_attempt_at <= clock_timestamp() AND attempts < :max_attempts
          AND (event = 'opened' OR NOT EXISTS (
              SELECT FROM notifications AS opened
              WHERE opened.incident_id = candidate.incident_id AND opened.event = 'opened' AND opened.sent_at IS NULL
                AND opened.attempts < :max_attempts))
        ORDER BY next_attempt_at, incident_id LIMIT :limit FOR UPDATE SKIP LOCKED),
    claimed AS (
        UPDATE notifications SET attempts = attempts + 1,
            next_attempt_at = clock_timestamp() + make_interval(secs => :lease_s)
        FROM due WHERE notifications.incident_id = due.incident_id AND notifications.event = due.event
        RETURNING notifications.incident_id, notifications.event, attempts, told)
    SELECT claimed.*, kind, subject, detail, opened_at, closed_at, orders.book
    FROM claimed JOIN incidents USING (incident_id)
    LEFT JOIN orders
        ON order_id = CASE WHEN starts_with(kind, 'order_') AND subject ~ '^[0-9a-f-]{36}$' THEN subject::uuid END
    ORDER BY opened_at, incident_id
""")
_RECORD_SENT = text("""
    UPDATE notifications SET sent_at = clock_timestamp(), last_error = NULL, told = cast(:told AS jsonb)
    WHERE incident_id = :id AND event = :event AND sent_at IS NULL
""")
_RECORD_FAILED = text("""
    UPDATE notifications SET last_error = :error, told = cast(:told AS jsonb),
        next_attempt_at = clock_timestamp()
            + make_interval(secs => least(:first_wait_s * power(2, attempts - 1), :longest_wait_s))
    WHERE incident_id = :id AND event = :event AND sent_at IS NULL
""")
_COUNT_UNSENT = text("""
    SELECT count(*) FILTER (WHERE attempts < :max_attempts) AS waiting,
        count(*) FILTER (WHERE attempts >= :max_attempts) AS given_up
    FROM notifications WHERE sent_at IS NULL
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class DueNotification:
    """Claimed notification; `delivered_to` holds the marks of the services that accepted it already."""

    incident_id: UUID
    event: IncidentEvent
    incident: Incident
    attempts: int
    delivered_to: frozenset[str]

    @property
    def is_last(self) -> bool:
        """Whether this is the last attempt."""
        return self.attempts >= MAX_ATTEMPTS


def create_missing(session: Session) -> None:
    """Create the missing notifications: of incidents opened within the hour, and of the ends of notified ones."""
    session.execute(_CREATE_OPENED, {"notified_within_s": NOTIFIED_WITHIN_S})
    session.execute(_CREATE_CLOSED)


def claim(session: Session, *, limit: int, lease_s: float) -> list[DueNotification]:
    """Claim up to `limit` due notifications for `lease_s` seconds, oldest incident first.

    The end of an incident waits until the notification of its beginning was sent or given up.
    """
    parameters = {"limit": limit, "lease_s": lease_s, "max_attempts": MAX_ATTEMPTS}
    return [_build_due(row) for row in session.execute(_CLAIM, parameters).mappings()]


def record_sent(session: Session, due: DueNotification, *, delivered_to: Collection[str]) -> None:
    """Record that every service accepted a notification."""
    parameters = {"id": due.incident_id, "event": due.event.value, "told": json.dumps(sorted(delivered_to))}
    session.execute(_RECORD_SENT, parameters)


def record_failed(session: Session, due: DueNotification, *, delivered_to: Collection[str], error: str) -> None:
    """Record which services accepted a notification and the error of the others; it is due again after a pause."""
    parameters = {
        "id": due.incident_id,
        "event": due.event.value,
        "told": json.dumps(sorted(delivered_to)),
        "error": error,
        "first_wait_s": FIRST_WAIT_S,
        "longest_wait_s": LONGEST_WAIT_S,
    }
    session.execute(_RECORD_FAILED, parameters)


def count_unsent(session: Session) -> tuple[int, int]:
    """Return how many notifications are still to be sent, and how many were given up."""
    row = session.execute(_COUNT_UNSENT, {"max_attempts": MAX_ATTEMPTS}).one()
    return row.waiting, row.given_up


def _build_due(row: RowMapping) -> DueNotification:
    """Build the claimed notification of a row, with its incident."""
    incident = Incident(
        kind=row["kind"],
        subject=row["subject"],
        detail=row["detail"],
        opened_at=row["opened_at"],
        closed_at=row["closed_at"],
        book=row["book"],
    )
    return DueNotification(
        incident_id=row["incident_id"],
        event=IncidentEvent(row["event"]),
        incident=incident,
        attempts=row["attempts"],
        delivered_to=frozenset(row["told"]),
    )
