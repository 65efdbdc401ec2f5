"""From bytes to payloads: JSON whatever the content type says, strict about what cannot be trusted."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

MAX_SIGNALS = 64
MAX_DEPTH = 16
_BLANK = re.compile(r"[ \t\r\n]*")
_TOO_DEEP = f"must not be nested deeper than {MAX_DEPTH} levels"


class BodyUnreadable(ValueError):
    """A body is no JSON we can trust; the message says what would be right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One element of a body with its own bytes; the whole body when it is a single object."""

    payload: Any
    raw: bytes


def decode(body: bytes) -> list[Part]:
    """Read a body as one JSON object, or as an array of them (several signals).

    Numbers keep their spelling as `Decimal` or `int`; a bare NaN becomes None. A byte order mark is tolerated.

    Raises:
        BodyUnreadable: when it is not UTF-8, not JSON, has a key twice, is nested too deep, or holds characters that
            no text can hold.
    """
    written = _text(body)
    document, end = _scan(written, _BLANK.match(written, 0))
    if _blank_end(written, end) != len(written):
        raise BodyUnreadable("must be one JSON document, with nothing behind it")
    if isinstance(document, list):
        return _elements(written, len(document))
    return [Part(payload=_checked(document), raw=body)]


def _text(body: bytes) -> str:
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BodyUnreadable("must be UTF-8") from None


def _scan(written: str, start: re.Match[str] | None) -> tuple[Any, int]:
    try:
        return _DECODER.raw_decode(written, start.end() if start else 0)
    except BodyUnreadable:
        raise
    except RecursionError:
        raise BodyUnreadable(_TOO_DEEP) from None
    except (ValueError, ArithmeticError) as error:
        raise BodyUnreadable(f"must be a JSON object such as {_EXAMPLE}{_place(error)}") from None


def _place(error: Exception) -> str:
    if not isinstance(error, json.JSONDecodeError):
        return ""
    return f" ({error.msg.lower()}, line {error.lineno} column {error.colno})"


def _blank_end(written: str, at: int) -> int:
    found = _BLANK.match(written, at)
    return found.end() if found else at


def _elements(written: str, count: int) -> list[Part]:
    """Read an array that is known to be well formed once more, element by element, for the bytes of each."""
    if not 1 <= count <= MAX_SIGNALS:
        raise BodyUnreadable(f"an array must hold 1 to {MAX_SIGNALS} signals")
    parts, at = [], written.index("[") + 1
    for _ in range(count):
        start = _blank_end(written, at)
        payload, end = _DECODER.raw_decode(written, start)
        parts.append(Part(payload=_checked(payload), raw=written[start:end].encode()))
        at = _blank_end(written, end) + 1
    return parts


def _checked(payload: Any) -> Any:
    _check(payload, depth=1)
    return payload


def _check(value: Any, *, depth: int) -> None:
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict):
        _check_depth(depth)
        for key, one in value.items():
            _check_text(key)
            _check(one, depth=depth + 1)
    elif isinstance(value, list):
        _check_depth(depth)
        for one in value:
            _check(one, depth=depth + 1)


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise BodyUnreadable(_TOO_DEEP)


def _check_text(value: str) -> None:
    if "\x00" in value or not (value.isascii() or _encodes(value)):
        raise BodyUnreadable("must not hold NUL characters or halves of surrogate pairs")


def _encodes(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _without_twins(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise BodyUnreadable("must not have the same key twice in one object")
    return found


def _constant(word: str) -> str | None:
    return None if word == "NaN" else word


_EXAMPLE = '{"symbol": "BTCUSDT", "action": "buy"}'
_DECODER = json.JSONDecoder(
    object_pairs_hook=_without_twins, parse_float=Decimal, parse_constant=_constant, strict=False
)
