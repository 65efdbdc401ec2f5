"""TradersPost: ticker, action, and a sentiment, which is the position after the order; `time` is the firing time.

`cancel: true` cancels waiting orders before this one is placed; it does not cancel this one.
"""

from __future__ import annotations

from dataclasses import replace

from alerts.dialects.dialect import Shape
from alerts.vocabulary.aliases import GENERAL

DIALECT = Shape(
    name="traderspost",
    all_of=("ticker", "action"),
    any_of=("sentiment", "quantitytype", "takeprofit", "stoploss", "cancel", "signalprice", "optiontype", "extras"),
    aliases=replace(
        GENERAL,
        symbol=("ticker",),
        after=("sentiment", *GENERAL.after),
        bar_time=("bartime",),
        event_time=("time", "timenow", "timestamp"),
        price=("price", "signalprice", "limitprice"),
        harmless=("cancel",),
    ),
)
