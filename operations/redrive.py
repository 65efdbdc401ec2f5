"""Redriving: what was kept because it could not be read is read again, as of the moment it came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from alerts.meaning.reading import FieldErrors
from alerts.understand import UnreadableAlert, understand
from db import audit, intake, sources, webhook_events
from db.core.errors import DBAPIError, OperationalError, is_outage
from db.core.session import Database, Session
from db.intake import Arrival, Receipt
from db.webhook_events import QuarantinedEvent
from domain.books import STANDING_BOOKS
from domain.signal import Flag, Source

NOT_THERE = {"event_id": ["there is no such message in quarantine"]}
OF_A_REPLAY = {"event_id": ["belongs to a replay, which is over; replay its file again"]}
UNREADABLE = {"body": ["could not be read; it is kept and can be tried again"]}
UNSTORABLE = {"body": ["was understood, but the database refuses it"]}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Redriven:
    """What became of one message: its signals (`new` those that were not there before), or what is still wrong."""

    event_id: UUID
    signal_ids: tuple[UUID, ...] = ()
    new: tuple[UUID, ...] = ()
    is_stale: bool = False
    errors: FieldErrors


class _Unread(ValueError):
    """A message cannot be made signals."""

    def __init__(self, errors: FieldErrors) -> None:
        super().__init__(str(errors))
        self.errors = errors


def redrive(database: Database, event_ids: Sequence[UUID], *, actor: str, reason: str, now: datetime) -> list[Redriven]:
    """Read quarantined messages again with today's dialects and their source's settings, each in one transaction.

    A signal is received when its message came; one that is older than its source's lag by `now` is stale: recorded in
    shadow, never traded for real. Redriving a message twice gives the same signal.
    """
    return [_one(database, event_id, actor=actor, reason=reason, now=now) for event_id in dict.fromkeys(event_ids)]


def _one(database: Database, event_id: UUID, *, actor: str, reason: str, now: datetime) -> Redriven:
    try:
        with database.transaction() as session:
            event = _held(session, event_id)
            if event.redriven_signal_id is not None:
                return Redriven(event_id=event_id, signal_ids=(event.redriven_signal_id,), errors={})
            source = sources.by_name(session, event.source).source
            receipts = _stored(session, event, _arrivals(event, source, now=now))
            webhook_events.mark_redriven(session, event_id, signal_id=receipts[0].signal_id, at=now)
            audit.append(
                session,
                actor=actor,
                action="signals.redrive",
                subject=str(event_id),
                reason=reason,
                detail={"signal_ids": [str(one.signal_id) for one in receipts]},
                at=now,
            )
    except _Unread as unread:
        return Redriven(event_id=event_id, errors=unread.errors)
    return Redriven(
        event_id=event_id,
        signal_ids=tuple(one.signal_id for one in receipts),
        new=tuple(one.signal_id for one in receipts if one.is_new),
        is_stale=any(Flag.STALE.value in one.flags for one in receipts),
        errors={},
    )


def _held(session: Session, event_id: UUID) -> QuarantinedEvent:
    event = webhook_events.lock_quarantined(session, event_id)
    if event is None:
        raise _Unread(NOT_THERE)
    if event.book not in STANDING_BOOKS:
        raise _Unread(OF_A_REPLAY)
    return event


def _arrivals(event: QuarantinedEvent, source: Source, *, now: datetime) -> list[Arrival]:
    try:
        parts = understand(event.raw_body, source)
    except Exception as error:
        log.exception("redrive.reading_failed", event_id=str(event.event_id))
        raise _Unread(UNREADABLE) from error
    is_late = (now - event.received_at).total_seconds() > source.max_lag_s
    arrivals = []
    for part in parts:
        if isinstance(part, UnreadableAlert):
            raise _Unread(part.errors)
        arrivals.append(Arrival(signal=part, max_lag_s=source.max_lag_s, is_late=is_late))
    if not arrivals:
        raise _Unread(UNREADABLE)
    return arrivals


def _stored(session: Session, event: QuarantinedEvent, arrivals: Sequence[Arrival]) -> list[Receipt]:
    try:
        with session.begin_nested():
            return intake.record_late(session, arrivals, received_at=event.received_at)
    except DBAPIError as error:
        if is_outage(error) or isinstance(error, OperationalError):
            raise
        log.warning("redrive.row_refused", event_id=str(event.event_id), error=type(error.orig).__name__)
        raise _Unread(UNSTORABLE) from error
