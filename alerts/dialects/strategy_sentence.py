"""The sentence TradingView's strategies say by default: order, size, symbol and the position afterwards."""

from __future__ import annotations

from dataclasses import replace

from alerts.dialects.dialect import Shape
from alerts.vocabulary.aliases import GENERAL

DIALECT = Shape(
    name="strategy_sentence",
    all_of=("strategy", "action", "contracts", "ticker", "positionsize"),
    aliases=replace(GENERAL, size_after=("positionsize",)),
)
