"""TradersPost: ticker, action and sentiment, the position that is wanted afterwards; `time` is when it fired.

`cancel` says whether orders that wait are cancelled first, and takes nothing back.
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
