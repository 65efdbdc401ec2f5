"""Prices and volumes as bar files write them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from decimal import Decimal

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,2})?")
_WITH_COMMA = re.compile(r"[+-]?[0-9]{1,3}(?:\.?[0-9]{3})*,[0-9]*|[+-]?[0-9]+,[0-9]*(?:[eE][+-]?[0-9]{1,2})?")
_THOUSANDS = re.compile(r"[+-]?[0-9]{1,3}(?:\.[0-9]{3})+")
# Commas between thousands are only certain beside a decimal point, or when there are two of them.
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:,[0-9]{3})+\.[0-9]*|[+-]?[0-9]{1,3}(?:,[0-9]{3}){2,}")
_SHORTENED = re.compile(r"([0-9.,]+)([KMB])", re.IGNORECASE)
_POWERS = {"K": Decimal(1_000), "M": Decimal(1_000_000), "B": Decimal(1_000_000_000)}
_CURRENCY_SIGNS = "$€£¥"
_NULLS = frozenset({"", "null", "nan", "none", "na", "n/a", "#n/a", "<na>", "-", "--"})


class PriceNotPositive(ValueError):
    """The price is at or below zero."""


def is_null(text: str) -> bool:
    """Return whether a field says that its value is not known."""
    return text.strip().lower() in _NULLS


def has_decimal_comma(fields: Sequence[str]) -> bool:
    """Return whether a comma stands before the decimals, by fields of prices: one has a comma, none a decimal point."""
    numbers = [field.strip() for field in fields if not is_null(field)]
    has_comma = any(_WITH_COMMA.fullmatch(number) for number in numbers)
    return has_comma and all("," in number or "." not in number or _THOUSANDS.fullmatch(number) for number in numbers)


def parse_price(text: str, *, decimal_comma: bool) -> Decimal:
    """Return a price above 0.

    Raises:
        PriceNotPositive: when it is at or below zero.
        ValueError: when it is no number.
    """
    price = parse_number(text, decimal_comma=decimal_comma)
    if price <= 0:
        raise PriceNotPositive(text)
    return price


def parse_volume(text: str, *, decimal_comma: bool) -> Decimal | None:
    """Return a volume of at least 0, such as 1200 or 1.2K; None where it is not known.

    Raises:
        ValueError: when it is neither.
    """
    if is_null(text):
        return None
    shortened = _SHORTENED.fullmatch(text.strip())
    number, power = (shortened[1], _POWERS[shortened[2].upper()]) if shortened is not None else (text, Decimal(1))
    volume = parse_number(number, decimal_comma=decimal_comma) * power
    if volume < 0:
        raise ValueError(text)
    return volume


def parse_number(text: str, *, decimal_comma: bool) -> Decimal:
    """Return a number; raise ValueError for anything else."""
    if _NUMBER.fullmatch(text) and not (decimal_comma and _THOUSANDS.fullmatch(text)):
        return Decimal(text)
    plain = text.strip().lstrip(_CURRENCY_SIGNS)
    if decimal_comma and (_WITH_COMMA.fullmatch(plain) or _THOUSANDS.fullmatch(plain)):
        plain = plain.replace(".", "").replace(",", ".")
    elif _GROUPED.fullmatch(plain):
        plain = plain.replace(",", "")
    if not _NUMBER.fullmatch(plain):
        raise ValueError(text)
    return Decimal(plain)
