"""Default message of a TradingView strategy: a sentence with the order, size, symbol and position after it."""

from __future__ import annotations

from dataclasses import replace

from alerts.dialects.dialect import Shape
from alerts.vocabulary.aliases import GENERAL

DIALECT = Shape(
    name="strategy_sentence",
    all_of=("strategy", "action", "contracts", "ticker", "positionsize"),
    aliases=replace(GENERAL, size_after=("positionsize",)),
)
