"""OpenAlgo: an API key, a symbol and an action; `position_size` is the signed position that is wanted afterwards."""

from __future__ import annotations

from app.dialects.shape import Shape

DIALECT = Shape(
    name="openalgo",
    all_of=("apikey", "symbol", "action"),
    any_of=("product", "pricetype", "quantity", "positionsize"),
)
