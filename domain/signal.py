"""A signal: one accepted TradingView alert, and where it stands on its way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import Enum, IntEnum
from typing import Any
from uuid import UUID, uuid5

from domain.intervals import Interval

_NAMESPACE = UUID("6f0d3c5e-5a7b-5e0c-9d52-6a7f7c2f1b10")


class Direction(Enum):
    """Which way a trade profits; for exits, the side being closed."""

    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> int:
        """+1 for long, -1 for short."""
        return 1 if self is Direction.LONG else -1

    @property
    def opposite(self) -> Direction:
        """The other direction."""
        return Direction.SHORT if self is Direction.LONG else Direction.LONG


class Action(Enum):
    """What an alert asks for."""

    ENTRY = "entry"
    EXIT = "exit"


class Position(Enum):
    """Where a strategy says it stood before an order, or stands after it."""

    LONG = "long"
    SHORT = "short"
    FLAT = "flat"

    @property
    def side(self) -> Direction | None:
        """The side that is held; None when flat."""
        return None if self is Position.FLAT else Direction(self.value)


class InstrumentKind(Enum):
    """What is traded under a symbol."""

    SPOT = "spot"
    PERP = "perp"
    FUTURE = "future"
    FOREX = "forex"
    STOCK = "stock"
    INDEX = "index"
    OPTION = "option"
    UNKNOWN = "unknown"


class Stage(IntEnum):
    """How far a signal has come; each pipeline task advances it by one."""

    RECEIVED = 0
    CONTEXT_CAPTURED = 1
    VARIANT_ASSIGNED = 2
    POLICY_RESOLVED = 3
    DISPATCHED = 4
    OUTCOME_RECORDED = 5

    @property
    def before(self) -> Stage:
        """The stage a signal must have reached before this one."""
        return Stage(self.value - 1)


class SignalStatus(Enum):
    """Whether work remains: open, done, or dead (given up after too many attempts)."""

    OPEN = "open"
    DONE = "done"
    DEAD = "dead"


class Flag(Enum):
    """Remarks on an accepted signal; they are stored and shown."""

    STALE = "stale"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """What a signal is about: trades match on all three fields."""

    symbol: str
    exchange: str
    kind: InstrumentKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One accepted alert.

    `exchange` is empty and `strategy` is empty when the alert did not name one. `confidence` is on 0..100.
    `timestamp` is what the payload said (bar or alert time); `received_at` is the arrival on the book's clock
    and the only time that decides what may be known. `sequence` is the number its sender gave it; `position_before`
    and `position_after` say where its strategy stood. All three are None where the alert did not tell.
    """

    signal_id: UUID
    book: str
    source: str
    strategy: str
    symbol: str
    exchange: str
    instrument_kind: InstrumentKind
    direction: Direction
    action: Action
    timeframe: Interval | None
    timestamp: datetime | None
    received_at: datetime
    price: Decimal | None
    confidence: Decimal | None
    signal_hash: str
    flags: tuple[str, ...]
    is_test: bool
    stage: Stage
    attempts: int
    sequence: int | None = None
    position_before: Position | None = None
    position_after: Position | None = None

    @property
    def instrument(self) -> Instrument:
        """The instrument the signal is about."""
        return Instrument(symbol=self.symbol, exchange=self.exchange, kind=self.instrument_kind)

    @property
    def is_entry(self) -> bool:
        """Whether the alert asks to open a trade."""
        return self.action is Action.ENTRY


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSignal:
    """An alert as it was understood, before it is stored.

    `content_hash` is SHA-256 over what makes the alert this alert (an explicit id, else the canonical body).
    `timeless` says that the body carried neither an id nor a time, so that identical bodies within 60 s of the
    book's clock are one alert and later ones are new occurrences. `read_from` names, for each meaning, the payload's
    fields it was read from. `raw_payload` has its secrets redacted; `raw_body` is the bytes as they came. `event_at`
    is the firing time the payload told, if any: it serves staleness and the order of alerts. `sequence` and the two
    positions are as `Signal` has them; they are no part of what makes the alert this alert.
    """

    book: str
    source: str
    strategy: str
    symbol: str
    exchange: str
    instrument_kind: InstrumentKind
    direction: Direction
    action: Action
    timeframe: Interval | None
    timestamp: datetime | None
    event_at: datetime | None
    price: Decimal | None
    confidence: Decimal | None
    sequence: int | None
    position_before: Position | None
    position_after: Position | None
    bar: AlertBar | None
    content_hash: str
    timeless: bool
    is_test: bool
    dialect: str
    read_from: Mapping[str, list[str]]
    raw_body: bytes
    raw_payload: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertBar:
    """The OHLC bar that an alert carried: prices, volume when told, open time aware UTC."""

    open_time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One alert sender: who may post, into which book, and how its messages are to be read.

    `sell_alone` says what a bare `sell` means here (None: ambiguous, quarantined). `confidence_scale` is the
    number that means full confidence (1, 10 or 100). `dialect` names the one its messages are in (None: told by their
    content). `symbols` gives for symbols as it writes them, in upper case and without blanks, how they are to be read.
    `heartbeat_s` says how long it may be silent before that is an alarm (None: for ever). `sizing` is the share of the
    book's reference capital, above 0 and at most 1, on which its entries are sized by either engine.
    """

    name: str
    book: str
    strategy: str
    timeframe: Interval | None
    exchange: str
    instrument_kind: InstrumentKind | None
    sell_alone: SellAlone | None
    confidence_scale: int
    max_lag_s: int
    dialect: str | None = None
    symbols: Mapping[str, str] = field(default_factory=dict)
    heartbeat_s: int | None = None
    sizing: Decimal = Decimal(1)


class SellAlone(Enum):
    """What a bare `sell` means for a source."""

    EXIT = "exit"
    SHORT = "short"


def signal_id_for(*, book: str, source: str, signal_hash: str) -> UUID:
    """Derive the signal id, so that the same alert is the same signal in the same book (RFC 9562 version 5)."""
    return uuid5(_NAMESPACE, "\x1f".join((book, source, signal_hash)))
