"""Explanations of quarantined messages: their errors, their reading with today's dialects, and which fields fail most.

Nothing here changes anything, so no audit entry is written.
"""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any
from uuid import UUID

from alerts.understand import Understood, UnreadableAlert, understand_all
from alerts.vocabulary import aliases, words
from db import sources, webhook_events
from db.core.session import Session
from db.webhook_events import QuarantinedEvent
from domain import canonical
from domain.bar_messages import BarMessage
from domain.books import TEST_BOOK
from domain.signal import Source

_LONGEST_BODY = 4000
_TOKEN = re.compile(r"[^\W_]+")
_MASK = "·"


def explain(session: Session, event_id: UUID) -> dict[str, Any] | None:
    """Return the explanation of a quarantined message, None when there is no such message."""
    event = webhook_events.load_quarantined(session, event_id)
    return None if event is None else document(event, sources.by_name(session, event.source).source)


def report_failing_fields(session: Session, *, source: str | None, since: datetime) -> list[dict[str, Any]]:
    """Return which fields kept messages of a source (None: of any) from being read, the most frequent first."""
    return [
        {
            "source": failing.source,
            "field": failing.field,
            "times": failing.times,
            "last_at": failing.last_at.isoformat(),
            "last_event": str(failing.last_event),
        }
        for failing in webhook_events.count_failing_fields(session, source=source, since=since)
    ]


def document(event: QuarantinedEvent, source: Source) -> dict[str, Any]:
    """Describe a message, read again with today's dialects and its source's settings; nothing is stored.

    `body` shows the message with everything masked that is neither punctuation nor a known field name or word, because
    a message that could not be read may hold a secret anywhere. The symbol and the price of a refused part are shown
    beside it, for administrators; others get the document of `hide_contents`.
    """
    parts = understand_all(event.raw_body, source, received_at=event.received_at)
    return {
        "event_id": str(event.event_id),
        "source": event.source,
        "received_at": event.received_at.isoformat(),
        "body": mask_unknown_words(event.raw_body.decode(errors="replace")[:_LONGEST_BODY]),
        "errors": dict(event.errors),
        "today": [describe_reading(part) for part in parts],
        "redriven_signal_id": str(event.redriven_signal_id) if event.redriven_signal_id else None,
    }


def hide_contents(explanation: dict[str, Any]) -> dict[str, Any]:
    """Return an explanation without the symbols and prices of refused parts."""
    today = [{"errors": part["errors"]} if "errors" in part else part for part in explanation["today"]]
    return explanation | {"today": today}


def name_contents(event: QuarantinedEvent, source: Source) -> list[dict[str, str | None]]:
    """Return the symbol and the price of each part of a message, None where they are missing or unreadable."""
    parts = [describe_reading(part) for part in understand_all(event.raw_body, source, received_at=event.received_at)]
    return [{"symbol": part.get("symbol"), "price": part.get("price")} for part in parts]


def describe_reading(part: Understood) -> dict[str, Any]:
    """Describe the signal or bar that a part of a message was read as; of a refused part errors, symbol, price."""
    if isinstance(part, UnreadableAlert):
        named = {"symbol": part.symbol, "price": str(part.price) if part.price is not None else None}
        return {"errors": dict(part.errors)} | {name: value for name, value in named.items() if value is not None}
    if isinstance(part, BarMessage):
        return _describe_bar(part)
    return {
        "dialect": part.dialect,
        "symbol": part.symbol,
        "exchange": part.exchange,
        "instrument_kind": part.instrument_kind.value,
        "direction": part.direction.value,
        "action": part.action.value,
        "price": str(part.price) if part.price is not None else None,
        "timeframe": str(part.timeframe) if part.timeframe is not None else None,
        "is_test": part.is_test,
        "read_from": dict(part.read_from),
    }


def _describe_bar(message: BarMessage) -> dict[str, Any]:
    bar = message.bar
    prices = {name: str(getattr(bar, name)) for name in ("open", "high", "low", "close")}
    return {
        "symbol": message.instrument.symbol,
        "exchange": message.instrument.exchange,
        "instrument_kind": message.instrument.kind.value,
        "price": prices["close"],
        "timeframe": str(message.interval),
        "is_test": message.book == TEST_BOOK,
        "bar": {"open_time": canonical.format_time(bar.open_time)} | prices,
    }


def mask_unknown_words(body: str) -> str:
    """Replace every word of a message that is neither a known field name nor a known command word with dots."""
    return _TOKEN.sub(lambda match: match[0] if _is_known(match[0]) else _MASK * len(match[0]), body)


def _is_known(token: str) -> bool:
    lowered = token.lower()
    return lowered in aliases.WORDS or lowered in words.WORDS
