"""What becomes of a body that was posted: authenticated, understood, committed, answered, all within one second."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import structlog

from alerts.meaning.reading import FieldErrors
from alerts.understand import UnreadableAlert, understand
from app.webhook.authenticator import Authenticator
from app.webhook.writer import RowRefused, Writer, WriterUnavailable
from db.intake import Arrival, Receipt
from db.webhook_events import EventKind, WebhookEvent
from domain.signal import NewSignal, Source

MAX_BODY = 64 * 1024
_LONGEST_CONTENT_TYPE = 200
_TOO_LARGE = {"body": [f"must be at most {MAX_BODY} bytes"]}

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A body as it came: `raw` holds at most one byte more than is allowed."""

    raw: bytes
    content_type: str

    @property
    def is_oversized(self) -> bool:
        """Whether more came than is taken."""
        return len(self.raw) > MAX_BODY


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """An HTTP status, the JSON document that goes with it, and headers of its own."""

    status: int
    document: dict[str, Any]
    headers: Mapping[str, str] | None = None


class Receiver:
    """Turns posted bodies into signals or events; `counts` holds how many were answered in which way."""

    def __init__(self, authenticator: Authenticator, writer: Writer, *, deadline_s: float = 1.0) -> None:
        self._authenticator = authenticator
        self._writer = writer
        self._deadline_s = deadline_s
        self._lock = threading.Lock()
        self.counts: Counter[str] = Counter()

    def authenticate(self, token: str, *, origin: Callable[[], str], is_listed: bool) -> Source:
        """Return the source of a token; a sender that is not listed is turned away whatever the token.

        Raises:
            app.webhook.authenticator.Unauthorized, app.webhook.authenticator.AuthUnavailable,
            app.access.limits.TooManyFailures
        """
        if not is_listed:
            self._authenticator.turn_away(token, origin())
        return self._authenticator.source_of(token, within_s=self._deadline_s, origin=origin)

    def receive(self, posted: Posted, source: Source, *, started: float) -> Answer:
        """Store what came and say what became of it; `started` is the monotonic time at which the request came.

        Raises:
            WriterUnavailable: when the database did not take it in time.
        """
        ends = started + self._deadline_s
        if posted.is_oversized:
            event = _event(posted.raw[:MAX_BODY], _TOO_LARGE, posted, source, kind=EventKind.OVERSIZED)
            self._await(self._writer.submit(event), ends)
            return Answer(status=413, document=_refusal(event, status="oversized"))
        outcomes = self._store(_understood(posted, source), posted, source, ends=ends)
        return _answer(outcomes)

    def count(self, outcome: str) -> None:
        """Count one answer."""
        with self._lock:
            self.counts[outcome] += 1

    def answered(self) -> dict[str, int]:
        """Return how many were answered in which way, at one moment."""
        with self._lock:
            return dict(self.counts)

    def close(self) -> None:
        """Write what is waiting and let go of the database."""
        self._writer.close()
        self._authenticator.close()

    def _store(
        self, parts: Sequence[NewSignal | UnreadableAlert], posted: Posted, source: Source, *, ends: float
    ) -> list[dict[str, Any]]:
        entries = [_entry(part, posted, source) for part in parts]
        promises: list[Future[Receipt | None]] = []
        try:
            promises.extend(self._writer.submit(entry) for entry in entries)
            return [
                self._outcome(entry, promise, posted, source, ends=ends)
                for entry, promise in zip(entries, promises, strict=True)
            ]
        except WriterUnavailable:
            for promise in promises:
                promise.cancel()
            raise

    def _outcome(
        self,
        entry: Arrival | WebhookEvent,
        promise: Future[Receipt | None],
        posted: Posted,
        source: Source,
        *,
        ends: float,
    ) -> dict[str, Any]:
        try:
            receipt = self._await(promise, ends)
        except RowRefused as error:
            if isinstance(entry, WebhookEvent):
                raise WriterUnavailable("an event cannot be stored") from error
            errors = {"body": [f"was understood, but cannot be stored ({error})"]}
            entry = _event(entry.signal.raw_body, errors, posted, source, kind=EventKind.QUARANTINED)
            receipt = self._await(self._writer.submit(entry), ends)
        if isinstance(entry, WebhookEvent):
            log.warning("webhook.quarantined", event_id=str(entry.event_id), fields=sorted(entry.errors))
            return _refusal(entry, status="quarantined")
        return _acceptance(entry.signal, receipt)

    def _await(self, promise: Future[Receipt | None], ends: float) -> Receipt | None:
        try:
            return promise.result(max(0.0, ends - time.monotonic()))
        except FutureTimeout:
            promise.cancel()
            raise WriterUnavailable("the database did not answer in time") from None


def _understood(posted: Posted, source: Source) -> Sequence[NewSignal | UnreadableAlert]:
    try:
        return understand(posted.raw, source)
    except Exception:
        log.exception("webhook.reading_failed", source=source.name)
        return [
            UnreadableAlert(raw=posted.raw, errors={"body": ["could not be read; it is kept and can be tried again"]})
        ]


def _entry(part: NewSignal | UnreadableAlert, posted: Posted, source: Source) -> Arrival | WebhookEvent:
    if isinstance(part, NewSignal):
        return Arrival(signal=part, max_lag_s=source.max_lag_s)
    return _event(part.raw, part.errors, posted, source, kind=EventKind.QUARANTINED)


def _event(raw: bytes, errors: FieldErrors, posted: Posted, source: Source, *, kind: EventKind) -> WebhookEvent:
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


def _acceptance(signal: NewSignal, receipt: Receipt | None) -> dict[str, Any]:
    assert receipt is not None  # noqa: S101 - the writer gives one for each arrival
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


def _refusal(event: WebhookEvent, *, status: str) -> dict[str, Any]:
    return {"status": status, "event_id": str(event.event_id), "errors": event.errors}


def _answer(outcomes: Sequence[Mapping[str, Any]]) -> Answer:
    """Put the first signal that was taken on top, or the first of all; several parts are listed beside it."""
    taken = [outcome for outcome in outcomes if "signal_id" in outcome]
    document = dict(taken[0] if taken else outcomes[0])
    if len(outcomes) > 1:
        document["signals"] = list(outcomes)
    return Answer(status=200 if taken else 422, document=document)
