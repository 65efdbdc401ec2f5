"""Bot of thibaultyou: symbol, direction and size, as one object or an array of them."""

from __future__ import annotations

from alerts.dialects.dialect import Shape

DIALECT = Shape(name="thibaultyou", all_of=("symbol", "direction", "size"))
