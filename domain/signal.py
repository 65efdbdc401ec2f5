"""Signals: accepted TradingView alerts with their state in the pipeline, and the sources that send them."""

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
    """Direction of a trade; for exits, the side that is closed."""

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
    """The request of an alert: open a trade or close one."""

    ENTRY = "entry"
    EXIT = "exit"


class Position(Enum):
    """Position of a strategy before or after an order, as the alert states it."""

    LONG = "long"
    SHORT = "short"
    FLAT = "flat"

    @property
    def side(self) -> Direction | None:
        """The side that is held; None when flat."""
        return None if self is Position.FLAT else Direction(self.value)


class InstrumentKind(Enum):
    """Kind of instrument that a symbol names."""

    SPOT = "spot"
    PERP = "perp"
    FUTURE = "future"
    FOREX = "forex"
    STOCK = "stock"
    INDEX = "index"
    OPTION = "option"
    UNKNOWN = "unknown"


class Stage(IntEnum):
    """Progress of a signal in the pipeline; each pipeline task advances it by one."""

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
    """State of the work on a signal: open, done, or dead (given up after too many attempts)."""

    OPEN = "open"
    DONE = "done"
    DEAD = "dead"


class Flag(Enum):
    """Remarks on an accepted signal; they are stored and shown."""

    STALE = "stale"
    # An exit whose own key never had an entry closed the one open key that fits.
    MATCHED_LOOSELY = "matched_loosely"
    # An exit that found nothing open.
    NOTHING_OPEN = "nothing_open"
    # An exit that fired before the entry of the open trade, or an entry that fired before its exit.
    OUTDATED = "outdated"
    # A field of an exit that it does not need and that was left out.
    PRICE_UNREADABLE = "price_unreadable"
    TIME_UNREADABLE = "time_unreadable"
    TIME_ZONE_MISSING = "time_zone_missing"
    TIMEFRAME_UNREADABLE = "timeframe_unreadable"
    CONFIDENCE_UNREADABLE = "confidence_unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """An instrument; exits close trades that are equal in all three fields."""

    symbol: str
    exchange: str
    kind: InstrumentKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One accepted alert.

    `exchange` is empty and `strategy` is empty when the alert did not name one. `confidence` is on 0..100.
    `timestamp` is the time in the payload (of the bar or the alert); `received_at` is the arrival on the book's clock,
    and the only time that decides which data may be used. `sequence` is the sender's number of the alert;
    `position_before` and `position_after` are its strategy's positions, `event_at` is when the alert says it fired. All
    four are None where the alert has none.
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
    event_at: datetime | None = None

    @property
    def fired_at(self) -> datetime:
        """When the alert fired: the time it states for that, at most its arrival, else its arrival."""
        return self.received_at if self.event_at is None else min(self.event_at, self.received_at)

    @property
    def instrument(self) -> Instrument:
        """The instrument the signal is about."""
        return Instrument(symbol=self.symbol, exchange=self.exchange, kind=self.instrument_kind)

    @property
    def is_entry(self) -> bool:
        """Return whether the alert asks to open a trade."""
        return self.action is Action.ENTRY


@dataclass(frozen=True, slots=True, kw_only=True)
class NewSignal:
    """An alert as it was read, before it is stored.

    `content_hash` is SHA-256 over the identity of the alert (an explicit id, else the canonical body). `timeless` is
    true when the body has neither an id nor a time, so that identical bodies within 60 s of the book's clock are one
    alert and later ones are new alerts. `is_of_bar` is true when the body has no id and names its bar; its firing time,
    if any, then is no part of the hash. `read_from` gives, for each meaning, the fields of the payload it was read
    from. `raw_payload` has its secrets redacted; `raw_body` is the received bytes. `event_at` is the firing time in the
    payload, if any: it serves staleness and the order of alerts. `sequence` and the two positions are those of
    `Signal`; they do not belong to the identity. `flags` are remarks of the reading, beside those of the intake.
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
    flags: tuple[Flag, ...] = ()
    is_of_bar: bool = False

    @property
    def instrument(self) -> Instrument:
        """The instrument the alert is about."""
        return Instrument(symbol=self.symbol, exchange=self.exchange, kind=self.instrument_kind)


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertBar:
    """The OHLC bar that an alert carries: prices, volume where it is given, open time aware UTC."""

    open_time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A sender of alerts: the book its alerts go to, and the options for reading them.

    `sell_alone` is the meaning of a bare `sell` (None: ambiguous, such alerts are quarantined). `confidence_scale` is
    the number that means full confidence (1, 10 or 100). `dialect` names the format of its messages (None: recognized
    by their content). `symbols` maps symbols as the source writes them, in upper case and without blanks, to the ones
    they stand for. `heartbeat_s` is the longest silence before an alarm (None: no alarm). `sizing` is the share of the
    book's reference capital, above 0 and at most 1, on which both engines size its entries. `timezone` is that of times
    which name none: an IANA name or an offset such as +05:30 (None: UTC). `pyramiding` is how many real trades it may
    hold at once in one strategy, symbol and side. `calendar` names the trading sessions with which its bars close
    and in which its orders fill (None: those of the exchange).
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
    timezone: str | None = None
    calendar: str | None = None
    pyramiding: int = 1


class SellAlone(Enum):
    """Meaning of a bare `sell` for a source."""

    EXIT = "exit"
    SHORT = "short"


def signal_id_for(*, book: str, source: str, signal_hash: str) -> UUID:
    """Derive a signal's id (UUID version 5, RFC 9562): the same alert is the same signal in the same book."""
    return uuid5(_NAMESPACE, "\x1f".join((book, source, signal_hash)))
