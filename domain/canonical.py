"""Canonical JSON: one spelling per value, so that equal values have equal digests wherever they are stored."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import TypeAlias
from uuid import UUID

JsonValue: TypeAlias = "str | bool | list[JsonValue] | dict[str, JsonValue] | None"

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def dumps(value: object) -> bytes:
    """Write `value` as canonical JSON: ASCII, sorted keys, no spaces, numbers as strings, times UTC with microseconds.

    Takes None, bool, str, int, Decimal, aware datetimes, UUIDs, enums (by value), mappings with text keys, lists
    and tuples.

    Raises:
        TypeError: for any other type, floats above all: they have no single spelling.
        ValueError: for a decimal that is no finite number, a naive time, or two keys that are spelled alike.
    """
    return _ENCODER.encode(to_json_values(value)).encode("ascii")


def digest(value: object) -> str:
    """Return the SHA-256 of the canonical JSON of `value`, in hex; raises as `dumps` does."""
    return hashlib.sha256(dumps(value)).hexdigest()


def to_json_values(value: object) -> JsonValue:
    """Return the value as JSON values in canonical spelling; values that are canonical already stay as they are.

    Raises:
        TypeError, ValueError: as `dumps` does.
    """
    if value is None or type(value) is str or isinstance(value, bool):
        return value
    if isinstance(value, dict | Mapping):
        return _convert_mapping(value)
    if isinstance(value, list | tuple):
        return [to_json_values(item) for item in value]
    return _format_scalar(value)


def format_number(value: Decimal) -> str:
    """Return a decimal without exponent, trailing zeros or a negative zero: `1E+2` is `100`, `-0.0` is `0`.

    Raises:
        ValueError: when it is no finite number.
    """
    if not value.is_finite():
        raise ValueError(f"{value} has no canonical spelling")
    text = str(value)
    if "E" in text:
        text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def format_time(at: datetime) -> str:
    """Return an aware time in UTC with microseconds: `2026-01-05T14:30:00.000000Z`.

    Raises:
        ValueError: when the time is naive.
    """
    if at.tzinfo is not UTC:
        if at.utcoffset() is None:
            raise ValueError(f"{at} has no time zone")
        at = at.astimezone(UTC)
    return at.isoformat(timespec="microseconds")[:-6] + "Z"


def parse_time(text: str) -> datetime:
    """Read a time as `format_time` writes it.

    Raises:
        ValueError: when the text is not a time in UTC.
    """
    if not text.endswith("Z"):
        raise ValueError(f"{text!r} is not a time in UTC")
    return datetime.fromisoformat(text)


def _convert_mapping(mapping: Mapping[object, object]) -> dict[str, JsonValue]:
    converted = {_convert_key(key): to_json_values(value) for key, value in mapping.items()}
    if len(converted) != len(mapping):
        raise ValueError("two keys are spelled alike")
    return converted


def _convert_key(key: object) -> str:
    if isinstance(key, Enum):
        return _convert_key(key.value)
    if not isinstance(key, str):
        raise TypeError(f"a key must be text, not {type(key).__name__}")
    return key


def _format_scalar(value: object) -> str:
    """Return the canonical text of a value that is neither a mapping nor a list."""
    match value:
        case Enum():
            return _format_scalar(value.value)
        case str():
            return value
        case Decimal():
            return format_number(value)
        case int():
            return str(value)
        case datetime():
            return format_time(value)
        case UUID():
            return str(value)
        case _:
            raise TypeError(f"{type(value).__name__} has no canonical spelling")
