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
from domain.signal import Instrument


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One bar: prices as decimals, `open_time` aware UTC, volume when the feed has it."""

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

    @property
    def is_usable(self) -> bool:
        """Whether any price is known at all."""
        return not (self.bid is None and self.ask is None and self.last is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentRules:
    """What the venue allows, and the capital sizing refers to.

    `lot` is the smallest quantity step; `max_notional` caps quantity x price; `reference_capital` is what sizes
    refer to: the book's, or the share of it that the source is given.
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

    base: int = 250
    higher: int = 100


DEFAULT_DEPTH = ContextDepth()


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketView:
    """What a market-data provider answers for one request; `depth` is what it was asked to show at most.

    `quality` maps field names (bid, ask, last, volume, bars, higher_bars) to a `Quality`.
    """

    quote: Quote
    window: Window
    quality: dict[str, Quality]
    depth: ContextDepth = DEFAULT_DEPTH


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketContext:
    """The frozen snapshot. `as_of` is the arrival on the book's clock; nothing in it was known later.

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
