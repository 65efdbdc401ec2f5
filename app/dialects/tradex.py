"""TradeX: PIN, ID, SYMBOL and SIDE; its ID names the account, not the alert."""

from __future__ import annotations

from dataclasses import replace

from app.dialects import reader
from app.dialects.aliases import GENERAL
from app.dialects.fields import Fields
from app.dialects.reading import Reading
from domain.signal import Source

_ALIASES = replace(GENERAL, explicit_id=())


class TradeX:
    """A message in the form TradeX takes."""

    name = "tradex"

    def recognises(self, fields: Fields) -> bool:
        """A pin beside an id, a symbol and a side."""
        return all(name in fields for name in ("pin", "id", "symbol", "side"))

    def read(self, fields: Fields, source: Source) -> Reading:
        """Read it by the general names, its id aside."""
        return reader.read(fields, source, aliases=_ALIASES)
