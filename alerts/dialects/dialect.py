"""A dialect as a value: its name, the fields it is known by, and where it keeps what."""

from __future__ import annotations

from dataclasses import dataclass

from alerts.meaning import reader
from alerts.meaning.reading import Reading
from alerts.parsing.fields import Fields
from alerts.vocabulary.aliases import GENERAL, Aliases, Names
from domain.signal import Source


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """Recognises a payload that has all of some fields and any of others (squeezed names; none asked for: all do)."""

    name: str
    all_of: Names = ()
    any_of: Names = ()
    aliases: Aliases = GENERAL

    def recognises(self, fields: Fields) -> bool:
        """Say whether the payload has those fields."""
        return all(one in fields for one in self.all_of) and (
            not self.any_of or any(one in fields for one in self.any_of)
        )

    def read(self, fields: Fields, source: Source) -> Reading:
        """Read the first field of each meaning.

        Raises:
            AlertUnclear: with an entry for each field that is missing, ambiguous or unreadable.
        """
        return reader.read(fields, source, aliases=self.aliases)
