"""Types of a question: the JSON document that every engine outside our own processes receives.

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


class AlertAction(Enum):
    """Whether an alert opens or closes a position."""

    ENTRY = "entry"
    EXIT = "exit"


class StrategyPosition(Enum):
    """The strategy's position before or after an order, as its alert states it."""

    LONG = "long"
    SHORT = "short"
    FLAT = "flat"


class AssetKind(Enum):
    """The kind of instrument that a symbol stands for."""

    SPOT = "spot"
    PERP = "perp"
    FUTURE = "future"
    FOREX = "forex"
    STOCK = "stock"
    INDEX = "index"
    OPTION = "option"
    UNKNOWN = "unknown"


class FieldQuality(Enum):
    """The source of a field's value, or the reason why it is missing."""

    LIVE = "live"
    DELAYED = "delayed"
    ALERT = "alert"
    REPLAY = "replay"
    CROSSED = "crossed"
    IMPLAUSIBLE = "implausible"
    MISSING = "missing"


class PriceOrigin(Enum):
    """Where a price comes from: a live quote, the alert, an open or close of a bar, or what a fill adds to these."""

    LIVE = "live"
    ALERT = "alert"
    OPEN = "open"
    CLOSE = "close"
    NEXT_OPEN = "next_open"
    LEVEL = "level"
    VENUE = "venue"
    UNKNOWN = "unknown"


class BarPriceSide(Enum):
    """Which price a bar series records; MID also stands for traded prices."""

    BID = "bid"
    ASK = "ask"
    MID = "mid"


class IntervalUnit(Enum):
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
    IntervalUnit.SECOND: timedelta(seconds=1),
    IntervalUnit.MINUTE: timedelta(minutes=1),
    IntervalUnit.HOUR: timedelta(hours=1),
    IntervalUnit.DAY: timedelta(days=1),
    IntervalUnit.WEEK: timedelta(weeks=1),
    IntervalUnit.MONTH: timedelta(days=30),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class BarInterval:
    """A bar interval such as 5m or 1mo."""

    count: int
    unit: IntervalUnit

    def __str__(self) -> str:
        return f"{self.count}{self.unit.value}"

    @property
    def approximate(self) -> timedelta:
        """Length as a timedelta; a month counts 30 days."""
        return self.count * self.unit.approximate


@dataclass(frozen=True, slots=True, kw_only=True)
class TradedInstrument:
    """An instrument: symbol, exchange and kind."""

    symbol: str
    exchange: str
    kind: AssetKind


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertSignal:
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
    instrument_kind: AssetKind
    direction: Direction
    action: AlertAction
    timeframe: BarInterval | None
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
    position_before: StrategyPosition | None = None
    position_after: StrategyPosition | None = None
    event_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceBar:
    """One bar: prices as decimals, `open_time` in UTC, volume when the feed has it.

    `close_time` is set where the bar does not end with its interval, as at the close of a session.
    """

    open_time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None
    close_time: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceBars:
    """Closed bars of one interval and one price side, oldest first."""

    interval: BarInterval
    side: BarPriceSide
    bars: tuple[PriceBar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceQuote:
    """The prices at `at`: any side may be missing; `last` is a mid or traded price.

    `basis` is where they come from, and `priced_at` when they were the market's: earlier than `at` for a close.
    """

    at: datetime
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    quality: FieldQuality
    basis: PriceOrigin | None = None
    priced_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TradingRules:
    """What the instrument is counted in, and the capital that sizes refer to.

    A move of the price by 1 is worth `multiplier` units of `currency` for each unit of quantity, and one unit of
    `currency` is worth `rate` units of `base_currency`, in which `reference_capital` and `max_notional` (the cap on
    quantity x price x multiplier x rate) are. `lot` and `tick` are the smallest steps of quantity and price,
    `min_notional` is the smallest value of an order, in `currency`, `calendar` the name of the trading calendar.
    `conversion` is `same`, `own_price` (the pair's own price gives the rate) or `stored` (another series does). What is
    not known is None; entries without a multiplier or a rate are denied, whatever an engine says.
    """

    lot: Decimal
    reference_capital: Decimal
    max_notional: Decimal
    currency: str | None = None
    base_currency: str = "USD"
    multiplier: Decimal | None = Decimal(1)
    tick: Decimal | None = None
    min_notional: Decimal | None = None
    calendar: str | None = None
    conversion: str = "same"
    rate: Decimal | None = Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class BarWindow:
    """The bars of a context: the signal's interval and the next one up. Either is None when there are none."""

    base: PriceBars | None
    higher: PriceBars | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryDepth:
    """The largest number of closed bars in a context: of the signal's interval, and of the next one up."""

    base: int
    higher: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketSnapshot:
    """The frozen snapshot; nothing in it was known later than `as_of`.

    `indicators` maps names to decimals, or None when the bars do not suffice. `quality` says for each field (bid,
    ask, last, current_price, volume, bars, higher_bars) where it came from.
    """

    signal_id: UUID
    as_of: datetime
    instrument: TradedInstrument
    current_price: Decimal | None
    quote: PriceQuote
    volume: Decimal | None
    indicators: dict[str, Decimal | None]
    window: BarWindow
    window_hash: str
    rules: TradingRules
    quality: dict[str, FieldQuality]
    context_hash: str
    depth: HistoryDepth


@dataclass(frozen=True, slots=True, kw_only=True)
class QuestionDocument:
    """A question to an engine: a signal and its frozen context."""

    signal: AlertSignal
    context: MarketSnapshot
