"""Formatting of foreign text, made safe for a terminal, and of money, percentages, numbers and times."""

from __future__ import annotations

from decimal import Decimal

NOTHING = "–"
MINUS = "−"
_CENT = Decimal("0.01")


def replace_unprintable(text: object) -> str:
    """Replace unprintable characters, so that no alert can send control sequences to a terminal."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in str(text))


def format_money(text: str | None) -> str:
    """Format a decimal string with two places and thousands separators, `–` for None."""
    return NOTHING if text is None else use_minus_sign(f"{Decimal(text).quantize(_CENT):,}")


def format_percent(share: float | None, *, places: int = 1) -> str:
    """Format a fraction of 1 in percent."""
    return NOTHING if share is None else use_minus_sign(f"{share * 100:.{places}f} %")


def format_bps(ratio: float | None) -> str:
    """Format a return in basis points (hundredths of a percent) with its sign."""
    if ratio is None:
        return NOTHING
    return "0.00 bps" if ratio == 0 else use_minus_sign(f"{ratio * 10_000:+.2f} bps")


def format_number(value: float | None, *, places: int = 2) -> str:
    """Format a number with a fixed count of decimals."""
    return NOTHING if value is None else use_minus_sign(f"{value:.{places}f}")


def format_p_value(value: float) -> str:
    """Format a p-value; below 0.0001 only the bound is shown."""
    return "< 0.0001" if value < 0.0001 else f"{value:.4f}"


def format_minute(text: str) -> str:
    """Format an ISO time in UTC to the minute."""
    return f"{text[:10]} {text[11:16]}"


def use_minus_sign(text: str) -> str:
    """Replace hyphens by the typographic minus sign."""
    return text.replace("-", MINUS)
