"""thibaultyou's bot: symbol, direction and size, alone or several in an array."""

from __future__ import annotations

from alerts.dialects.dialect import Shape

DIALECT = Shape(name="thibaultyou", all_of=("symbol", "direction", "size"))
