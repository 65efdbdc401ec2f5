"""Values that the built-in engines derive from a context; a missing input gives None, never a default.

Directions are signs (+1, -1), so that long and short are treated alike.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any

from domain import canonical
from domain.context import MarketContext, Quote
from domain.intervals import Interval
from domain.signal import Signal
from trading_orchestrator.sizing import Horizon

# A decision must not depend on the decimal settings of the thread that asks.
ARITHMETIC = Context(prec=28, rounding=ROUND_HALF_EVEN)

Indicators = Mapping[str, Decimal | None]


def find_interval(signal: Signal, context: MarketContext) -> Interval | None:
    """Return the signal's interval, else that of the context's bars, else None."""
    if signal.timeframe is not None:
        return signal.timeframe
    base = context.window.base
    return None if base is None else base.interval


def find_horizon(signal: Signal, context: MarketContext) -> Horizon | None:
    """Return the horizon of the entry's interval; None when no interval is known."""
    interval = find_interval(signal, context)
    return None if interval is None else Horizon.of(interval.approximate)


def find_missing_inputs(signal: Signal, context: MarketContext) -> tuple[str, ...]:
    """Return the names of the required inputs that are missing: a price, an ATR and an interval."""
    absent = {
        "current_price": context.current_price is None,
        "atr_14": context.indicators.get("atr_14") is None,
        "timeframe": find_horizon(signal, context) is None,
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
    """Return whether the Bollinger band lies inside the Keltner channel; None when a band is missing."""
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


def format_number(value: Decimal | int | None) -> str | None:
    """Return a number as text in the form of a rationale; None for a missing one."""
    return None if value is None else canonical.format_number(Decimal(value))


def format_indicators(indicators: Indicators, *names: str) -> dict[str, Any]:
    """Return the named indicators as texts in the form of a rationale."""
    return {name: format_number(indicators.get(name)) for name in names}
