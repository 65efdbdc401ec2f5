"""Any object, read by the names its fields go by; the last resort."""

from __future__ import annotations

from alerts.dialects.dialect import Shape

# `time` is the bar's open, `timenow` or `timestamp` the firing time.
DIALECT = Shape(name="general")
