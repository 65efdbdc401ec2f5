"""The bar an alert carries: open, high, low, close and volume, at the top or in a group."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from alerts.parsing import values
from alerts.parsing.fields import Fields
from alerts.parsing.values import ValueUnreadable
from alerts.vocabulary.aliases import Names
from domain.signal import AlertBar


def read_bar(fields: Fields, groups: Names, open_time: datetime | None) -> AlertBar | None:
    """Return the bar that the alert carries; None when a price is missing or lies outside low..high.

    `groups` are the names of the groups that may hold the bar (an empty name: the top level).
    """
    group = next((group for group in groups if f"{group}open" in fields), None)
    if open_time is None or group is None:
        return None
    prices = [_read_price(fields, f"{group}{name}") for name in ("open", "high", "low", "close")]
    open_price, high, low, close = prices
    if open_price is None or high is None or low is None or close is None:
        return None
    if not low <= min(open_price, close) <= max(open_price, close) <= high:
        return None
    volume = _read_number(fields, f"{group}volume")
    return AlertBar(open_time=open_time, open=open_price, high=high, low=low, close=close, volume=volume)


def _read_price(fields: Fields, name: str) -> Decimal | None:
    """Return a field's price; None when it is missing, unreadable or not above zero."""
    price = _read_number(fields, name)
    return price if price is not None and price > 0 else None


def _read_number(fields: Fields, name: str) -> Decimal | None:
    """Return a field's number; None when it is missing or unreadable."""
    field = fields.find_first((name,))
    try:
        return values.parse_number(field.value) if field is not None else None
    except ValueUnreadable:
        return None
