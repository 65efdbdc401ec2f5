"""What an engine is asked: types for the JSON document that every engine outside our own processes receives.

They name the document's fields one by one instead of importing the product's own types: an engine's process holds none
of our packages, so that `config`, `db` and the like are free names there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from enum import Enum
from uuid import UUID


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


class Quality(Enum):
    """Where a field's value came from, or why there is none."""

    LIVE = "live"
    DELAYED = "delayed"
    ALERT = "alert"
    REPLAY = "replay"
    CROSSED = "crossed"
    MISSING = "missing"


class PriceSide(Enum):
    """Which price a bar series records; MID also stands for traded prices."""

    BID = "bid"
    ASK = "ask"
    MID = "mid"


class Unit(Enum):
    """A unit of time as it is written in an interval."""

    SECOND = "s"
    MINUTE = "m"
    HOUR = "h"
    DAY = "d"
    WEEK = "w"
    MONTH = "mo"

    @property
    def approximate(self) -> timedelta:
        """Length as a timedelta; a month counts 30 days."""
        return _LENGTHS[self]


_LENGTHS = {
    Unit.SECOND: timedelta(seconds=1),
    Unit.MINUTE: timedelta(minutes=1),
    Unit.HOUR: timedelta(hours=1),
    Unit.DAY: timedelta(days=1),
    Unit.WEEK: timedelta(weeks=1),
    Unit.MONTH: timedelta(days=30),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """A bar interval such as 5m or 1mo."""

    count: int
    unit: Unit

    def __str__(self) -> str:
        return f"{self.count}{self.unit.value}"

    @property
    def approximate(self) -> timedelta:
        """Length as a timedelta; a month counts 30 days."""
        return self.count * self.unit.approximate


@dataclass(frozen=True, slots=True, kw_only=True)
class Instrument:
    """What a signal is about."""

    symbol: str
    exchange: str
    kind: InstrumentKind


@dataclass(frozen=True, slots=True, kw_only=True)
class Signal:
    """One accepted alert.

    `exchange` and `strategy` are empty when the alert did not name one. `confidence` is on 0..100. `timestamp` is
    what the payload said, `received_at` the arrival, the only time that decides what may be known. What the alert
    did not tell is None.
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
    stage: int
    attempts: int
    sequence: int | None = None
    position_before: Position | None = None
    position_after: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: prices as decimals, `open_time` in UTC, volume when the feed has it."""

    open_time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None


@dataclass(frozen=True, slots=True, kw_only=True)
class BarSeries:
    """Closed bars of one interval and one price side, oldest first."""

    interval: Interval
    side: PriceSide
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """What could be traded at `at`: any side may be missing; `last` is a mid or traded price."""

    at: datetime
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    quality: Quality


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentRules:
    """What the venue allows, and the capital that sizes refer to.

    `lot` is the smallest quantity step; `max_notional` caps quantity x price.
    """

    lot: Decimal
    reference_capital: Decimal
    max_notional: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The bars of a context: the signal's interval and the next one up. Either is None when there are none."""

    base: BarSeries | None
    higher: BarSeries | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextDepth:
    """How many closed bars a context shows at most: of the signal's interval, and of the next one up."""

    base: int
    higher: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketContext:
    """The frozen snapshot; nothing in it was known later than `as_of`.

    `indicators` maps names to decimals, or None when the bars do not suffice. `quality` says for each field (bid,
    ask, last, current_price, volume, bars, higher_bars) where it came from.
    """

    signal_id: UUID
    as_of: datetime
    instrument: Instrument
    current_price: Decimal | None
    quote: Quote
    volume: Decimal | None
    indicators: dict[str, Decimal | None]
    window: Window
    window_hash: str
    rules: InstrumentRules
    quality: dict[str, Quality]
    context_hash: str
    depth: ContextDepth


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What an engine is asked."""

    signal: Signal
    context: MarketContext
