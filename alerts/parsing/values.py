"""Single values as alerts spell them: numbers, times, intervals, yes or no; what does not apply is missing."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from functools import lru_cache

from domain.intervals import Interval, IntervalInvalid, Unit

Leaf = str | int | Decimal | bool | None

_PLACEHOLDER = re.compile(r"\{\{.*\}\}")
_NO_VALUE = frozenset({"nan", "na", "n/a", "null", "none", "undefined"})
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,4})?")
# Groups of three with the other sign before the fraction: which sign is which cannot be mistaken then.
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:(,\d{3})+\.\d+|(\.\d{3})+,\d+)")
_CURRENCY = re.compile(r"[$€£¥₹] ?(?=[\d.])|(?<=\d) ?(?:[A-Z]{3,5}|[$€£¥₹])$")
# How a price field says that it tells none.
_NO_PRICE = frozenset({"market", "mkt"})
_HIGHEST = Decimal("1e30")
_LOWEST = Decimal("1e-30")
_MOST_DIGITS = 60
_LARGEST_COUNT = 2**53
_FIRST_MOMENT = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MOMENT = datetime(2100, 1, 1, tzinfo=UTC)
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
    """A value is there but does not read as what its field holds; the message says what would be right."""


def is_blank(value: Leaf) -> bool:
    """Say whether nothing was given: null, an empty text, or a placeholder nobody replaced."""
    if not isinstance(value, str):
        return value is None
    written = value.strip()
    return not written or (written.startswith("{{") and _PLACEHOLDER.fullmatch(written) is not None)


def is_missing(value: Leaf) -> bool:
    """Say whether an optional value is missing: blank, or one of the words for "not a number"."""
    return is_blank(value) or (isinstance(value, str) and value.strip().lower() in _NO_VALUE)


def number(value: Leaf) -> Decimal:
    """Read a finite number, spelled as a JSON number or as text.

    Raises:
        ValueUnreadable: when it is no number, or one beyond 1e30 or 60 digits.
    """
    found = _decimal(value)
    if not found.is_finite() or len(found.as_tuple().digits) > _MOST_DIGITS or abs(found.adjusted()) > _MOST_DIGITS:
        raise ValueUnreadable("must be a finite number of at most 60 digits")
    if abs(found) > _HIGHEST:
        raise ValueUnreadable("must be a number of at most 1e30")
    return found


def count(value: Leaf) -> int:
    """Read a whole number from 0 to 2^53, up to which a number is the same wherever it is held.

    Raises:
        ValueUnreadable: when it is none.
    """
    found = number(value)
    if found != found.to_integral_value() or not 0 <= found <= _LARGEST_COUNT:
        raise ValueUnreadable(f"must be a whole number from 0 to {_LARGEST_COUNT}")
    return int(found)


def price(value: Leaf) -> Decimal:
    """Read a price: a number above zero.

    Raises:
        ValueUnreadable: when it is no number, not above zero, or smaller than 1e-30.
    """
    found = number(_CURRENCY.sub("", value.strip(), count=1) if isinstance(value, str) else value)
    if found < _LOWEST:
        raise ValueUnreadable("must be a price above zero, such as 43250.5; leave the field out when there is none")
    return found


def tells_no_price(value: Leaf) -> bool:
    """Say whether what stands in a price field is no price but a nought, or the word for none."""
    written = str(value).strip().lower()
    return written in _NO_PRICE or (written[:1] == "0" and not written.strip("0."))


def text(value: Leaf) -> str:
    """Read a text; whole numbers count as text.

    Raises:
        ValueUnreadable: when it is something else, or longer than 200 characters.
    """
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise ValueUnreadable("must be a text")
    found = str(value).strip()
    if len(found) > 200:
        raise ValueUnreadable("must be a text of at most 200 characters")
    return found


def yes_or_no(value: Leaf) -> bool:
    """Read a truth value.

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


def moment(value: Leaf) -> datetime:
    """Read a time as aware UTC: ISO 8601 (UTC when it names no zone), or a Unix time in s, ms, us or ns.

    Raises:
        ValueUnreadable: when it is no time between 1970 and 2100.
    """
    try:
        found = _moment(value)
    except (ValueError, OverflowError, InvalidOperation):
        found = None
    if found is None or not _FIRST_MOMENT <= found < _LAST_MOMENT:
        raise ValueUnreadable("must be a time such as 2024-01-31T12:00:00Z, or Unix seconds or milliseconds")
    return found


def interval(value: Leaf) -> Interval:
    """Read a bar interval: 5 = 5m, 60 = 1h, D = 1d, W = 1w, M = 1mo (months, never minutes), 15S = 15s.

    Raises:
        ValueUnreadable: when it is none, or longer than a year.
    """
    try:
        found = _interval(text(value))
    except IntervalInvalid:
        found = None
    if found is None or found.approximate > _LONGEST_INTERVAL:
        raise ValueUnreadable("must be an interval such as 5, 60, 240, D, W, M, 15S, 5m, 1h or 1d, up to one year")
    return found


def _decimal(value: Leaf) -> Decimal:
    if isinstance(value, Decimal):
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return Decimal(value)
    if isinstance(value, str) and len(value) < 100 and value.isascii():
        written = value.strip()
        if _GROUPED.fullmatch(written):
            written = written.replace(min(",.", key=written.index), "").replace(",", ".")
        if _NUMBER.fullmatch(written):
            return Decimal(written)
    raise ValueUnreadable("must be a number such as 43250.5; leave the field out when there is none")


def _moment(value: Leaf) -> datetime | None:
    if isinstance(value, str) and not _NUMBER.fullmatch(value.strip()):
        found = datetime.fromisoformat(value.strip())
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    since = number(value)
    for magnitude in (0, 3, 6, 9):
        if 0 <= since < Decimal(10) ** (11 + magnitude):
            return _FIRST_MOMENT + timedelta(microseconds=int(since.scaleb(6 - magnitude)))
    return None


@lru_cache(maxsize=512)
def _interval(written: str) -> Interval | None:
    found = _INTERVAL.fullmatch(written)
    if found is None or not written:
        return None
    count, unit = found.group(1), _unit(found.group(2) or "")
    if found.group(3):
        count, unit = found.group(4), _unit(found.group(3).upper())
        unit = None if unit in (Unit.MONTH, Unit.SECOND) else unit
    if unit is None:
        return None
    return _in_largest_unit(Interval.parse(f"{int(count or 1)}{unit.value}"))


def _unit(written: str) -> Unit | None:
    if written == "M":
        return Unit.MONTH
    return _UNITS.get(written.lower()) if written else Unit.MINUTE


def _in_largest_unit(given: Interval) -> Interval:
    seconds = given.count * _CLOCK_UNITS.get(given.unit, 0)
    for length, unit in ((86400, Unit.DAY), (3600, Unit.HOUR), (60, Unit.MINUTE)):
        if seconds and seconds % length == 0:
            return Interval(count=seconds // length, unit=unit)
    return given
