"""TradersPost: ticker, action and sentiment; `time` is when the alert fired."""

from __future__ import annotations

from dataclasses import replace

from app.dialects import reader
from app.dialects.aliases import GENERAL
from app.dialects.fields import Fields
from app.dialects.reading import Reading
from domain.signal import Source

_MARKS = (
    "sentiment", "quantitytype", "takeprofit", "stoploss", "cancel", "signalprice", "optiontype", "extras",
)  # fmt: skip
_ALIASES = replace(
    GENERAL,
    symbol=("ticker",),
    after=("sentiment", *GENERAL.after),
    bar_time=("bartime",),
    event_time=("time", "timenow", "timestamp"),
    price=("price", "signalprice", "limitprice"),
)


class TradersPost:
    """A message in the form TradersPost takes."""

    name = "traderspost"

    def recognises(self, fields: Fields) -> bool:
        """A ticker and an action, with a field only this form has."""
        return "ticker" in fields and "action" in fields and any(mark in fields for mark in _MARKS)

    def read(self, fields: Fields, source: Source) -> Reading:
        """Read action and sentiment together: the sentiment is the position that is wanted afterwards."""
        return reader.read(fields, source, aliases=_ALIASES)
