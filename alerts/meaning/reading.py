"""What a dialect makes of a payload: typed values, or per field what would be right."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from alerts.parsing.fields import Fields
from domain.intervals import Interval
from domain.signal import Action, AlertBar, Direction, Instrument, Position, Source

FieldErrors = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What makes an alert this alert beside its typed values, as written; None where the template has it not.

    `explicit_id` is an id of the alert; `order_id` a strategy's name for the order, which may come back on other bars.
    """

    explicit_id: str | None
    order_id: str | None
    comment: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """An alert as it was understood. `bar_time` is a bar's open, `event_at` the firing time, both aware UTC.

    `sequence` and the positions are None where the alert does not tell them. `confidence` is on 0..100; `exchange` of
    the instrument and `strategy` fall back to the source's. `read_from` names, for each meaning, the fields it was read
    from, as the sender wrote them.
    """

    instrument: Instrument
    direction: Direction
    action: Action
    timeframe: Interval | None
    bar_time: datetime | None
    event_at: datetime | None
    price: Decimal | None
    confidence: Decimal | None
    sequence: int | None
    position_before: Position | None
    position_after: Position | None
    strategy: str
    bar: AlertBar | None
    is_test: bool
    identity: Identity
    read_from: Mapping[str, list[str]]


class AlertUnclear(ValueError):
    """A payload cannot become a signal; `errors` says per field what would be right."""

    def __init__(self, errors: FieldErrors) -> None:
        super().__init__("; ".join(f"{field}: {' '.join(messages)}" for field, messages in errors.items()))
        self.errors = errors


class Dialect(Protocol):
    """One shape of alert."""

    @property
    def name(self) -> str:
        """The name that is stored with each signal."""
        ...

    def recognises(self, fields: Fields) -> bool:
        """Say whether a payload has this shape; content decides, never a header."""
        ...

    def read(self, fields: Fields, source: Source) -> Reading:
        """Understand a payload of this shape.

        Raises:
            AlertUnclear: with an entry for each field that is missing, ambiguous or unreadable.
        """
        ...
