"""Decoder for the body of a webhook request: bytes to the payload of each message, from JSON or plain text.

The content itself decides the form, since senders set any content type.
"""

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
from alerts.parsing.lenient_json import JsonAmbiguous
from alerts.parsing.plain_text import TextUnclear

MAX_SIGNALS = 64
MAX_DEPTH = 16
_QUOTED = re.compile(r'(?P<quotes>"{1,3})(?P<inner>[^"].*[^"])(?P=quotes)', re.DOTALL)
_BLANK = re.compile(r"[ \t\r\n]*")
_TOO_DEEP = f"must not be nested deeper than {MAX_DEPTH} levels"


class BodyUnreadable(ValueError):
    """A body is neither JSON nor a text of a known form; the message describes a valid one."""


class _JsonBroken(BodyUnreadable):
    """A body is no valid JSON but may be repairable."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedMessage:
    """One message of a body, with the bytes it was decoded from (the whole body when it is a single object)."""

    payload: Any
    raw: bytes


def decode(body: bytes) -> list[DecodedMessage]:
    """Decode a body into its messages: one JSON object, an array of them, or a text in one of the known forms.

    Numbers keep their digits as `Decimal` or `int`; a bare NaN becomes None. JSON that a template broke is repaired
    when it has one meaning only (`alerts.parsing.lenient_json`). A byte order mark is tolerated, and so is JSON inside
    a JSON text. JSON with any other text around it is rejected, since that text may reverse its meaning.

    Raises:
        BodyUnreadable: when it is no text, has none of the forms, has a key twice, is nested too deep, or holds
            characters that no text can hold.
    """
    text = _decode_text(body)
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return _parse_plain_text(text, body)
    try:
        return _parse_json(text, body)
    except _JsonBroken as error:
        if (inner := _unquote(text.strip())) is not None:
            return _decode_inner(inner, body)
        return _split_repaired(_repair_json(text, error), body)


def _unquote(text: str) -> str | None:
    """Return the text between quotes that a mail program or a CSV file put around it; None without such quotes."""
    match = _QUOTED.fullmatch(text)
    if match is None:
        return None
    inner = match["inner"].strip()
    return inner.replace('""', '"') if inner.startswith('{""') else inner


def _decode_inner(text: str, body: bytes) -> list[DecodedMessage]:
    """Decode a text that stood inside another one; a single message has the whole body as its bytes."""
    messages = decode(text.encode(errors="surrogatepass"))
    return messages if len(messages) > 1 else [replace(messages[0], raw=body)]


def _parse_json(text: str, body: bytes) -> list[DecodedMessage]:
    """Parse valid JSON; a JSON text is decoded once more, since some senders encode their message twice."""
    document, end = _scan_document(text, _BLANK.match(text, 0))
    if _skip_blanks(text, end) != len(text):
        raise _JsonBroken("must be one JSON document, with nothing behind it")
    if isinstance(document, str):
        return _decode_inner(document, body)
    if isinstance(document, list):
        return _split_array(text, len(document))
    return [DecodedMessage(payload=_validate(document), raw=body)]


def _repair_json(text: str, cause: BodyUnreadable) -> Any:
    """Parse broken JSON leniently; raise `cause` when it cannot be repaired."""
    try:
        return lenient_json.parse(text, max_depth=MAX_DEPTH)
    except JsonAmbiguous:
        raise cause from None


def _split_repaired(document: Any, body: bytes) -> list[DecodedMessage]:
    """Return the messages of a repaired document; elements of an array get their content encoded again as bytes."""
    if not isinstance(document, list):
        return [DecodedMessage(payload=_validate(document), raw=body)]
    _check_count(len(document))
    return [DecodedMessage(payload=_validate(element), raw=msgspec.json.encode(element)) for element in document]


def _parse_plain_text(text: str, body: bytes) -> list[DecodedMessage]:
    """Parse a body that is no JSON as one message."""
    try:
        values = plain_text.parse(text)
    except TextUnclear as error:
        raise BodyUnreadable(str(error)) from None
    if values is None:
        raise BodyUnreadable(f"must be a JSON object such as {_EXAMPLE}, or a text such as symbol=BTCUSDT;action=buy")
    return [DecodedMessage(payload=_validate(dict(values)), raw=body)]


def _decode_text(body: bytes) -> str:
    """Decode UTF-8, or UTF-16 when its byte order mark says so."""
    encoding = "utf-16" if body[:2] in (BOM_UTF16_LE, BOM_UTF16_BE) else "utf-8-sig"
    try:
        return body.decode(encoding)
    except UnicodeDecodeError:
        raise BodyUnreadable("must be UTF-8") from None


def _scan_document(text: str, blanks: re.Match[str] | None) -> tuple[Any, int]:
    """Return the JSON document behind leading blanks, and the index at which it ends."""
    try:
        return _DECODER.raw_decode(text, blanks.end() if blanks else 0)
    except BodyUnreadable:
        raise
    except RecursionError:
        raise BodyUnreadable(_TOO_DEEP) from None
    except (ValueError, ArithmeticError) as error:
        kind = _JsonBroken if isinstance(error, json.JSONDecodeError) else BodyUnreadable
        raise kind(f"must be a JSON object such as {_EXAMPLE}{_describe_position(error)}") from None


def _describe_position(error: Exception) -> str:
    """Return the reason and the place of a JSON error, to be appended to a message."""
    if not isinstance(error, json.JSONDecodeError):
        return ""
    return f" ({error.msg.lower()}, line {error.lineno} column {error.colno})"


def _skip_blanks(text: str, index: int) -> int:
    """Return the index of the first character from `index` on that is no blank."""
    blanks = _BLANK.match(text, index)
    return blanks.end() if blanks else index


def _split_array(text: str, count: int) -> list[DecodedMessage]:
    """Scan an array that is known to be valid once more, element by element, to get the bytes of each."""
    _check_count(count)
    messages, index = [], text.index("[") + 1
    for _ in range(count):
        start = _skip_blanks(text, index)
        payload, end = _DECODER.raw_decode(text, start)
        messages.append(DecodedMessage(payload=_validate(payload), raw=text[start:end].encode()))
        index = _skip_blanks(text, end) + 1
    return messages


def _check_count(count: int) -> None:
    if not 1 <= count <= MAX_SIGNALS:
        raise BodyUnreadable(f"an array must hold 1 to {MAX_SIGNALS} signals")


def _validate(payload: Any) -> Any:
    """Return the payload unchanged when its depth and all of its texts are acceptable."""
    _check_value(payload, depth=1)
    return payload


def _check_value(value: Any, *, depth: int) -> None:
    """Raise BodyUnreadable for a value nested too deep or with a text that cannot be stored."""
    if isinstance(value, str):
        _check_text(value)
    elif isinstance(value, dict):
        _check_depth(depth)
        for key, member in value.items():
            _check_text(key)
            _check_value(member, depth=depth + 1)
    elif isinstance(value, list):
        _check_depth(depth)
        for element in value:
            _check_value(element, depth=depth + 1)


def _check_depth(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise BodyUnreadable(_TOO_DEEP)


def _check_text(text: str) -> None:
    if "\x00" in text or not (text.isascii() or _is_encodable(text)):
        raise BodyUnreadable("must not hold NUL characters or halves of surrogate pairs")


def _is_encodable(text: str) -> bool:
    """Return whether a text can be encoded as UTF-8, that is, holds no half of a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _build_object(members: list[tuple[str, Any]]) -> Mapping[str, Any]:
    """Build a JSON object; raise BodyUnreadable when a key comes twice."""
    built = dict(members)
    if len(built) != len(members):
        raise BodyUnreadable("must not have the same key twice in one object")
    return built


def _convert_constant(word: str) -> str | None:
    """Return None for a bare NaN; Infinity becomes a text, which no number field accepts."""
    return None if word == "NaN" else word


_EXAMPLE = '{"symbol": "BTCUSDT", "action": "buy"}'
_DECODER = json.JSONDecoder(
    object_pairs_hook=_build_object, parse_float=Decimal, parse_constant=_convert_constant, strict=False
)
