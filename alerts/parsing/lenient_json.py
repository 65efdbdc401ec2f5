"""Parser for JSON that an alert template broke; it accepts a text only when that has exactly one meaning.

Repaired are: a quote inside a text (a strategy's order comment), a comma before a closing bracket, an empty value or
a placeholder that was not replaced (both become null), words and keys without quotes, single or typographic quotes.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

_BLANK = re.compile(r"[ \t\r\n]*")
# Opening quotes and the signs that may close each.
_QUOTES = {'"': '"', "'": "'", "“": "””“", "‘": "’’‘", "”": "”", "’": "’"}
# The document must be able to continue behind a closing quote; any other quote belongs to the text.
_CONTINUES_AFTER_KEY = re.compile(r"\s*:")
_CONTINUES_AFTER_ITEM = re.compile(r"""\s*(?:[}\]]|$|,\s*(?:[}\]]|["'“‘”’\[{]|[A-Za-z_][\w.\-]*\s*:))""")
_CONTINUES_AFTER_MEMBER = re.compile(
    r"""\s*,\s*(?:[}\]]|(["'“‘”’])[^"'“‘”’]*["'“‘”’]\s*:|[A-Za-z_][\w.\-]*\s*:)|\s*[}\]]|\s*$"""
)
_BARE_KEY = re.compile(r"[A-Za-z_][\w.\-]*")
_BARE_VALUE = re.compile(r"""[^,{}\[\]"'“”‘’:\n]*""")
_PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}")
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d{1,6})?", re.ASCII)
_WORDS = {"true": True, "false": False, "null": None, "nan": None, "none": None, "na": None, "undefined": None}
_ESCAPE = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r", "b": "\b", "f": "\f"}


class JsonAmbiguous(ValueError):
    """The text cannot be repaired, or has more than one meaning."""


@dataclass(slots=True)
class _JsonReader:
    """Recursive descent parser over a text; `position` is the index of the next unread character."""

    text: str
    max_depth: int
    position: int = 0

    def read_document(self) -> Any:
        value = self._read_value(depth=0, container="")
        self._skip_blanks()
        if self.position != len(self.text):
            raise JsonAmbiguous
        return value

    def _skip_blanks(self) -> None:
        blanks = _BLANK.match(self.text, self.position)
        self.position = blanks.end() if blanks else self.position

    def _peek(self) -> str:
        """Return the next character that is no blank, or an empty text at the end."""
        self._skip_blanks()
        return self.text[self.position : self.position + 1]

    def _read_value(self, *, depth: int, container: str) -> Any:
        """Read any value; `container` is the opening bracket of the object or array that holds it."""
        if depth > self.max_depth:
            raise JsonAmbiguous
        sign = self._peek()
        if sign == "{" and not _PLACEHOLDER.match(self.text, self.position):
            return self._read_object(depth)
        if sign == "[":
            return self._read_array(depth)
        if sign in _QUOTES:
            return self._read_quoted_text(_CONTINUES_AFTER_MEMBER if container == "{" else _CONTINUES_AFTER_ITEM)
        return self._read_unquoted_value()

    def _read_object(self, depth: int) -> dict[str, Any]:
        self.position += 1
        members: dict[str, Any] = {}
        while self._peek() != "}":
            key = self._read_key()
            if self._peek() != ":" or key in members:
                raise JsonAmbiguous
            self.position += 1
            members[key] = self._read_value(depth=depth + 1, container="{")
            self._skip_separator("}")
        self.position += 1
        return members

    def _read_array(self, depth: int) -> list[Any]:
        self.position += 1
        items: list[Any] = []
        while self._peek() != "]":
            items.append(self._read_value(depth=depth + 1, container="["))
            self._skip_separator("]")
        self.position += 1
        return items

    def _skip_separator(self, closing_bracket: str) -> None:
        """Skip a comma; raise JsonAmbiguous when neither a comma nor the closing bracket follows."""
        sign = self._peek()
        if sign == ",":
            self.position += 1
        elif sign != closing_bracket:
            raise JsonAmbiguous

    def _read_key(self) -> str:
        if self._peek() in _QUOTES:
            return self._read_quoted_text(_CONTINUES_AFTER_KEY)
        key = _BARE_KEY.match(self.text, self.position)
        if key is None:
            raise JsonAmbiguous
        self.position = key.end()
        return key.group()

    def _read_quoted_text(self, continuation: re.Pattern[str]) -> str:
        """Read a text up to the first closing quote behind which the document can continue."""
        closing_quotes, start = _QUOTES[self.text[self.position]], self.position + 1
        end = start
        while end < len(self.text):
            if self.text[end] == "\\":
                end += 2
            elif self.text[end] in closing_quotes and continuation.match(self.text, end + 1):
                self.position = end + 1
                return _ESCAPE.sub(_unescape, self.text[start:end])
            else:
                end += 1
        raise JsonAmbiguous

    def _read_unquoted_value(self) -> Any:
        """Read a number or word; a placeholder that was not replaced counts as null."""
        placeholder = _PLACEHOLDER.match(self.text, self.position)
        if placeholder is not None:
            self.position = placeholder.end()
            return None
        match = _BARE_VALUE.match(self.text, self.position)
        word = match.group().strip() if match else ""
        self.position = match.end() if match else self.position
        if self._peek() not in (",", "}", "]", ""):
            raise JsonAmbiguous
        return _convert_word(word)


def parse(text: str, *, max_depth: int) -> Any:
    """Parse a text as the one JSON document that it can mean.

    Raises:
        JsonAmbiguous: when there is none, or a key comes twice, or it is nested deeper than `max_depth`.
    """
    try:
        return _JsonReader(text, max_depth).read_document()
    except RecursionError:
        raise JsonAmbiguous from None


def _convert_word(word: str) -> Any:
    """Return an unquoted word as null, a number, a boolean, or else as a text."""
    if not word:
        return None
    if _NUMBER.fullmatch(word):
        return Decimal(word)
    return _WORDS.get(word.lower(), word)


def _unescape(match: re.Match[str]) -> str:
    """Return the character that a backslash sequence stands for."""
    code_point, sign = match.groups()
    return chr(int(code_point, 16)) if code_point else _ESCAPED.get(sign, sign)
