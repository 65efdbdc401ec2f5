"""Any JSON object, read by the names its fields go by; the last resort."""

from __future__ import annotations

from app.dialects import reader
from app.dialects.aliases import GENERAL
from app.dialects.fields import Fields
from app.dialects.reading import Reading
from domain.signal import Source


class General:
    """A JSON object of no particular sender: `time` is the bar's open, `timenow` or `timestamp` the firing time."""

    name = "general"

    def recognises(self, fields: Fields) -> bool:
        """Every object may be read this way."""
        return isinstance(fields, Fields)

    def read(self, fields: Fields, source: Source) -> Reading:
        """Read the first field of each meaning."""
        return reader.read(fields, source, aliases=GENERAL)
