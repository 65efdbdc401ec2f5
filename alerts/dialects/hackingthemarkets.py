"""Message of the hackingthemarkets strategy template: a `bar` group and a `strategy` group."""

from __future__ import annotations

from dataclasses import replace

from alerts.dialects.dialect import Shape
from alerts.vocabulary.aliases import GENERAL

# `time` is when the alert fired, `bar.time` the bar's open.
DIALECT = Shape(
    name="hackingthemarkets",
    all_of=("strategyorderaction", "bar"),
    aliases=replace(
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
    ),
)
