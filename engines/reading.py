"""How the built-in engines read a context: what is missing stays missing, and signs treat both directions alike."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from enum import Enum
from typing import Any

from domain import canonical
from domain.context import MarketContext, Quote
from domain.intervals import Interval
from domain.signal import Signal

# A decision must not depend on the arithmetic settings of the thread that happens to ask.
ARITHMETIC = Context(prec=28, rounding=ROUND_HALF_EVEN)

Indicators = Mapping[str, Decimal | None]


class Horizon(Enum):
    """How long a trade from a signal's interval is meant to live."""

    SCALP = "scalp"
    SWING = "swing"
    POSITION = "position"
    LONG_TERM = "long_term"

    @classmethod
    def of(cls, interval: Interval) -> Horizon:
        """Sort an interval: up to 15m scalp, up to 1d swing, below a month position, months long-term."""
        length = interval.approximate
        if length <= timedelta(minutes=15):
            return cls.SCALP
        if length <= timedelta(days=1):
            return cls.SWING
        return cls.POSITION if length < timedelta(days=30) else cls.LONG_TERM


def horizon_of(signal: Signal, context: MarketContext) -> Horizon | None:
    """Return the horizon of the signal's interval, else of the context's bars, else None."""
    if signal.timeframe is not None:
        return Horizon.of(signal.timeframe)
    base = context.window.base
    return None if base is None else Horizon.of(base.interval)


def missing_inputs(signal: Signal, context: MarketContext) -> tuple[str, ...]:
    """Name what no built-in engine can do without: a price, an ATR and an interval."""
    absent = {
        "current_price": context.current_price is None,
        "atr_14": context.indicators.get("atr_14") is None,
        "timeframe": horizon_of(signal, context) is None,
    }
    return tuple(name for name, is_absent in absent.items() if is_absent)


def sign(value: Decimal | None) -> int | None:
    """Return +1, 0 or -1; None for a missing value."""
    return None if value is None else (value > 0) - (value < 0)


def difference_sign(above: Decimal | None, below: Decimal | None) -> int | None:
    """Return the sign of `above` - `below`; None when either is missing."""
    if above is None or below is None:
        return None
    return (above > below) - (above < below)


def distance_percent(price: Decimal | None, level: Decimal | None) -> Decimal | None:
    """Return how far `price` lies above `level`, in percent of the price; None when either is missing.

    The price itself is the base, so that a market mirrored around it shows exactly the opposite distance.
    """
    if price is None or level is None or price == 0:
        return None
    return (price - level) / price * 100


def is_squeezed(indicators: Indicators) -> bool | None:
    """Say whether the Bollinger band lies inside the Keltner channel; None when a band is missing."""
    upper, lower = indicators.get("bollinger_upper"), indicators.get("bollinger_lower")
    outer_upper, outer_lower = indicators.get("keltner_upper"), indicators.get("keltner_lower")
    if upper is None or lower is None or outer_upper is None or outer_lower is None:
        return None
    return upper < outer_upper and lower > outer_lower


def spread(quote: Quote) -> Decimal | None:
    """Return ask - bid; None when a side is missing or the quote is crossed."""
    if quote.bid is None or quote.ask is None or quote.ask < quote.bid:
        return None
    return quote.ask - quote.bid


def text(value: Decimal | int | None) -> str | None:
    """Write a number the way a rationale holds it."""
    return None if value is None else canonical.number(Decimal(value))


def texts(source: Indicators, *names: str) -> dict[str, Any]:
    """Write the named indicators the way a rationale holds them."""
    return {name: text(source.get(name)) for name in names}
