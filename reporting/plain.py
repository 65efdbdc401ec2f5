"""Text that came from outside, made safe for a terminal, and figures as people read them."""

from __future__ import annotations

from decimal import Decimal

NOTHING = "–"
MINUS = "−"
_CENT = Decimal("0.01")


def clean(text: object) -> str:
    """Replace everything that is not printable, so that no alert can steer a terminal."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in str(text))


def money(text: str | None) -> str:
    """Write a decimal string with two places and thousands, `–` for None."""
    return NOTHING if text is None else signed(f"{Decimal(text).quantize(_CENT):,}")


def percent(share: float | None, *, places: int = 1) -> str:
    """Write a fraction of 1 in percent."""
    return NOTHING if share is None else signed(f"{share * 100:.{places}f} %")


def bps(ratio: float | None) -> str:
    """Write a return in basis points (hundredths of a percent) with its sign."""
    if ratio is None:
        return NOTHING
    return "0.00 bps" if ratio == 0 else signed(f"{ratio * 10_000:+.2f} bps")


def figure(value: float | None, *, places: int = 2) -> str:
    """Write a plain number."""
    return NOTHING if value is None else signed(f"{value:.{places}f}")


def p_value(value: float) -> str:
    """Write a p, small ones by their bound."""
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def moment(text: str) -> str:
    """Shorten a UTC time to minutes."""
    return f"{text[:10]} {text[11:16]}"


def signed(text: str) -> str:
    """Use the real minus sign."""
    return text.replace("-", MINUS)
