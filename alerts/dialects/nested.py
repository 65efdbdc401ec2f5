"""A `data` group that names TradingView's placeholders with dashes, beside a key."""

from __future__ import annotations

from alerts.dialects.dialect import Shape

DIALECT = Shape(name="nested", all_of=("data", "key", "strategyorderaction"))
