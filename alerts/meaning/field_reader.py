"""Access to the fields of one payload that records where each value came from and collects the errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from alerts.parsing.fields import Field, Fields
from alerts.parsing.values import Leaf, ValueUnreadable
from alerts.vocabulary.aliases import Aliases
from alerts.vocabulary.symbols import SymbolUnreadable
from domain.signal import Source

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class FieldReader:
    """Reader for the fields of one payload.

    A meaning is a name in `Aliases`, such as `price`. `errors` holds messages by the sender's path; `read_from` holds,
    by meaning, the sender's paths of the fields that were used.
    """

    fields: Fields
    source: Source
    aliases: Aliases
    errors: dict[str, list[str]] = field(default_factory=dict)
    read_from: dict[str, list[str]] = field(default_factory=dict)

    def read_optional(self, meaning: str, parse: Callable[[Leaf], T]) -> T | None:
        """Parse the first field with this meaning; None when there is none, or when it is unreadable (an error)."""
        source_field = self.fields.find_first(getattr(self.aliases, meaning))
        return self.parse_field(meaning, source_field, parse) if source_field is not None else None

    def parse_field(self, meaning: str, source_field: Field, parse: Callable[[Leaf], T]) -> T | None:
        """Parse a field's value; add an error and return None when it is unreadable."""
        try:
            return self.record_source(meaning, source_field, parse(source_field.value))
        except (ValueUnreadable, SymbolUnreadable) as error:
            self.add_error(source_field.path, str(error))
            return None

    def record_source(self, meaning: str, source_field: Field, value: T) -> T:
        """Record that a value was read from a field, and return the value."""
        self.read_from.setdefault(meaning, []).append(source_field.path)
        return value

    def add_error(self, path: str, message: str) -> None:
        """Add an error; `path` is the field as the sender wrote it."""
        self.errors.setdefault(path, []).append(message)
