"""A symbol whose base and quote stand in two fields."""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.dialects.fields import Field, Fields

_BASES = ("base", "basecurrency", "baseasset", "syminfobasecurrency", "coin")
_QUOTES = ("quote", "quotecurrency", "quoteasset", "syminfocurrency")
_BASE, _QUOTE = re.compile(r"[A-Za-z0-9]{2,8}"), re.compile(r"[A-Za-z]{3,5}")


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
