"""The quota of quarantined messages that each source may have, and how long they are kept.

A message beyond the quota is not stored; that is counted, and an incident tells of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Protocol, TypeVar

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.incident_findings import Finding
from domain.books import BOOKS_WITH_INCIDENTS

FULL = "quarantine_full"
MOST_MESSAGES, MOST_BYTES = 5_000, 50_000_000
# The trigger on the table refuses to remove younger ones.
KEPT_DAYS = 90

_USED = text("""
    SELECT source, count(*) AS messages, coalesce(sum(octet_length(raw_body)), 0) AS bytes
    FROM webhook_events WHERE source = ANY(:sources) GROUP BY source
""")
_COUNT_REFUSED = text("""
    INSERT INTO quarantine_refusals AS known (source, refused)
    SELECT * FROM unnest(cast(:sources AS text[]), cast(:counts AS bigint[])) ORDER BY 1
    ON CONFLICT (source) DO UPDATE SET refused = known.refused + excluded.refused, last_at = excluded.last_at
""")
_REMOVE_OLD = text("""
    DELETE FROM webhook_events WHERE event_id IN (
        SELECT event_id FROM webhook_events WHERE received_at < clock_timestamp() - make_interval(days => :days)
        ORDER BY received_at LIMIT :limit)
    RETURNING event_id
""")
_FULL = text("""
    SELECT refusals.source, refused, messages FROM quarantine_refusals AS refusals
    JOIN sources ON sources.name = refusals.source
    CROSS JOIN LATERAL (
        SELECT count(*) AS messages, coalesce(sum(octet_length(raw_body)), 0) AS bytes
        FROM webhook_events WHERE webhook_events.source = refusals.source) AS used
    WHERE book = ANY(:books) AND last_at > clock_timestamp() - interval '1 day' AND (
        messages >= :most_messages OR bytes >= :most_bytes)
    ORDER BY refusals.source
""")


class Message(Protocol):
    """A message that is to be kept."""

    @property
    def source(self) -> str:
        """Name of its source."""

    @property
    def raw_body(self) -> bytes:
        """Its text."""


MessageT = TypeVar("MessageT", bound=Message)


def select_within_quota(session: Session, messages: Sequence[MessageT]) -> list[MessageT]:
    """Return the messages for which their sources have room, in order; count the others as refused."""
    used = load_used(session, {message.source for message in messages})
    kept, refused = list[MessageT](), Counter[str]()
    for message in messages:
        count, size = used.get(message.source, (0, 0))
        if count >= MOST_MESSAGES or size >= MOST_BYTES:
            refused[message.source] += 1
            continue
        used[message.source] = (count + 1, size + len(message.raw_body))
        kept.append(message)
    if refused:
        session.execute(_COUNT_REFUSED, {"sources": list(refused), "counts": list(refused.values())})
    return kept


def load_used(session: Session, sources: Collection[str]) -> dict[str, tuple[int, int]]:
    """Return how many messages of each source are kept, and their bytes."""
    rows = session.execute(_USED, {"sources": sorted(sources)})
    return {row.source: (row.messages, int(row.bytes)) for row in rows}


def remove_old(session: Session, *, limit: int) -> int:
    """Remove up to `limit` messages that were kept long enough, oldest first; return how many there were."""
    return len(session.execute(_REMOVE_OLD, {"days": KEPT_DAYS, "limit": limit}).all())


def find_full(session: Session) -> list[Finding]:
    """Return the sources that were refused messages within a day and still have no room."""
    parameters = {"books": list(BOOKS_WITH_INCIDENTS), "most_messages": MOST_MESSAGES, "most_bytes": MOST_BYTES}
    return [
        Finding(kind=FULL, subject=row.source, detail={"messages": row.messages, "refused": row.refused})
        for row in session.execute(_FULL, parameters)
    ]
