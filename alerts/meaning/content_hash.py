"""Content hash by which a repeated alert is recognised, whatever its key order, blanks and spellings of numbers."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any

import msgspec

from alerts.meaning.reading import Reading
from alerts.parsing.fields import squeeze
from alerts.parsing.values import Leaf

_JSON_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,6})?", re.ASCII)
_WHOLE_NUMBER = re.compile(r"-?(0|[1-9]\d*)", re.ASCII)
_LONGEST_NUMBER = 100
# In ids and comments digits are characters: 1.1 and 1.10 are two ids.
_NOT_A_NUMBER = re.compile(r"^(order|signal|alert|event|message|strategy)?(id|uuid)$|(comment|message|note)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentHash:
    """SHA-256 in hex; `timeless` is true when neither an id nor a time went into it, so that repeats look the same.

    `is_of_bar` is true when no id went into it and the alert names its bar: its firing time is left out.
    """

    digest: str
    timeless: bool
    is_of_bar: bool = False


def compute(payload: Mapping[str, Any], reading: Reading) -> ContentHash:
    """Hash an alert's own id together with its order, bar and price; without an id, hash its whole payload.

    A strategy's order id names an order, not an alert: it tells two orders of one bar apart, but is not enough to
    identify an alert. `payload` has its secrets redacted, so that none can be guessed from a hash. The firing time of
    an alert that names its bar does not count: alerts of one bar that differ in nothing else are one.
    """
    if reading.identity.explicit_id is None:
        is_of_bar = reading.bar_time is not None
        hashed = _drop_firing_time(payload, reading) if is_of_bar else payload
        return ContentHash(
            digest=_hash_document(canonicalise(hashed)),
            timeless=not is_of_bar and reading.event_at is None,
            is_of_bar=is_of_bar,
        )
    return ContentHash(digest=_hash_document(_identifying_values(reading)), timeless=False)


def canonicalise(value: Any, *, key: str = "") -> Any:
    """Return a JSON value with equal numbers spelled alike, be they numbers or texts; ids and comments stay as sent.

    `key` is the key under which the value stands.
    """
    match value:
        case dict():
            return {name: canonicalise(member, key=name) for name, member in value.items()}
        case list():
            return [canonicalise(element, key=key) for element in value]
        case str() if _keeps_digits(key):
            return identifier_text(value)
        case str() if len(value) <= _LONGEST_NUMBER and _JSON_NUMBER.fullmatch(value):
            return spell_number(Decimal(value))
        case int() | Decimal() if not isinstance(value, bool):
            return spell_number(Decimal(value))
        case _:
            return value


@lru_cache(maxsize=4096)
def _keeps_digits(key: str) -> bool:
    """Return whether a key is that of an id or a comment."""
    return _NOT_A_NUMBER.search(squeeze(key)) is not None


def _drop_firing_time(payload: Mapping[str, Any], reading: Reading) -> dict[str, Any]:
    """Return a payload without the fields that the firing time was read from."""
    dropped = set(reading.read_from.get("event_time", ())) - set(reading.read_from.get("bar_time", ()))
    return _drop_paths(payload, dropped, prefix="")


def _drop_paths(value: Mapping[str, Any], dropped: Collection[str], *, prefix: str) -> dict[str, Any]:
    """Return a JSON object without the members at the dotted paths."""
    return {
        key: _drop_paths(member, dropped, prefix=f"{prefix}{key}.") if isinstance(member, Mapping) else member
        for key, member in value.items()
        if f"{prefix}{key}" not in dropped
    }


def identifier_text(value: Leaf) -> str:
    """Return an id or a comment as text: 7, 7.0 and "7" become equal, "1.1" and "1.10" stay different."""
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return spell_number(Decimal(value))
    text = str(value)
    return spell_number(Decimal(text)) if len(text) <= _LONGEST_NUMBER and _WHOLE_NUMBER.fullmatch(text) else text


def spell_number(number: Decimal) -> str:
    """Return the one spelling of a number's value: its digits without trailing zeros, then the power of ten."""
    sign, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        return str(number)
    all_digits = "".join(map(str, digits)).lstrip("0")
    significant = all_digits.rstrip("0")
    if not significant:
        return "0"
    return f"{'-' if sign else ''}{significant}e{exponent + len(all_digits) - len(significant)}"


def _identifying_values(reading: Reading) -> dict[str, Any]:
    """Return the values that distinguish alerts with the same id, since strategies reuse ids on other bars."""
    identity, instrument = reading.identity, reading.instrument
    return {
        "id": identity.explicit_id,
        "order": identity.order_id,
        "comment": identity.comment,
        "symbol": [instrument.symbol, instrument.exchange, instrument.kind.value],
        "asks": [reading.direction.value, reading.action.value],
        "timeframe": str(reading.timeframe) if reading.timeframe is not None else None,
        "at": _format_time(reading.bar_time or reading.event_at),
        "price": spell_number(reading.price) if reading.price is not None else None,
    }


def _format_time(time: datetime | None) -> str | None:
    return time.isoformat() if time is not None else None


def _hash_document(document: Any) -> str:
    """Return the SHA-256 of a document as JSON with sorted keys."""
    return hashlib.sha256(msgspec.json.encode(document, order="sorted")).hexdigest()
