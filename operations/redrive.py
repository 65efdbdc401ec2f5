"""Operation that reads quarantined messages again, as of the moment at which they came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import structlog

from alerts.meaning.reading import FieldErrors
from alerts.understand import UnreadableAlert, understand_all
from config.settings import Settings
from db import alert_bars, intake, sources, webhook_events
from db.core.errors import DBAPIError, OperationalError, is_outage
from db.core.session import Database, Session
from db.intake import Arrival, Receipt
from db.webhook_events import QuarantinedEvent
from domain.bar_messages import BarMessage
from domain.books import STANDING_BOOKS
from domain.signal import Flag, NewSignal, Source
from operations.audit_entry import AuditContext

UNKNOWN_EVENT = {"event_id": ["there is no such message in quarantine"]}
EVENT_OF_REPLAY = {"event_id": ["belongs to a replay, which is over; replay its file again"]}
UNREADABLE = {"body": ["could not be read; it is kept and can be tried again"]}
REFUSED_BY_DATABASE = {"body": ["was understood, but the database refuses it"]}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class RedrivenMessage:
    """Result for one message: its signals (`new` are those that did not exist before), or the errors that remain."""

    event_id: UUID
    signal_ids: tuple[UUID, ...] = ()
    new: tuple[UUID, ...] = ()
    is_stale: bool = False
    errors: FieldErrors


@dataclass(frozen=True, slots=True, kw_only=True)
class RedriveReport:
    """Result of a redrive; `enqueued` is whether the new signals were sent, else the sweep sends them."""

    messages: tuple[RedrivenMessage, ...]
    enqueued: bool

    @property
    def is_complete(self) -> bool:
        """Whether every message could be read."""
        return not any(message.errors for message in self.messages)


class MessageRefused(ValueError):
    """A message cannot be turned into signals; `errors` say why, by field."""

    def __init__(self, errors: FieldErrors) -> None:
        super().__init__(str(errors))
        self.errors = errors


def redrive(settings: Settings, database: Database, event_ids: Sequence[UUID], *, audit: AuditContext) -> RedriveReport:
    """Read quarantined messages again with today's dialects and their sources' settings, each in one transaction.

    A signal is received when its message came. One that is older than its source's lag is stale: recorded in shadow,
    never traded for real. Redriving a message twice gives the same signal.
    """
    from tasks import pipeline  # noqa: PLC0415 - loading Celery takes a second, and most processes never redrive

    messages = read_again(database, event_ids, audit=audit)
    new = [signal_id for message in messages for signal_id in message.new]
    return RedriveReport(messages=messages, enqueued=pipeline.send_stored_signals(settings, new))


def read_again(database: Database, event_ids: Sequence[UUID], *, audit: AuditContext) -> tuple[RedrivenMessage, ...]:
    """Store the signals of quarantined messages as `redrive` does, without sending them to the workers."""
    return tuple(_redrive_message(database, event_id, audit) for event_id in dict.fromkeys(event_ids))


def _redrive_message(database: Database, event_id: UUID, audit: AuditContext) -> RedrivenMessage:
    try:
        with database.transaction() as session:
            event = _lock_event(session, event_id)
            if event.redriven_signal_id is not None:
                return RedrivenMessage(event_id=event_id, signal_ids=(event.redriven_signal_id,), errors={})
            receipts = _store_message(session, event, now=audit.at)
            first = receipts[0].signal_id if receipts else None
            webhook_events.mark_redriven(session, event_id, signal_id=first, at=audit.at)
            ids = [str(receipt.signal_id) for receipt in receipts]
            audit.write_entry(session, "signals.redrive", str(event_id), signal_ids=ids)
    except MessageRefused as refused:
        return RedrivenMessage(event_id=event_id, errors=refused.errors)
    return _summarize(event_id, receipts)


def _summarize(event_id: UUID, receipts: Sequence[Receipt]) -> RedrivenMessage:
    return RedrivenMessage(
        event_id=event_id,
        signal_ids=tuple(receipt.signal_id for receipt in receipts),
        new=tuple(receipt.signal_id for receipt in receipts if receipt.is_new),
        is_stale=any(Flag.STALE.value in receipt.flags for receipt in receipts),
        errors={},
    )


def _lock_event(session: Session, event_id: UUID) -> QuarantinedEvent:
    """Return a quarantined message, locked until the transaction ends."""
    event = webhook_events.lock_quarantined(session, event_id)
    if event is None:
        raise MessageRefused(UNKNOWN_EVENT)
    if event.book not in STANDING_BOOKS:
        raise MessageRefused(EVENT_OF_REPLAY)
    return event


def _store_message(session: Session, event: QuarantinedEvent, *, now: datetime) -> list[Receipt]:
    """Read a message and store its bars and signals, of which the receipts are returned.

    A savepoint keeps the transaction usable when the database refuses them.
    """
    source = sources.by_name(session, event.source).source
    parts = _read_parts(event, source)
    arrivals = _build_arrivals([part for part in parts if isinstance(part, NewSignal)], event, source, now=now)
    try:
        with session.begin_nested():
            alert_bars.record_fed(
                session, [part for part in parts if isinstance(part, BarMessage)], now=event.received_at
            )
            return intake.record_late(session, arrivals, received_at=event.received_at) if arrivals else []
    except DBAPIError as error:
        if is_outage(error) or isinstance(error, OperationalError):
            raise
        log.warning("redrive.row_refused", event_id=str(event.event_id), error=type(error.orig).__name__)
        raise MessageRefused(REFUSED_BY_DATABASE) from error


def _read_parts(event: QuarantinedEvent, source: Source) -> list[NewSignal | BarMessage]:
    """Read a message; one with a part that is still unreadable is refused."""
    try:
        parts = understand_all(event.raw_body, source, received_at=event.received_at)
    except Exception as error:
        log.exception("redrive.reading_failed", event_id=str(event.event_id))
        raise MessageRefused(UNREADABLE) from error
    read = list[NewSignal | BarMessage]()
    for part in parts:
        if isinstance(part, UnreadableAlert):
            raise MessageRefused(part.errors)
        read.append(part)
    if not read:
        raise MessageRefused(UNREADABLE)
    return read


def _build_arrivals(
    signals: Sequence[NewSignal], event: QuarantinedEvent, source: Source, *, now: datetime
) -> list[Arrival]:
    is_late = (now - event.received_at).total_seconds() > source.max_lag_s
    return [
        Arrival(signal=signal, max_lag_s=source.max_lag_s, is_late=is_late, calendar=source.calendar)
        for signal in signals
    ]
