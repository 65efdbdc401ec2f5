"""Search for the field with the symbol: one field, a separate base and quote, or two that contradict each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from alerts.parsing.fields import Field, Fields, squeeze
from alerts.parsing.values import Leaf, ValueUnreadable
from alerts.vocabulary.symbols import SymbolUnreadable
from domain.signal import Instrument

_BASE_FIELDS = ("base", "basecurrency", "baseasset", "syminfobasecurrency", "coin")
_QUOTE_FIELDS = ("quote", "quotecurrency", "quoteasset", "syminfocurrency")
_BASE_CODE, _QUOTE_CODE = re.compile(r"[A-Za-z0-9]{2,8}"), re.compile(r"[A-Za-z]{3,5}")
# Asset classes, which some senders write into fields such as `market`; in `symbol` the same word may be a symbol.
_ASSET_CLASSES = frozenset(
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
_ASSET_CLASS_FIELDS = frozenset({"market", "asset", "instrument", "contract", "underlying"})
_SYMBOL_FIELDS = ("symbol", "ticker")


def find_symbol(fields: Fields, names: Sequence[str], *, fallback_keys: Sequence[str]) -> Field | None:
    """Return the field with the symbol, or base and quote joined; None when there is none.

    When none of `names` is there, the only field whose last key is one of `fallback_keys` counts, in any group.
    """
    field = (
        join_base_and_quote(fields, names)
        or fields.find_first_nonblank(names)
        or fields.find_only_by_key(fallback_keys)
    )
    if field is None or not _is_asset_class(field):
        return field
    return next((other for other in fields.find_all(names) if not _is_asset_class(other)), None)


def find_conflicting_symbol(fields: Fields, symbol: str, *, parse: Callable[[Leaf], Instrument]) -> Field | None:
    """Return a second symbol field, unless its symbol is a shorter or longer spelling of `symbol`."""
    for field in fields.find_all(_SYMBOL_FIELDS):
        try:
            other = parse(field.value).symbol
        except (ValueUnreadable, SymbolUnreadable):
            continue
        if other not in symbol and symbol not in other:
            return field
    return None


def _is_asset_class(field: Field) -> bool:
    return squeeze(field.path) in _ASSET_CLASS_FIELDS and str(field.value).strip().lower() in _ASSET_CLASSES


def join_base_and_quote(fields: Fields, symbol_names: Sequence[str]) -> Field | None:
    """Join a base and a quote from two fields; a symbol field next to a quote field may hold the base."""
    base = fields.find_first((*_BASE_FIELDS, *symbol_names))
    quote = fields.find_first(_QUOTE_FIELDS)
    if base is None or quote is None:
        return None
    base_code, quote_code = str(base.value).strip(), str(quote.value).strip()
    if not (_BASE_CODE.fullmatch(base_code) and _QUOTE_CODE.fullmatch(quote_code)):
        return None
    if base_code.upper().endswith(quote_code.upper()):
        return None
    return Field(path=f"{base.path}, {quote.path}", value=f"{base_code}/{quote_code}")
