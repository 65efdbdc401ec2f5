"""From bytes to payloads: JSON whatever the content type says, then texts; strict about what cannot be trusted."""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

import msgspec

from alerts.parsing import lenient_json, plain_text
from alerts.parsing.lenient_json import NoOneReading
from alerts.parsing.plain_text import TextUnclear

MAX_SIGNALS = 64
MAX_DEPTH = 16
_BLANK = re.compile(r"[ \t\r\n]*")
_TOO_DEEP = f"must not be nested deeper than {MAX_DEPTH} levels"


class BodyUnreadable(ValueError):
    """A body is no JSON we can trust; the message says what would be right."""


class _Broken(BodyUnreadable):
    """A body is no JSON as it stands, but may be mended."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One element of a body with its own bytes; the whole body when it is a single object."""

    payload: Any
    raw: bytes


def decode(body: bytes) -> list[Part]:
    """Read a body as the signals it holds: one JSON object, an array of them, or a text in one of the known forms.

    Numbers keep their spelling as `Decimal` or `int`; a bare NaN becomes None. JSON that a template broke is read when
    there is one way to read it (`alerts.parsing.lenient_json`). A byte order mark is tolerated, and so is JSON inside a
    JSON text. What stands around JSON may turn it into its opposite, and is not read.

    Raises:
        BodyUnreadable: when it is no text, has none of the forms, has a key twice, is nested too deep, or holds
            characters that no text can hold.
    """
    written = _text(body)
    if written.lstrip()[:1] not in ("{", "[", '"'):
        return _no_json(written, body)
    try:
        return _json(written, body)
    except _Broken as error:
        return _parts(_mended(written, error), body)


def _json(written: str, body: bytes) -> list[Part]:
    document, end = _scan(written, _BLANK.match(written, 0))
    if _blank_end(written, end) != len(written):
        raise _Broken("must be one JSON document, with nothing behind it")
    if isinstance(document, str):
        inner = decode(document.encode(errors="surrogatepass"))
        return inner if len(inner) > 1 else [replace(inner[0], raw=body)]
    if isinstance(document, list):
        return _elements(written, len(document))
    return [Part(payload=_checked(document), raw=body)]


def _mended(written: str, why: BodyUnreadable) -> Any:
    try:
        return lenient_json.read(written, deepest=MAX_DEPTH)
    except NoOneReading:
        raise why from None


def _parts(document: Any, body: bytes) -> list[Part]:
    """Return the elements of a document whose bytes are not those of JSON: each keeps what it says as JSON."""
    if not isinstance(document, list):
        return [Part(payload=_checked(document), raw=body)]
    _check_count(len(document))
    return [Part(payload=_checked(one), raw=msgspec.json.encode(one)) for one in document]


def _no_json(written: str, body: bytes) -> list[Part]:
    """Read a text by its form."""
    try:
        found = plain_text.read(written)
    except TextUnclear as error:
        raise BodyUnreadable(str(error)) from None
    if found is None:
        raise BodyUnreadable(f"must be a JSON object such as {_EXAMPLE}, or a text such as symbol=BTCUSDT;action=buy")
    return [Part(payload=_checked(dict(found)), raw=body)]


def _text(body: bytes) -> str:
    encoding = "utf-16" if body[:2] in (BOM_UTF16_LE, BOM_UTF16_BE) else "utf-8-sig"
    try:
        return body.decode(encoding)
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
        kind = _Broken if isinstance(error, json.JSONDecodeError) else BodyUnreadable
        raise kind(f"must be a JSON object such as {_EXAMPLE}{_place(error)}") from None


def _place(error: Exception) -> str:
    if not isinstance(error, json.JSONDecodeError):
        return ""
    return f" ({error.msg.lower()}, line {error.lineno} column {error.colno})"


def _blank_end(written: str, at: int) -> int:
    found = _BLANK.match(written, at)
    return found.end() if found else at


def _elements(written: str, count: int) -> list[Part]:
    """Read an array that is known to be well formed once more, element by element, for the bytes of each."""
    _check_count(count)
    parts, at = [], written.index("[") + 1
    for _ in range(count):
        start = _blank_end(written, at)
        payload, end = _DECODER.raw_decode(written, start)
        parts.append(Part(payload=_checked(payload), raw=written[start:end].encode()))
        at = _blank_end(written, end) + 1
    return parts


def _check_count(count: int) -> None:
    if not 1 <= count <= MAX_SIGNALS:
        raise BodyUnreadable(f"an array must hold 1 to {MAX_SIGNALS} signals")


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
