"""Webhook events: requests that were not accepted, stored with their bodies and the reasons."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from uuid import UUID

import msgspec
from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from db import exit_incidents, quarantine_quota
from db.core.listing import PageQuery, SortKey
from db.exit_incidents import UnreadMessage
from db.intake import load_clocks

_INSERT = text("""
    INSERT INTO webhook_events (event_id, source, book, kind, received_at, raw_body, content_type, errors)
    SELECT * FROM unnest(CAST(:event_id AS uuid[]), CAST(:source AS text[]), CAST(:book AS text[]),
        CAST(:kind AS text[]), CAST(:received_at AS timestamptz[]), CAST(:raw_body AS bytea[]),
        CAST(:content_type AS text[]), CAST(:errors AS jsonb[]))
""")

EVENTS = PageQuery(
    select="""
        SELECT event_id, source, book, kind, received_at, errors, redriven_at, redriven_signal_id FROM webhook_events
    """,
    conditions={
        "source": "source = :source",
        "book": "book = :book",
        "kind": "kind = :kind",
        "redriven": "(redriven_at IS NOT NULL) = :redriven",
    },
    order=(
        SortKey(column="received_at", kind=datetime, sql="received_at"),
        SortKey(column="event_id", kind=UUID, sql="event_id"),
    ),
)
_QUARANTINED_COLUMNS = "event_id, source, book, received_at, raw_body, errors, redriven_at, redriven_signal_id"


class EventKind(Enum):
    """Why a body was not accepted: not understood, or too large (its first 64 KB are kept)."""

    QUARANTINED = "quarantined"
    OVERSIZED = "oversized"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookEvent:
    """Body that was not accepted; `errors` says for each field what would be right.

    `may_be_exit` is False where it cannot have meant to close a trade, as a message of a bar feed.
    """

    event_id: UUID
    source: str
    book: str
    kind: EventKind
    raw_body: bytes
    content_type: str
    errors: Mapping[str, list[str]]
    may_be_exit: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EventReceipt:
    """Result of storing an event: it is not kept when its source has as many messages in quarantine as it may."""

    is_kept: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class QuarantinedEvent:
    """Body in quarantine, with its source, its errors, and the signal that it became when it was redriven."""

    event_id: UUID
    source: str
    book: str
    received_at: datetime
    raw_body: bytes
    errors: Mapping[str, list[str]]
    redriven_at: datetime | None
    redriven_signal_id: UUID | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FailingField:
    """Field that made messages of a source unreadable: how often, when last, and the last of the messages."""

    source: str
    field: str
    times: int
    last_at: datetime
    last_event: UUID


def load_quarantined(session: Session, event_id: UUID) -> QuarantinedEvent | None:
    """Return a quarantined body; None when none has that id."""
    query = text(f"SELECT {_QUARANTINED_COLUMNS} FROM webhook_events WHERE event_id = :id AND kind = 'quarantined'")
    row = session.execute(query, {"id": event_id}).mappings().one_or_none()
    return None if row is None else _build_quarantined(row)


def list_quarantined(session: Session, *, source: str | None, limit: int) -> list[QuarantinedEvent]:
    """Return the quarantined bodies that were not redriven, newest first."""
    query = text(
        f"SELECT {_QUARANTINED_COLUMNS} FROM webhook_events WHERE kind = 'quarantined' AND redriven_at IS NULL"
        " AND (cast(:source AS text) IS NULL OR source = :source) ORDER BY received_at DESC, event_id LIMIT :limit"
    )
    return [_build_quarantined(row) for row in session.execute(query, {"source": source, "limit": limit}).mappings()]


def count_failing_fields(session: Session, *, source: str | None, since: datetime) -> list[FailingField]:
    """Count, by source and field, the messages that could not be read since a time; most frequent first."""
    query = text("""
        SELECT source, field, count(*) AS times, max(received_at) AS last_at,
            (array_agg(event_id ORDER BY received_at DESC, event_id))[1] AS last_event
        FROM webhook_events CROSS JOIN LATERAL jsonb_object_keys(errors) AS field
        WHERE kind = 'quarantined' AND received_at >= :since
          AND (cast(:source AS text) IS NULL OR source = :source)
        GROUP BY source, field ORDER BY times DESC, source, field
    """)
    return [FailingField(**row) for row in session.execute(query, {"source": source, "since": since}).mappings()]


def lock_quarantined(session: Session, event_id: UUID) -> QuarantinedEvent | None:
    """Return a quarantined body, locked until the transaction ends; None when none has that id."""
    query = text(
        f"SELECT {_QUARANTINED_COLUMNS} FROM webhook_events WHERE event_id = :id AND kind = 'quarantined' FOR UPDATE"
    )
    row = session.execute(query, {"id": event_id}).mappings().one_or_none()
    return None if row is None else _build_quarantined(row)


def mark_redriven(session: Session, event_id: UUID, *, signal_id: UUID | None, at: datetime) -> None:
    """Record the signal that a body became (the first, where it became several; None: bars only)."""
    query = text("UPDATE webhook_events SET redriven_at = :at, redriven_signal_id = :signal_id WHERE event_id = :id")
    session.execute(query, {"id": event_id, "signal_id": signal_id, "at": at})


def _build_quarantined(row: RowMapping) -> QuarantinedEvent:
    return QuarantinedEvent(**{**row, "raw_body": bytes(row["raw_body"])})


def record(session: Session, events: Sequence[WebhookEvent], *, now: datetime) -> list[EventReceipt]:
    """Store events for which their sources have room, each received at its book's time; `now` is the wall clock.

    An incident is opened about each open real trade that a message may have been the exit of, kept or not.

    Returns:
        A receipt for each event, in order.
    """
    kept = quarantine_quota.select_within_quota(session, events)
    if kept:
        _insert(session, kept, now=now)
    exit_incidents.open_about_quarantine(
        session, [_build_unread_message(event) for event in events if event.may_be_exit]
    )
    kept_ids = {event.event_id for event in kept}
    return [EventReceipt(is_kept=event.event_id in kept_ids) for event in events]


def _insert(session: Session, events: Sequence[WebhookEvent], *, now: datetime) -> None:
    clocks = load_clocks(session, {event.book for event in events}, now=now)
    rows = [
        {
            "event_id": event.event_id,
            "source": event.source,
            "book": event.book,
            "kind": event.kind.value,
            "received_at": clocks[event.book],
            "raw_body": event.raw_body,
            "content_type": event.content_type,
            "errors": msgspec.json.encode(event.errors).decode(),
        }
        for event in events
    ]
    session.execute(_INSERT, {name: [row[name] for row in rows] for name in rows[0]})


def _build_unread_message(event: WebhookEvent) -> UnreadMessage:
    return UnreadMessage(
        event_id=event.event_id,
        source=event.source,
        book=event.book,
        text=event.raw_body.decode("utf-8", errors="replace"),
        unreadable=tuple(event.errors),
    )
