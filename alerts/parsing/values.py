"""Parsers for single values of an alert: numbers, prices, times, bar intervals, texts and booleans."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from domain.intervals import Interval, IntervalInvalid, Unit

Leaf = str | int | Decimal | bool | None

_PLACEHOLDER = re.compile(r"\{\{.*\}\}")
_NO_VALUE = frozenset({"nan", "na", "n/a", "null", "none", "undefined"})
_LONGEST_NO_VALUE = 40
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?")
# Thousands need a fraction behind them (1,234.5 or 1.234,5): in 1,234 alone the comma could be either sign.
_WITH_THOUSANDS = re.compile(r"[+-]?\d{1,3}(?:(,\d{3})+\.\d+|(\.\d{3})+,\d+)")
_CURRENCY = re.compile(r"[$€£¥₹] ?(?=[\d.])|(?<=\d) ?(?:[A-Z]{3,5}|[$€£¥₹])$")
# Words in a price field that stand for an order without a price.
_NO_PRICE = frozenset({"market", "mkt"})
_HIGHEST = Decimal("1e30")
_LOWEST = Decimal("1e-30")
_MOST_DIGITS = 60
_LARGEST_COUNT = 2**53
_EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
_LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_LONGEST_INTERVAL = timedelta(days=366)
_INTERVAL = re.compile(r"(\d{0,5})\s*([a-zA-Z]*)|([a-zA-Z])(\d{1,5})")
_UNITS = {
    "s": Unit.SECOND,
    "sec": Unit.SECOND,
    "secs": Unit.SECOND,
    "second": Unit.SECOND,
    "seconds": Unit.SECOND,
    "m": Unit.MINUTE,
    "min": Unit.MINUTE,
    "mins": Unit.MINUTE,
    "minute": Unit.MINUTE,
    "minutes": Unit.MINUTE,
    "h": Unit.HOUR,
    "hr": Unit.HOUR,
    "hrs": Unit.HOUR,
    "hour": Unit.HOUR,
    "hours": Unit.HOUR,
    "hourly": Unit.HOUR,
    "d": Unit.DAY,
    "day": Unit.DAY,
    "days": Unit.DAY,
    "daily": Unit.DAY,
    "w": Unit.WEEK,
    "wk": Unit.WEEK,
    "week": Unit.WEEK,
    "weeks": Unit.WEEK,
    "weekly": Unit.WEEK,
    "mo": Unit.MONTH,
    "mon": Unit.MONTH,
    "month": Unit.MONTH,
    "months": Unit.MONTH,
    "monthly": Unit.MONTH,
}
_CLOCK_UNITS = {Unit.SECOND: 1, Unit.MINUTE: 60, Unit.HOUR: 3600}


class ValueUnreadable(ValueError):
    """A value does not have the type that its field needs; the message describes a valid one."""


def is_blank(value: Leaf) -> bool:
    """Return whether a value is null, an empty text, or a `{{placeholder}}` that was not replaced."""
    if not isinstance(value, str):
        return value is None
    text = value.strip()
    return not text or (text.startswith("{{") and _PLACEHOLDER.fullmatch(text) is not None)


def is_missing(value: Leaf) -> bool:
    """Return whether an optional value is missing: blank, or a word such as NaN, null or n/a."""
    return is_blank(value) or is_no_value_word(value)


def is_no_value_word(value: Leaf) -> bool:
    """Return whether a value is a word such as NaN, null or n/a."""
    return isinstance(value, str) and len(value) < _LONGEST_NO_VALUE and value.strip().lower() in _NO_VALUE


def parse_number(value: Leaf) -> Decimal:
    """Parse a finite number from a JSON number or a text.

    Raises:
        ValueUnreadable: when it is no number, or one beyond 1e30 or 60 digits.
    """
    number = _to_decimal(value)
    if not number.is_finite() or len(number.as_tuple().digits) > _MOST_DIGITS or abs(number.adjusted()) > _MOST_DIGITS:
        raise ValueUnreadable("must be a finite number of at most 60 digits")
    if abs(number) > _HIGHEST:
        raise ValueUnreadable("must be a number of at most 1e30")
    return number


def parse_count(value: Leaf) -> int:
    """Parse a whole number from 0 to 2^53, the largest range that a double holds exactly.

    Raises:
        ValueUnreadable: when it is none.
    """
    number = parse_number(value)
    if number != number.to_integral_value() or not 0 <= number <= _LARGEST_COUNT:
        raise ValueUnreadable(f"must be a whole number from 0 to {_LARGEST_COUNT}")
    return int(number)


def parse_price(value: Leaf) -> Decimal:
    """Parse a price, a number above zero; a currency sign or code around it is ignored.

    Raises:
        ValueUnreadable: when it is no number, not above zero, or smaller than 1e-30.
    """
    number = parse_number(_CURRENCY.sub("", value.strip(), count=1) if isinstance(value, str) else value)
    if number < _LOWEST:
        raise ValueUnreadable("must be a price above zero, such as 43250.5; leave the field out when there is none")
    return number


def is_no_price(value: Leaf) -> bool:
    """Return whether the value of a price field means "no price": a zero, or the word `market`."""
    text = str(value).strip().lower()
    return text in _NO_PRICE or (text[:1] == "0" and not text.strip("0."))


def parse_text(value: Leaf) -> str:
    """Return a text or a number as stripped text.

    Raises:
        ValueUnreadable: when it is a boolean or null, or longer than 200 characters.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueUnreadable("must be a text")
    text = str(value).strip()
    if len(text) > 200:
        raise ValueUnreadable("must be a text of at most 200 characters")
    return text


def parse_bool(value: Leaf) -> bool:
    """Parse true, yes or 1 and false, no or 0.

    Raises:
        ValueUnreadable: when it is none.
    """
    match str(value).strip().lower():
        case "true" | "1" | "yes":
            return True
        case "false" | "0" | "no":
            return False
        case _:
            raise ValueUnreadable("must be true or false")


def parse_time(value: Leaf, zone: tzinfo = UTC) -> datetime:
    """Parse a time as aware UTC: ISO 8601 (in `zone` when it names none), or a Unix time in s, ms, us or ns.

    Raises:
        ValueUnreadable: when it is no time between 1970 and 2100.
    """
    try:
        time = _parse_iso_or_unix_time(value, zone)
    except (ValueError, OverflowError, InvalidOperation):
        time = None
    if time is None or not _EARLIEST <= time < _LATEST:
        raise ValueUnreadable("must be a time such as 2024-01-31T12:00:00Z, or Unix seconds or milliseconds")
    return time


def parse_interval(value: Leaf) -> Interval:
    """Parse a bar interval: 5 = 5m, 60 = 1h, D = 1d, W = 1w, M = 1mo (months, never minutes), 15S = 15s.

    Raises:
        ValueUnreadable: when it is none, or longer than a year.
    """
    try:
        interval = _parse_interval_text(parse_text(value))
    except IntervalInvalid:
        interval = None
    if interval is None or interval.approximate > _LONGEST_INTERVAL:
        raise ValueUnreadable("must be an interval such as 5, 60, 240, D, W, M, 15S, 5m, 1h or 1d, up to one year")
    return interval


def _to_decimal(value: Leaf) -> Decimal:
    """Convert a number or its text; in a text with thousands, the sign that comes first separates them."""
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, str) and len(value) < 100 and value.isascii():
        text = value.strip()
        if _WITH_THOUSANDS.fullmatch(text):
            text = text.replace(min(",.", key=text.index), "").replace(",", ".")
        if _NUMBER.fullmatch(text):
            return Decimal(text)
    raise ValueUnreadable("must be a number such as 43250.5; leave the field out when there is none")


def _parse_iso_or_unix_time(value: Leaf, zone: tzinfo) -> datetime | None:
    """Parse ISO 8601, or a Unix time whose unit follows from its size; None for a number that is too large."""
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        time = datetime.fromisoformat(value.strip())
        return (time.replace(tzinfo=zone) if time.tzinfo is None else time).astimezone(UTC)
    unix_time = parse_number(value)
    # Below 10^11 a number counts seconds, since as milliseconds it would lie before 1973; each unit adds three digits.
    for decimals in (0, 3, 6, 9):
        if 0 <= unix_time < Decimal(10) ** (11 + decimals):
            return _EARLIEST + timedelta(microseconds=int(unix_time.scaleb(6 - decimals)))
    return None


@lru_cache(maxsize=512)
def _parse_interval_text(text: str) -> Interval | None:
    """Parse a count before its unit (`5m`, `60`, `D`) or behind it (`H4`, `D1`); None for any other form."""
    match = _INTERVAL.fullmatch(text)
    if match is None or not text:
        return None
    count, unit = match.group(1), _parse_unit(match.group(2) or "")
    if match.group(3):
        count, unit = match.group(4), _parse_unit(match.group(3).upper())
        # M5 is five minutes on MetaTrader, but M is a month on TradingView: neither is assumed.
        unit = None if unit in (Unit.MONTH, Unit.SECOND) else unit
    if unit is None:
        return None
    return _in_largest_unit(Interval.parse(f"{int(count or 1)}{unit.value}"))


def _parse_unit(text: str) -> Unit | None:
    """Return the unit of an interval; as on TradingView, M is a month and a bare number counts minutes."""
    if text == "M":
        return Unit.MONTH
    return _UNITS.get(text.lower()) if text else Unit.MINUTE


def _in_largest_unit(interval: Interval) -> Interval:
    """Return the same interval in the largest unit that divides it, so that 60m and 1h are equal."""
    seconds = interval.count * _CLOCK_UNITS.get(interval.unit, 0)
    for length, unit in ((86400, Unit.DAY), (3600, Unit.HOUR), (60, Unit.MINUTE)):
        if seconds and seconds % length == 0:
            return Interval(count=seconds // length, unit=unit)
    return interval
