"""The messages of the dual-engine platform: indicators with a trend, a bias, a phase or a signal group."""

from __future__ import annotations

from app.dialects import reader
from app.dialects.aliases import GENERAL
from app.dialects.fields import Fields
from app.dialects.reading import Reading
from domain.signal import Source

_MARKS = frozenset({"meta", "event", "signal", "indicators", "triggertimeframe", "trend", "bias", "istest"})


class DualEngine:
    """An indicator's message: symbol or ticker, a direction in one of many places, `timestamp` as firing time."""

    name = "dual_engine"

    def recognises(self, fields: Fields) -> bool:
        """One of its groups, a trigger timeframe, a trend, a bias, or the test mark."""
        return any(mark in fields for mark in _MARKS)

    def read(self, fields: Fields, source: Source) -> Reading:
        """Read the first field of each meaning; trend, bias and phase decide only when nothing else does."""
        return reader.read(fields, source, aliases=GENERAL)
