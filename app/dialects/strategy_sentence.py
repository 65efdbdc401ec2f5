"""The sentence TradingView's strategies say by default: order, size, symbol and the position afterwards."""

from __future__ import annotations

from dataclasses import replace

from app.dialects.aliases import GENERAL
from app.dialects.shape import Shape

DIALECT = Shape(
    name="strategy_sentence",
    all_of=("strategy", "action", "contracts", "ticker", "positionsize"),
    aliases=replace(GENERAL, size_after=("positionsize",)),
)
