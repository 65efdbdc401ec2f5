"""The market context: one frozen snapshot that both engines see.

A context refers to its bars by `window_hash`, since many signals on one bar share a window; `context_hash`
covers the window's hash, and both recompute from what is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import Enum
from uuid import UUID

from domain.intervals import Interval
from domain.money import PARITY, Conversion
from domain.signal import Instrument


class Quality(Enum):
    """Origin of a field's value, or the reason why there is none."""

    LIVE = "live"
    DELAYED = "delayed"
    ALERT = "alert"
    REPLAY = "replay"
    CROSSED = "crossed"
    IMPLAUSIBLE = "implausible"
    MISSING = "missing"


class PriceBasis(Enum):
    """Origin of a price.

    A snapshot shows the venue's present quote (`live`), the price in the alert, the open of a bar that had just opened,
    or the close of the last closed bar. Fills add the open of the next bar, a stop or target reached within a bar
    (`level`) and the price a venue reports. `unknown` are prices stored before their origin was.
    """

    LIVE = "live"
    ALERT = "alert"
    OPEN = "open"
    CLOSE = "close"
    NEXT_OPEN = "next_open"
    LEVEL = "level"
    VENUE = "venue"
    UNKNOWN = "unknown"


class PriceSide(Enum):
    """Which price a bar series records; MID also stands for traded prices."""

    BID = "bid"
    ASK = "ask"
    MID = "mid"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: prices as decimals, `open_time` aware UTC, volume when the feed has it.

    `close_time` is set where the bar does not end with its interval, as at the close of a session.
    """

    open_time: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None
    close_time: datetime | None = None

    def end(self, interval: Interval) -> datetime:
        """Return when the bar closes, as a bar of a series of this interval."""
        return self.close_time or interval.end(self.open_time)


@dataclass(frozen=True, slots=True, kw_only=True)
class BarSeries:
    """Closed bars of one interval and one price side, oldest first."""

    interval: Interval
    side: PriceSide
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Prices of an instrument at the time `at`: any side may be missing; `last` is a mid or traded price.

    `basis` is the origin of the prices, and `priced_at` the moment at which they were the market's: earlier than `at`
    for a close. Both are None where no price is known.
    """

    at: datetime
    bid: Decimal | None
    ask: Decimal | None
    last: Decimal | None
    quality: Quality
    basis: PriceBasis | None = None
    priced_at: datetime | None = None

    @property
    def is_usable(self) -> bool:
        """Return whether any price is known."""
        return not (self.bid is None and self.ask is None and self.last is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentRules:
    """What the instrument is counted in, and the capital that trades in it are sized on.

    `reference_capital` is the book's, or the share of it that the source is given, and `max_notional` caps what
    a position is worth (quantity x price x multiplier x rate); both are in `base_currency`. `lot` and `tick` are the
    smallest steps of quantity and price, `min_notional` is the smallest value of an order, in `currency`. `rate` is in
    units of the base currency for one of `currency`. What is not known is None; an unknown currency is taken for the
    book's.
    """

    lot: Decimal
    reference_capital: Decimal
    max_notional: Decimal
    currency: str | None = None
    base_currency: str = "USD"
    multiplier: Decimal | None = PARITY
    tick: Decimal | None = None
    min_notional: Decimal | None = None
    calendar: str | None = None
    conversion: Conversion = Conversion.SAME
    rate: Decimal | None = PARITY


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The bars of a context: of the signal's interval and of the next longer one; None where there are none."""

    base: BarSeries | None
    higher: BarSeries | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ContextDepth:
    """Most closed bars that a context contains: of the signal's interval, and of the next longer one."""

    base: int = 250
    higher: int = 100


DEFAULT_DEPTH = ContextDepth()


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketView:
    """A market-data provider's answer to one request; `depth` is the number of bars that was asked for.

    `quality` maps field names (bid, ask, last, volume, bars, higher_bars) to a `Quality`.
    """

    quote: Quote
    window: Window
    quality: dict[str, Quality]
    depth: ContextDepth = DEFAULT_DEPTH


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketContext:
    """The frozen snapshot. `as_of` is the signal's arrival on the book's clock; it contains nothing known only later.

    `indicators` maps names to decimals of 10 significant digits, or None when the bars do not suffice.
    `quality` maps field names (bid, ask, last, current_price, volume, bars, higher_bars) to a `Quality`.
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
    depth: ContextDepth = DEFAULT_DEPTH
