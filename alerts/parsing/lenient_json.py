"""JSON as templates break it: read where there is one way to read it, refused where there are several.

What is mended: a quote inside a text (a strategy's order comment), a comma before a closing bracket, a value that was
left empty or is a placeholder nobody replaced, words and keys without quotes, single or typographic quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

_BLANK = re.compile(r"[ \t\r\n]*")
_QUOTES = {'"': '"', "'": "'", "“": "””“", "‘": "’’‘", "”": "”", "’": "’"}
_AFTER_KEY = re.compile(r"\s*:")
_AFTER_VALUE = re.compile(r"""\s*(?:[}\]]|$|,\s*(?:[}\]]|["'“‘”’\[{]|[A-Za-z_][\w.\-]*\s*:))""")
_NEXT_KEY = re.compile(r"""\s*,\s*(?:[}\]]|(["'“‘”’])[^"'“‘”’]*["'“‘”’]\s*:|[A-Za-z_][\w.\-]*\s*:)|\s*[}\]]|\s*$""")
_BARE_KEY = re.compile(r"[A-Za-z_][\w.\-]*")
_BARE = re.compile(r"""[^,{}\[\]"'“”‘’:\n]*""")
_PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}")
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,6})?", re.ASCII)
_WORDS = {"true": True, "false": False, "null": None, "nan": None, "none": None, "na": None, "undefined": None}
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class NoOneReading(ValueError):
    """The text has no reading, or more than one."""


@dataclass(slots=True)
class _Reader:
    text: str
    deepest: int
    at: int = 0

    def document(self) -> Any:
        value = self._value(depth=0, within="")
        self._skip()
        if self.at != len(self.text):
            raise NoOneReading
        return value

    def _skip(self) -> None:
        found = _BLANK.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def _peek(self) -> str:
        self._skip()
        return self.text[self.at : self.at + 1]

    def _value(self, *, depth: int, within: str) -> Any:
        if depth > self.deepest:
            raise NoOneReading
        sign = self._peek()
        if sign == "{" and not _PLACEHOLDER.match(self.text, self.at):
            return self._object(depth)
        if sign == "[":
            return self._array(depth)
        if sign in _QUOTES:
            return self._quoted(_NEXT_KEY if within == "{" else _AFTER_VALUE)
        return self._bare()

    def _object(self, depth: int) -> dict[str, Any]:
        self.at += 1
        found: dict[str, Any] = {}
        while self._peek() != "}":
            key = self._key()
            if self._peek() != ":" or key in found:
                raise NoOneReading
            self.at += 1
            found[key] = self._value(depth=depth + 1, within="{")
            self._separator("}")
        self.at += 1
        return found

    def _array(self, depth: int) -> list[Any]:
        self.at += 1
        found: list[Any] = []
        while self._peek() != "]":
            found.append(self._value(depth=depth + 1, within="["))
            self._separator("]")
        self.at += 1
        return found

    def _separator(self, closing: str) -> None:
        sign = self._peek()
        if sign == ",":
            self.at += 1
        elif sign != closing:
            raise NoOneReading

    def _key(self) -> str:
        if self._peek() in _QUOTES:
            return self._quoted(_AFTER_KEY)
        found = _BARE_KEY.match(self.text, self.at)
        if found is None:
            raise NoOneReading
        self.at = found.end()
        return found.group()

    def _quoted(self, after: re.Pattern[str]) -> str:
        """Read a text up to the first quote behind which the document can go on."""
        closing, start = _QUOTES[self.text[self.at]], self.at + 1
        end = start
        while end < len(self.text):
            if self.text[end] == "\\":
                end += 2
            elif self.text[end] in closing and after.match(self.text, end + 1):
                self.at = end + 1
                return _ESCAPE.sub(_unescape, self.text[start:end])
            else:
                end += 1
        raise NoOneReading

    def _bare(self) -> Any:
        placeholder = _PLACEHOLDER.match(self.text, self.at)
        if placeholder is not None:
            self.at = placeholder.end()
            return None
        found = _BARE.match(self.text, self.at)
        written = found.group().strip() if found else ""
        self.at = found.end() if found else self.at
        if self._peek() not in (",", "}", "]", ""):
            raise NoOneReading
        return _meant(written)


def read(text: str, *, deepest: int) -> Any:
    """Read a text as the one JSON document it can mean.

    Raises:
        NoOneReading: when there is none, or a key comes twice, or it is nested deeper than `deepest`.
    """
    try:
        return _Reader(text, deepest).document()
    except RecursionError:
        raise NoOneReading from None


def _meant(written: str) -> Any:
    if not written:
        return None
    if _NUMBER.fullmatch(written):
        return Decimal(written)
    return _WORDS.get(written.lower(), written)


def _unescape(found: re.Match[str]) -> str:
    code, sign = found.groups()
    return chr(int(code, 16)) if code else _ESCAPED.get(sign, sign)
