"""Which field names the symbol: one, a base and a quote that stand apart, or two that contradict each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from alerts.parsing.fields import Field, Fields, squeeze
from alerts.parsing.values import Leaf, ValueUnreadable
from alerts.vocabulary.symbols import SymbolUnreadable
from domain.signal import Instrument

_BASES = ("base", "basecurrency", "baseasset", "syminfobasecurrency", "coin")
_QUOTES = ("quote", "quotecurrency", "quoteasset", "syminfocurrency")
_BASE, _QUOTE = re.compile(r"[A-Za-z0-9]{2,8}"), re.compile(r"[A-Za-z]{3,5}")


# What some write in these fields instead of a symbol; as a symbol or a ticker the same word may be one.
_CLASSES = frozenset(
    {
        "crypto",
        "cryptocurrency",
        "stock",
        "stocks",
        "equity",
        "equities",
        "forex",
        "fx",
        "future",
        "futures",
        "spot",
        "perp",
        "perpetual",
        "swap",
        "option",
        "options",
        "index",
        "cfd",
        "linear",
        "inverse",
        "margin",
    }
)
_OF_CLASSES = frozenset({"market", "asset", "instrument", "contract", "underlying"})
_NAMED_TWICE = ("symbol", "ticker")


def symbol(fields: Fields, names: Sequence[str], *, deep: Sequence[str]) -> Field | None:
    """Return the field among `names` that names the symbol, or base and quote joined; None when there is none.

    Where none of them does, the only field that is called one of `deep` counts, whatever it stands in.
    """
    given = joined(fields, names) or fields.first_given(names) or fields.only(deep)
    if given is None or not _is_class(given):
        return given
    return next((one for one in fields.all(names) if not _is_class(one)), None)


def rival(fields: Fields, found: str, *, read: Callable[[Leaf], Instrument]) -> Field | None:
    """Return a second symbol that is not the first one written shorter or longer."""
    for other in fields.all(_NAMED_TWICE):
        try:
            named = read(other.value).symbol
        except (ValueUnreadable, SymbolUnreadable):
            continue
        if named not in found and found not in named:
            return other
    return None


def _is_class(given: Field) -> bool:
    return squeeze(given.path) in _OF_CLASSES and str(given.value).strip().lower() in _CLASSES


def joined(fields: Fields, symbols: Sequence[str]) -> Field | None:
    """Join a base and a quote that stand apart; one of `symbols` beside a quote may be the base."""
    base = fields.first((*_BASES, *symbols))
    quote = fields.first(_QUOTES)
    if base is None or quote is None:
        return None
    told, priced = str(base.value).strip(), str(quote.value).strip()
    if not (_BASE.fullmatch(told) and _QUOTE.fullmatch(priced)) or told.upper().endswith(priced.upper()):
        return None
    return Field(path=f"{base.path}, {quote.path}", value=f"{told}/{priced}")
