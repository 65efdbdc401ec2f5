"""The receiver of alerts: authenticate the sender, parse the body, commit it, build the answer, all within a second."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import structlog

from alerts.meaning.reading import FieldErrors
from alerts.understand import Understood, UnreadableAlert, understand_all
from app.webhook.authenticator import Authenticator
from app.webhook.writer import RowRefused, WriteEntry, Writer, WriteResult, WriterUnavailable
from config import data_disk
from db import quarantine_quota
from db.alert_bars import BarReceipt
from db.intake import Arrival, Receipt
from db.webhook_events import EventKind, EventReceipt, WebhookEvent
from domain import canonical
from domain.bar_messages import BarMessage
from domain.books import TEST_BOOK, is_replay_book
from domain.signal import Action, NewSignal, Source

MAX_BODY = 64 * 1024
_LONGEST_CONTENT_TYPE = 200
_TOO_LARGE = {"body": [f"must be at most {MAX_BODY} bytes"]}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class PostedBody:
    """The body of a request: `raw` holds at most one byte more than MAX_BODY."""

    raw: bytes
    content_type: str

    @property
    def is_oversized(self) -> bool:
        """True when the body is longer than MAX_BODY."""
        return len(self.raw) > MAX_BODY


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookAnswer:
    """The HTTP status of an answer, its JSON document, and additional headers."""

    status: int
    document: dict[str, Any]
    headers: Mapping[str, str] | None = None


class Receiver:
    """Stores posted bodies as signals or webhook events; `counts` holds the number of answers by status.

    While the disk that holds `data_dir` is nearly full, only bodies with an exit are stored.
    """

    def __init__(
        self,
        authenticator: Authenticator,
        writer: Writer,
        *,
        deadline_s: float = 1.0,
        data_dir: Path | None = None,
    ) -> None:
        self._authenticator = authenticator
        self._data_dir = data_dir
        self._writer = writer
        self._deadline_s = deadline_s
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()

    def authenticate(self, token: str, *, origin: Callable[[], str], is_allowed_sender: bool) -> Source:
        """Return the source of a token; a sender that is not allowed is refused whatever its token.

        Raises:
            app.webhook.authenticator.Unauthorized, app.webhook.authenticator.AuthUnavailable,
            app.access.limits.TooManyFailures
        """
        if not is_allowed_sender:
            self._authenticator.refuse(token, origin())
        return self._authenticator.find_source(token, within_s=self._deadline_s, origin=origin)

    def receive(self, posted: PostedBody, source: Source, *, started: float) -> WebhookAnswer:
        """Store a body and return the answer; `started` is the monotonic time at which the request began.

        Raises:
            WriterUnavailable: when the database did not commit it in time, or the disk is nearly full.
        """
        ends = started + self._deadline_s
        if posted.is_oversized:
            self._require_space(())
            event = _build_event(posted.raw[:MAX_BODY], _TOO_LARGE, posted, source, kind=EventKind.OVERSIZED)
            stored = self._wait_for_commit(self._writer.submit(event), ends)
            return WebhookAnswer(status=413, document=_describe_event(event, stored, status="oversized"))
        # A replay's book has a clock of its own, by which its alerts came in time.
        received_at = None if is_replay_book(source.book) else self._writer.read_clock()
        parts = _parse_body(posted, source, received_at)
        self._require_space(parts)
        outcomes = self._store_parts(parts, posted, source, ends=ends)
        return _build_answer(outcomes)

    def count_answer(self, status: str) -> None:
        """Count one answer by its status."""
        with self._lock:
            self.counts[status] += 1

    def answer_counts(self) -> dict[str, int]:
        """Return the number of answers by status, all taken at the same moment."""
        with self._lock:
            return dict(self.counts)

    def close(self) -> None:
        """Write the waiting entries and close the database's connections."""
        self._writer.close()
        self._authenticator.close()

    def _require_space(self, parts: Sequence[Understood]) -> None:
        """Raise WriterUnavailable while what is left of the disk is kept for exits, and none is among the parts."""
        has_exit = any(isinstance(part, NewSignal) and part.action is Action.EXIT for part in parts)
        if not has_exit and data_disk.is_short(self._data_dir):
            raise WriterUnavailable("the disk is nearly full, and what is left is kept for exits")

    def _store_parts(
        self, parts: Sequence[Understood], posted: PostedBody, source: Source, *, ends: float
    ) -> list[dict[str, Any]]:
        """Store the parts of a body together and return a document for each; cancel the rest when one times out."""
        entries = [_build_entry(part, posted, source) for part in parts]
        promises: list[Future[WriteResult]] = []
        try:
            promises.extend(self._writer.submit(entry) for entry in entries)
            return [
                self._finish_entry(entry, promise, posted, source, ends=ends)
                for entry, promise in zip(entries, promises, strict=True)
            ]
        except WriterUnavailable:
            for promise in promises:
                promise.cancel()
            raise

    def _finish_entry(
        self,
        entry: WriteEntry,
        promise: Future[WriteResult],
        posted: PostedBody,
        source: Source,
        *,
        ends: float,
    ) -> dict[str, Any]:
        """Wait for the commit of an entry and describe it; a signal that cannot be stored is kept as an event."""
        try:
            receipt = self._wait_for_commit(promise, ends)
        except RowRefused as error:
            if isinstance(entry, WebhookEvent):
                raise WriterUnavailable("an event cannot be stored") from error
            errors = {"body": [f"was understood, but cannot be stored ({error})"]}
            raw = entry.raw if isinstance(entry, BarMessage) else entry.signal.raw_body
            entry = _build_event(raw, errors, posted, source, kind=EventKind.QUARANTINED)
            receipt = self._wait_for_commit(self._writer.submit(entry), ends)
        if isinstance(entry, WebhookEvent):
            log.warning("webhook.quarantined", event_id=str(entry.event_id), fields=sorted(entry.errors))
            return _describe_event(entry, receipt, status="quarantined")
        if isinstance(entry, BarMessage):
            return _describe_bar(entry, receipt)
        return _describe_signal(entry.signal, receipt)

    def _wait_for_commit(self, promise: Future[WriteResult], ends: float) -> WriteResult:
        """Return the receipt when it is committed before `ends`, a monotonic time; else cancel it and raise."""
        try:
            return promise.result(max(0.0, ends - time.monotonic()))
        except FutureTimeout:
            promise.cancel()
            raise WriterUnavailable("the database did not answer in time") from None


def _parse_body(posted: PostedBody, source: Source, received_at: datetime | None) -> Sequence[Understood]:
    """Return the signals, bars and refusals in a body; an unexpected error makes the whole body a refusal."""
    try:
        return understand_all(posted.raw, source, received_at=received_at)
    except Exception:
        log.exception("webhook.reading_failed", source=source.name)
        return [
            UnreadableAlert(raw=posted.raw, errors={"body": ["could not be read; it is kept and can be tried again"]})
        ]


def _build_entry(part: Understood, posted: PostedBody, source: Source) -> WriteEntry:
    match part:
        case NewSignal():
            return Arrival(signal=part, max_lag_s=source.max_lag_s, calendar=source.calendar)
        case BarMessage():
            return part
        case UnreadableAlert():
            event = _build_event(part.raw, part.errors, posted, source, kind=EventKind.QUARANTINED)
            book = TEST_BOOK if part.is_test and not is_replay_book(source.book) else source.book
            return replace(event, book=book, may_be_exit=not part.is_bar)


def _build_event(
    raw: bytes, errors: FieldErrors, posted: PostedBody, source: Source, *, kind: EventKind
) -> WebhookEvent:
    """Build the event that keeps a body which is not accepted."""
    printable = "".join(character for character in posted.content_type if character.isprintable())
    return WebhookEvent(
        event_id=uuid4(),
        source=source.name,
        book=source.book,
        kind=kind,
        raw_body=raw,
        content_type=printable[:_LONGEST_CONTENT_TYPE],
        errors=errors,
    )


def _describe_bar(message: BarMessage, receipt: WriteResult) -> dict[str, Any]:
    """Log a stored bar and return its part of the answer; `is_new` is False where the series had one."""
    assert isinstance(receipt, BarReceipt)  # noqa: S101 - the writer returns one for each bar
    symbol, interval = message.instrument.symbol, str(message.interval)
    log.info("bar.stored", source=message.source, book=message.book, symbol=symbol, interval=interval)
    open_time = canonical.format_time(message.bar.open_time)
    return {"status": "bar", "symbol": symbol, "interval": interval, "open_time": open_time, "is_new": receipt.is_new}


def _describe_signal(signal: NewSignal, receipt: WriteResult) -> dict[str, Any]:
    """Log a stored signal and return its part of the answer."""
    assert isinstance(receipt, Receipt)  # noqa: S101 - the writer returns a receipt for each arrival
    log.info(
        "signal.accepted" if receipt.is_new else "signal.duplicate",
        signal_id=str(receipt.signal_id),
        book=signal.book,
        source=signal.source,
        symbol=signal.symbol,
        direction=signal.direction.value,
        action=signal.action.value,
        flags=receipt.flags,
    )
    return {
        "status": "accepted" if receipt.is_new else "duplicate",
        "signal_id": str(receipt.signal_id),
        "signal_hash": receipt.signal_hash,
        "flags": receipt.flags,
    }


def _describe_event(event: WebhookEvent, receipt: WriteResult, *, status: str) -> dict[str, Any]:
    """Return the answer's part about a body that was not accepted; `quarantine_full` when it was not kept either."""
    assert isinstance(receipt, EventReceipt)  # noqa: S101 - the writer returns one for each event
    if receipt.is_kept:
        return {"status": status, "event_id": str(event.event_id), "errors": event.errors}
    log.error("webhook.quarantine_full", source=event.source)
    return {"status": quarantine_quota.FULL, "errors": event.errors}


def _build_answer(outcomes: Sequence[Mapping[str, Any]]) -> WebhookAnswer:
    """Put the first accepted signal at the top level, else a bar or the first part; list several under `signals`."""
    signals = [outcome for outcome in outcomes if "signal_id" in outcome]
    accepted = signals or [outcome for outcome in outcomes if outcome["status"] == "bar"]
    document = dict(accepted[0] if accepted else outcomes[0])
    if len(outcomes) > 1:
        document["signals"] = list(outcomes)
    return WebhookAnswer(status=200 if accepted else 422, document=document)
