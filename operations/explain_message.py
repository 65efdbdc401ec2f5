"""What a message in quarantine says, what was wrong with it, and what it would be read as today."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from alerts.understand import UnreadableAlert, understand
from alerts.vocabulary import aliases, words
from db.webhook_events import QuarantinedEvent
from domain.signal import NewSignal, Source

_MOST_SHOWN = 4000
_TOKEN = re.compile(r"[^\W_]+")
_HIDDEN = "·"


def document(kept: QuarantinedEvent, source: Source) -> dict[str, Any]:
    """Describe a message, read again with today's dialects and its source's settings; nothing is stored.

    `body` shows the message with everything hidden that is neither punctuation nor a name or a word we know: what
    could not be read may have a secret anywhere.
    """
    parts = understand(kept.raw_body, source)
    return {
        "event_id": str(kept.event_id),
        "source": kept.source,
        "received_at": kept.received_at.isoformat(),
        "body": veiled(kept.raw_body.decode(errors="replace")[:_MOST_SHOWN]),
        "errors": dict(kept.errors),
        "today": [reading(one) for one in parts],
        "redriven_signal_id": str(kept.redriven_signal_id) if kept.redriven_signal_id else None,
    }


def tell(told: dict[str, Any]) -> Iterator[str]:
    """Tell it in lines."""
    yield f"message {told['event_id']} of {told['source']}, {told['received_at']}"
    yield from _indented(told["body"])
    yield "was refused:"
    yield from _wrong(told["errors"])
    for one in told["today"]:
        if "errors" in one:
            yield "would be refused today:"
            yield from _wrong(one["errors"])
        else:
            asks = f"{one['action']} {one['direction']} {one['symbol']}"
            yield f"would be read today as {asks} ({one['dialect']}); `signals redrive {told['event_id']}` takes it"
    if told["redriven_signal_id"]:
        yield f"became signal {told['redriven_signal_id']}"


def reading(part: NewSignal | UnreadableAlert) -> dict[str, Any]:
    """Describe what a message, or one part of it, is read as; of one that is refused only why, by field."""
    if isinstance(part, UnreadableAlert):
        return {"errors": dict(part.errors)}
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


def veiled(body: str) -> str:
    """Hide every word of a message that is no field's name and no word that says what to do."""
    return _TOKEN.sub(lambda found: found.group() if _is_known(found.group()) else _HIDDEN * len(found.group()), body)


def _is_known(token: str) -> bool:
    lowered = token.lower()
    return lowered in aliases.WORDS or lowered in words.WORDS


def _wrong(errors: dict[str, list[str]]) -> Iterator[str]:
    for field, why in errors.items():
        yield f"  {field}: {' '.join(why)}"


def _indented(body: str) -> Iterator[str]:
    for line in body.splitlines() or [""]:
        yield f"  | {line}"
