"""Whose client certificate a proxy verified, read from the text in which it tells the certificate's subject.

Three ways to write a subject are read: RFC 4514 and its forerunner (`CN=a,O=b\\, Inc.`, as nginx and Caddy write it),
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
    """The text is not a subject in any of the ways that are read."""


def is_tradingviews(told: str) -> bool:
    """Say whether this is the subject of TradingView's certificate: one organization and one name, both its own."""
    try:
        found = subject(told)
    except SubjectUnreadable:
        return False
    organizations = [value for kind, value in found if kind == "O"]
    names = [value for kind, value in found if kind == "CN"]
    return organizations == [ORGANIZATION] and len(names) == 1 and names[0] in NAMES


def subject(told: str) -> Subject:
    """Return the subject's attributes in the order in which they are told, types in capitals.

    Raises:
        SubjectUnreadable: when it is written in no way that is read, or longer than 4096 characters.
    """
    if not told.strip() or len(told) > _LONGEST:
        raise SubjectUnreadable
    return tuple(_slashed(told) if told.startswith("/") else _separated(told))


def _slashed(told: str) -> Iterator[tuple[str, str]]:
    """Read the form in which nothing is escaped: no attribute twice, and only those that one may ask a CA for.

    A slash within a value cannot be told from one between two; an organization's own name would then come twice.
    """
    seen = set[str]()
    for part in told[1:].split("/"):
        match = _SLASHED.fullmatch(part)
        if match is None or match[1] in seen:
            raise SubjectUnreadable
        seen.add(match[1])
        yield match[1].upper(), match[2]


def _separated(told: str) -> Iterator[tuple[str, str]]:
    at = 0
    while True:
        kind = _TYPE.match(told, at)
        if kind is None:
            raise SubjectUnreadable
        value, at = _value(told, kind.end())
        separator = _SEPARATOR.match(told, at)
        if separator is None:
            raise SubjectUnreadable
        yield _OIDS.get(kind[1], kind[1].upper()), value
        at = separator.end()
        if not separator[1]:
            return


def _value(told: str, at: int) -> tuple[str, int]:
    """Return the value that begins at a place, and where it ends."""
    if told.startswith("#", at):
        raise SubjectUnreadable
    if not told.startswith('"', at):
        return _characters(_PLAIN, told, at, strip=True)
    value, end = _characters(_QUOTED, told, at + 1, strip=False)
    if not told.startswith('"', end):
        raise SubjectUnreadable
    return value, end + 1


def _characters(pattern: re.Pattern[str], told: str, at: int, *, strip: bool) -> tuple[str, int]:
    parts = list[str]()
    while (match := pattern.match(told, at)) is not None:
        parts.append(match[0])
        at = match.end()
    while strip and parts and parts[-1] == " ":
        parts.pop()
    try:
        return b"".join(map(_bytes, parts)).decode(), at
    except UnicodeError:
        raise SubjectUnreadable from None


def _bytes(part: str) -> bytes:
    if not part.startswith("\\"):
        return part.encode()
    return bytes.fromhex(part[1:]) if len(part) == 3 else part[1:].encode()
