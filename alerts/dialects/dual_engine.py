"""Messages of the dual-engine platform: indicators with a trend, a bias, a phase or a signal group."""

from __future__ import annotations

from alerts.dialects.dialect import Shape

# Trend, bias and phase are hints: they decide only when no field holds an instruction.
DIALECT = Shape(
    name="dual_engine",
    any_of=("meta", "event", "signal", "indicators", "triggertimeframe", "trend", "bias", "istest"),
)
