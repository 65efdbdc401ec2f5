"""Parser for the subject of a client certificate, as a proxy that verified it passes it on in a header.

Three notations are read: RFC 4514 and its forerunner (`CN=a,O=b\\, Inc.`, as nginx and Caddy write it),
OpenSSL's one line with commas (`O = "b, Inc.", CN = a`), and its older one with slashes (`/O=b, Inc./CN=a`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator

ORGANIZATION = "TradingView, Inc."
NAMES = frozenset({"TradingView Webhooks", "webhook-server@tradingview.com"})

Subject = tuple[tuple[str, str], ...]

_LONGEST = 4096
_OIDS = {"2.5.4.3": "CN", "2.5.4.10": "O"}
_TYPE = re.compile(r" *([A-Za-z][A-Za-z0-9-]*|[0-9]+(?:\.[0-9]+)+) *= *")
# An escaped pair or character, or one that needs no escape; inside quotation marks almost everything needs none.
_PLAIN = re.compile(r'\\[0-9A-Fa-f]{2}|\\[ "#+,;<=>\\]|[^\x00-\x1f\x7f"+,;<>\\]')
_QUOTED = re.compile(r'\\[0-9A-Fa-f]{2}|\\[ "#+,;<=>\\]|[^\x00-\x1f\x7f"\\]')
_SEPARATOR = re.compile(r" *([,+]|$)")
_SLASHED = re.compile(r"(C|ST|L|O|CN|emailAddress|serialNumber|postalCode|street)=([^\x00-\x1f\x7f/]*)")


class SubjectUnreadable(ValueError):
    """The text is not a certificate subject in any known notation."""


def is_tradingview_subject(text: str) -> bool:
    """Return whether this is TradingView's certificate subject: its organization and one of its names, each once."""
    try:
        attributes = parse_subject(text)
    except SubjectUnreadable:
        return False
    organizations = [value for kind, value in attributes if kind == "O"]
    names = [value for kind, value in attributes if kind == "CN"]
    return organizations == [ORGANIZATION] and len(names) == 1 and names[0] in NAMES


def parse_subject(text: str) -> Subject:
    """Return the subject's attributes in the order of the text, types in capitals.

    Raises:
        SubjectUnreadable: when it is in no known notation, or longer than 4096 characters.
    """
    if not text.strip() or len(text) > _LONGEST:
        raise SubjectUnreadable
    return tuple(_parse_slash_notation(text) if text.startswith("/") else _parse_comma_notation(text))


def _parse_slash_notation(text: str) -> Iterator[tuple[str, str]]:
    """Yield the attributes of the notation without escapes: none of them twice, and only types that CAs issue.

    A slash within a value looks like the start of another attribute, which an attacker could put into a name of their
    own; the organization would then stand there twice, and is refused.
    """
    seen = set[str]()
    for part in text[1:].split("/"):
        match = _SLASHED.fullmatch(part)
        if match is None or match[1] in seen:
            raise SubjectUnreadable
        seen.add(match[1])
        yield match[1].upper(), match[2]


def _parse_comma_notation(text: str) -> Iterator[tuple[str, str]]:
    """Yield the attributes of RFC 4514 and of OpenSSL's one-line notation."""
    at = 0
    while True:
        kind = _TYPE.match(text, at)
        if kind is None:
            raise SubjectUnreadable
        value, at = _parse_value(text, kind.end())
        separator = _SEPARATOR.match(text, at)
        if separator is None:
            raise SubjectUnreadable
        yield _OIDS.get(kind[1], kind[1].upper()), value
        at = separator.end()
        if not separator[1]:
            return


def _parse_value(text: str, at: int) -> tuple[str, int]:
    """Return the attribute value that begins at an index, and the index behind it."""
    if text.startswith("#", at):
        raise SubjectUnreadable
    if not text.startswith('"', at):
        return _parse_characters(_PLAIN, text, at, strip=True)
    value, end = _parse_characters(_QUOTED, text, at + 1, strip=False)
    if not text.startswith('"', end):
        raise SubjectUnreadable
    return value, end + 1


def _parse_characters(pattern: re.Pattern[str], text: str, at: int, *, strip: bool) -> tuple[str, int]:
    """Return the decoded text from an index on, and the index behind it; `strip` drops spaces at its end."""
    parts = list[str]()
    while (match := pattern.match(text, at)) is not None:
        parts.append(match[0])
        at = match.end()
    while strip and parts and parts[-1] == " ":
        parts.pop()
    try:
        return b"".join(map(_unescape, parts)).decode(), at
    except UnicodeError:
        raise SubjectUnreadable from None


def _unescape(part: str) -> bytes:
    """Return the bytes of one character or of one escape, such as `\\,` or `\\2C`."""
    if not part.startswith("\\"):
        return part.encode()
    return bytes.fromhex(part[1:]) if len(part) == 3 else part[1:].encode()
