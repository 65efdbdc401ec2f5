"""Result of reading a payload: typed values, or an error for each field; and the protocol of a dialect."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from alerts.parsing.fields import Fields
from domain.intervals import Interval
from domain.signal import Action, AlertBar, Direction, Flag, Instrument, Position, Source

FieldErrors = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Identifying texts of an alert as the sender wrote them; None where the alert has none.

    `explicit_id` is an id of the alert; `order_id` is the strategy's name for the order, which it may use again on
    other bars.
    """

    explicit_id: str | None
    order_id: str | None
    comment: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Typed values of an alert. `bar_time` is the bar's open, `event_at` the firing time, both aware UTC.

    `sequence` and the positions are None where the alert does not state them. `confidence` is on 0..100; the
    instrument's `exchange` and `strategy` default to the source's. `read_from` holds, by meaning, the paths of the
    fields that were used, as the sender wrote them. `flags` name fields that were left out of an exit.
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
    flags: tuple[Flag, ...] = ()


class AlertUnclear(ValueError):
    """A payload cannot become a signal; `errors` tells for each field what a valid value would be.

    `symbol` and `price` are those of the payload, None where they are missing or unreadable; `is_test` is true when it
    says that it is a test.
    """

    def __init__(
        self, errors: FieldErrors, *, symbol: str | None = None, price: Decimal | None = None, is_test: bool = False
    ) -> None:
        super().__init__("; ".join(f"{field}: {' '.join(messages)}" for field, messages in errors.items()))
        self.errors, self.symbol, self.price, self.is_test = errors, symbol, price, is_test


class Dialect(Protocol):
    """Message form of one kind of sender: how it is recognised and how it is read."""

    @property
    def name(self) -> str:
        """The name that is stored with each signal."""
        ...

    def recognises(self, fields: Fields) -> bool:
        """Return whether a payload has this form; its content decides, never a header."""
        ...

    def read(self, fields: Fields, source: Source, *, received_at: datetime | None = None) -> Reading:
        """Read a payload of this form; `received_at` is its time of arrival, if known.

        Raises:
            AlertUnclear: with an entry for each field that is missing, ambiguous or unreadable.
        """
        ...
