"""Any payload at all, read by common field names; tried last."""

from __future__ import annotations

from alerts.dialects.dialect import Shape

# As in TradingView's placeholders, `time` is the bar's open and `timenow` the firing time.
DIALECT = Shape(name="general")
