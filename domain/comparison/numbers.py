"""Arithmetic with results that depend on neither order nor machine: exact sums, ratios of 12 digits."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import ROUND_HALF_EVEN, Context, Decimal, localcontext

SIGNIFICANT_DIGITS = 12
MONEY_PLACES = Decimal("1E-10")
_WIDE = Context(prec=400, rounding=ROUND_HALF_EVEN)


def sum_exactly(values: Iterable[Decimal]) -> Decimal:
    """Add decimals without rounding."""
    with localcontext(_WIDE):
        return sum(values, Decimal(0))


def subtract_exactly(minuend: Decimal, subtrahend: Decimal) -> Decimal:
    """Subtract without rounding."""
    return _WIDE.subtract(minuend, subtrahend)


def compute_money_mean(values: list[Decimal]) -> Decimal | None:
    """Return the mean, rounded half to even at ten decimal places; None without values."""
    if not values:
        return None
    return _WIDE.quantize(_WIDE.divide(sum_exactly(values), Decimal(len(values))), MONEY_PLACES)


def compute_mean(values: list[Decimal]) -> float | None:
    """Return the mean as a ratio; None without values."""
    return divide(sum_exactly(values), Decimal(len(values))) if values else None


def divide(numerator: Decimal, denominator: Decimal) -> float:
    """Divide and round to 12 significant digits; the denominator is not 0."""
    return round_to_12_digits(float(_WIDE.divide(numerator, denominator)))


def round_to_12_digits(value: float) -> float:
    """Round to 12 significant digits, without a negative zero."""
    return float(f"{value:.{SIGNIFICANT_DIGITS}g}") + 0.0
