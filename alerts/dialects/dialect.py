"""A dialect as a value: its name, the fields by which it is recognised, and the field names of each meaning."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from alerts.meaning import reader
from alerts.meaning.reading import Reading
from alerts.parsing.fields import Fields
from alerts.vocabulary.aliases import GENERAL, Aliases, Names
from domain.signal import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Dialect that recognises a payload by its fields, and reads it by a table of field names.

    A payload must have every field in `all_of` and, unless `any_of` is empty, one of those (squeezed names).
    """

    name: str
    all_of: Names = ()
    any_of: Names = ()
    aliases: Aliases = GENERAL

    def recognises(self, fields: Fields) -> bool:
        """Return whether the payload has those fields."""
        return fields.has_all(self.all_of) and (not self.any_of or fields.has_any(self.any_of))

    def read(self, fields: Fields, source: Source, *, received_at: datetime | None = None) -> Reading:
        """Read the payload, by the first of its fields with each meaning; `received_at` is its arrival, if known.

        Raises:
            AlertUnclear: with an entry for each field that is missing, ambiguous or unreadable.
        """
        return reader.read(fields, source, aliases=self.aliases, received_at=received_at)
