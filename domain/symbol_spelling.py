"""Spellings of one instrument: whether two symbols that are written differently mean the same.

`BRK.B`, `BRK-B` and `BRK/B` are one share class. A future may be named with its contract month (`ESZ2026`, `ES 12-26`),
as a continuous series (`ES1!`, which is stored as `ES`), or by its root.
"""

from __future__ import annotations

import re
from functools import lru_cache

from domain.signal import Instrument, InstrumentKind

_SEPARATORS = re.compile(r"[^0-9A-Z!]")
# Behind the root: 2!, or a month code with a year. Only behind a letter, since some stocks are named by digits alone.
_CONTRACT = re.compile(r"(?<=[A-Z])(\d+!|[FGHJKMNQUVXZ](\d{4}|\d{1,2}))$")
# Month and year (12-26 without its hyphen) or a date (260327), where the alert's symbol is known to be a future.
_EXPIRY = re.compile(r"(?<=[A-Z])(\d{4}|\d{6}|\d{8})$")


def is_same_symbol(first: Instrument, second: Instrument) -> bool:
    """Return whether two instruments may be one: the same symbol but for exchange, kind and spelling."""
    plain, other = _drop_separators(first.symbol), _drop_separators(second.symbol)
    return plain == other or _find_root(plain, first.kind) == _find_root(other, second.kind)


@lru_cache(maxsize=4096)
def _drop_separators(symbol: str) -> str:
    return _SEPARATORS.sub("", symbol.upper())


def _find_root(symbol: str, kind: InstrumentKind) -> str:
    """Return a symbol without the contract at its end."""
    root = _CONTRACT.sub("", symbol)
    return _EXPIRY.sub("", root) if kind is InstrumentKind.FUTURE else root
