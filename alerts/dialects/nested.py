"""A `data` group with TradingView's placeholder names spelled with dashes, beside a `key`."""

from __future__ import annotations

from alerts.dialects.dialect import Shape

DIALECT = Shape(name="nested", all_of=("data", "key", "strategyorderaction"))
