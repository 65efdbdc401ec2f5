"""Access to the fields of one payload that records where each value came from and collects the errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from alerts.parsing.fields import Field, Fields
from alerts.parsing.values import Leaf, ValueUnreadable
from alerts.vocabulary.aliases import Aliases
from alerts.vocabulary.symbols import SymbolUnreadable
from domain.signal import Flag, Instrument, Source

T = TypeVar("T")


@dataclass(slots=True, kw_only=True)
class FieldReader:
    """Reader for the fields of one payload.

    A meaning is a name in `Aliases`, such as `price`. `errors` holds messages by the sender's path; `read_from` holds,
    by meaning, the sender's paths of the fields that were used. `received_at` is the time of arrival, None where it is
    not known. `instrument` is set when the symbol was read. `is_exit` is set when the alert is known to be an exit: it
    cannot be refused for a field that it does not need, which is left out and named by `flags` instead.
    """

    fields: Fields
    source: Source
    aliases: Aliases
    received_at: datetime | None = None
    instrument: Instrument | None = None
    is_exit: bool = False
    flags: list[Flag] = field(default_factory=list)
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

    def read_unneeded(self, meaning: str, parse: Callable[[Leaf], T], flag: Flag) -> T | None:
        """Parse the first field with this meaning; an unreadable one is an error, and for an exit only a flag."""
        source_field = self.fields.find_first(getattr(self.aliases, meaning))
        return self.parse_unneeded(meaning, source_field, parse, flag) if source_field is not None else None

    def parse_unneeded(self, meaning: str, source_field: Field, parse: Callable[[Leaf], T], flag: Flag) -> T | None:
        """Parse a field's value; one that is unreadable is an error, and for an exit only a flag."""
        try:
            return self.record_source(meaning, source_field, parse(source_field.value))
        except ValueUnreadable as error:
            self.refuse_unless_exit(source_field, str(error), flag)
            return None

    def refuse_unless_exit(self, source_field: Field, message: str, flag: Flag) -> None:
        """Add an error about a field, or for an exit the flag that the field was left out."""
        if not self.is_exit:
            self.add_error(source_field.path, message)
        elif flag not in self.flags:
            self.flags.append(flag)

    def record_source(self, meaning: str, source_field: Field, value: T) -> T:
        """Record that a value was read from a field, and return the value."""
        self.read_from.setdefault(meaning, []).append(source_field.path)
        return value

    def add_error(self, path: str, message: str) -> None:
        """Add an error; `path` is the field as the sender wrote it."""
        self.errors.setdefault(path, []).append(message)
