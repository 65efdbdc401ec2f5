"""What makes an alert this alert: a hash that survives another key order, other blanks and other number spellings."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec

from alerts.meaning.reading import Reading
from alerts.parsing.fields import squeeze
from alerts.parsing.values import Leaf

_JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,6})?", re.ASCII)
_WHOLE = re.compile(r"-?(0|[1-9]\d*)", re.ASCII)
_LONGEST_NUMBER = 100
_KEPT_AS_WRITTEN = re.compile(r"^(order|signal|alert|event|message|strategy)?(id|uuid)$|(comment|message|note)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentHash:
    """SHA-256 in hex; `timeless` says that neither an id nor a time went into it."""

    digest: str
    timeless: bool


def content_hash(payload: Mapping[str, Any], reading: Reading) -> ContentHash:
    """Hash an alert's explicit id with what tells orders and bars apart; without one, its whole canonical body.

    A strategy's order id names an order, not an alert: it tells two orders of a bar apart but is no identity.
    `payload` has its secrets redacted, so that none can be guessed from a hash.
    """
    if reading.identity.explicit_id is None:
        timeless = reading.bar_time is None and reading.event_at is None
        return ContentHash(digest=_digest(canonical(payload)), timeless=timeless)
    return ContentHash(digest=_digest(_told_apart(reading)), timeless=False)


def canonical(value: Any, *, key: str = "") -> Any:
    """Return a value in which equal numbers look equal, as numbers or as text; ids and comments stay as written."""
    match value:
        case dict():
            return {name: canonical(one, key=name) for name, one in value.items()}
        case list():
            return [canonical(one, key=key) for one in value]
        case str() if _KEPT_AS_WRITTEN.search(squeeze(key)):
            return exact(value)
        case str() if len(value) <= _LONGEST_NUMBER and _JSON_NUMBER.fullmatch(value):
            return spelled(Decimal(value))
        case int() | Decimal() if not isinstance(value, bool):
            return spelled(Decimal(value))
        case _:
            return value


def exact(value: Leaf) -> str:
    """Return an id or a comment as text: 7, 7.0 and "7" are one, "1.1" and "1.10" are two."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return spelled(Decimal(value))
    written = str(value)
    return spelled(Decimal(written)) if len(written) <= _LONGEST_NUMBER and _WHOLE.fullmatch(written) else written


def spelled(number: Decimal) -> str:
    """Spell a number in the one way its value has: digits without trailing zeros, then the power of ten."""
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        return str(number)
    written = "".join(map(str, digits)).lstrip("0")
    kept = written.rstrip("0")
    if not kept:
        return "0"
    return f"{'-' if sign else ''}{kept}e{exponent + len(written) - len(kept)}"


def _told_apart(reading: Reading) -> dict[str, Any]:
    identity, instrument = reading.identity, reading.instrument
    return {
        "id": identity.explicit_id,
        "order": identity.order_id,
        "comment": identity.comment,
        "symbol": [instrument.symbol, instrument.exchange, instrument.kind.value],
        "asks": [reading.direction.value, reading.action.value],
        "timeframe": str(reading.timeframe) if reading.timeframe is not None else None,
        "at": _written(reading.bar_time or reading.event_at),
        "price": spelled(reading.price) if reading.price is not None else None,
    }


def _written(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment is not None else None


def _digest(document: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(document, order="sorted")).hexdigest()
