"""Symbols that an unreadable message may mean: whether its text may be about an instrument of which a trade is open."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import lru_cache

_SEPARATORS = re.compile(r"[^0-9A-Z]")
# When one of these could not be read, nothing is known about the symbol.
_SYMBOL_UNKNOWN = frozenset({"body", "symbol"})
# A shorter symbol is looked for as a word of its own, since ES is a part of many words.
_LONG = 5


def may_mean(text: str, symbol: str, *, unreadable: Collection[str], mapped: Mapping[str, str]) -> bool:
    """Return whether a message may be about a symbol.

    `unreadable` are the fields that could not be read. `mapped` are the symbols as the source writes them, with those
    they stand for.
    """
    if not _SYMBOL_UNKNOWN.isdisjoint(unreadable):
        return True
    aliases = [sent for sent, read in mapped.items() if _squeeze(read).endswith(_squeeze(symbol))]
    return any(_contains(text.upper(), name.upper()) for name in (symbol, *aliases))


def _contains(text: str, name: str) -> bool:
    squeezed = _squeeze(name)
    if len(squeezed) >= _LONG:
        return squeezed in _squeeze(text)
    return _as_word(name).search(text) is not None


@lru_cache(maxsize=256)
def _as_word(name: str) -> re.Pattern[str]:
    """Return a pattern of a symbol that is a word of its own, perhaps with a contract or `.P` behind it."""
    return re.compile(rf"(?<![0-9A-Z]){re.escape(name)}(?:\d+!|[FGHJKMNQUVXZ]\d{{1,4}})?(?![0-9A-Z])")


def _squeeze(text: str) -> str:
    return _SEPARATORS.sub("", text.upper())
