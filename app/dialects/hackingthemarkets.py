"""The message of hackingthemarkets' strategy template: a `bar` group and a `strategy` group."""

from __future__ import annotations

from dataclasses import replace

from app.dialects import reader
from app.dialects.aliases import GENERAL
from app.dialects.fields import Fields
from app.dialects.reading import Reading
from domain.signal import Source

_ALIASES = replace(
    GENERAL,
    symbol=("ticker", "symbol"),
    commands=("strategyorderaction",),
    remarks=(),
    hints=(),
    after=("strategymarketposition",),
    before=("strategyprevmarketposition",),
    bar_time=("bartime",),
    event_time=("time", "timenow"),
    price=("strategyorderprice", "barclose"),
    strategy=("strategyname",),
    bars=("bar",),
)


class HackingTheMarkets:
    """A strategy alert with its bar: `time` is when it fired, `bar.time` the bar's open."""

    name = "hackingthemarkets"

    def recognises(self, fields: Fields) -> bool:
        """A strategy group with the order's action, and a bar group."""
        return "strategyorderaction" in fields and "bar" in fields

    def read(self, fields: Fields, source: Source) -> Reading:
        """Read the order together with the position before and after it."""
        return reader.read(fields, source, aliases=_ALIASES)
