"""OpenAlgo: an API key, a symbol and an action; `position_size` is the signed position after the order."""

from __future__ import annotations

from dataclasses import replace

from alerts.dialects.dialect import Shape
from alerts.vocabulary.aliases import GENERAL

DIALECT = Shape(
    name="openalgo",
    all_of=("apikey", "symbol", "action"),
    any_of=("product", "pricetype", "quantity", "positionsize"),
    aliases=replace(GENERAL, size_after=("positionsize",)),
)
