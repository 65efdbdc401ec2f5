"""The bar an alert carries: open, high, low, close and volume, at the top or in a group."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from alerts.parsing import values
from alerts.parsing.fields import Fields
from alerts.parsing.values import ValueUnreadable
from alerts.vocabulary.aliases import Names
from domain.signal import AlertBar


def read(fields: Fields, groups: Names, open_time: datetime | None) -> AlertBar | None:
    """Return the bar the alert carried, when it is whole and its range holds its prices."""
    group = next((group for group in groups if f"{group}open" in fields), None)
    if open_time is None or group is None:
        return None
    prices = [_price_or_none(fields, f"{group}{name}") for name in ("open", "high", "low", "close")]
    opened, high, low, closed = prices
    if opened is None or high is None or low is None or closed is None:
        return None
    if not low <= min(opened, closed) <= max(opened, closed) <= high:
        return None
    volume = _number_or_none(fields, f"{group}volume")
    return AlertBar(open_time=open_time, open=opened, high=high, low=low, close=closed, volume=volume)


def _price_or_none(fields: Fields, name: str) -> Decimal | None:
    found = _number_or_none(fields, name)
    return found if found is not None and found > 0 else None


def _number_or_none(fields: Fields, name: str) -> Decimal | None:
    given = fields.first((name,))
    try:
        return values.number(given.value) if given is not None else None
    except ValueUnreadable:
        return None
