"""The rules of which price counts at a moment: for what a snapshot shows, and for what a market order fills at.

The two differ. A snapshot shows the newest price that is known, however old it is. An order fills at the first price
that could have been traded at or after the moment of the decision, never at one from before it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from domain.context import PriceBasis, Quality, Quote
from domain.signal import Instrument, Signal

# TradingView's alerts arrive within a second or two, late ones within a minute.
_ALERT_IS_SHOWN_FOR = timedelta(seconds=60)
_ALERT_FILLS_FOR = timedelta(seconds=5)
_OPEN_COUNTS_FOR = timedelta(seconds=5)
_OPEN_COUNTS_FOR_SHARE = 100
_LARGEST_DEVIATION = Decimal("0.2")


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertPrice:
    """The price that an alert states, and when the alert fired."""

    price: Decimal
    fired_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRequest:
    """Request for the first price at which an instrument could have been traded at or after `at`.

    `alert` is the price in the alert that causes the order, where there is one. Nothing that became known after `until`
    is used. `calendar` names the instrument's trading calendar (None: that of its exchange).
    """

    book: str
    instrument: Instrument
    at: datetime
    until: datetime
    alert: AlertPrice | None = None
    calendar: str | None = None


def read_alert_price(signal: Signal) -> AlertPrice | None:
    """Return the price of a signal's alert; None when it states none."""
    return None if signal.price is None else AlertPrice(price=signal.price, fired_at=signal.fired_at)


def how_long_open_counts(bar_length: timedelta) -> timedelta:
    """Return how long after its opening a bar's open is still the market's price: 5 s, at most 1 % of the bar."""
    return min(_OPEN_COUNTS_FOR, bar_length / _OPEN_COUNTS_FOR_SHARE)


def is_plausible(alert: AlertPrice, *, known: Decimal | None) -> bool:
    """Return whether an alert's price is within 20 % of the newest known price; without one it is."""
    return known is None or abs(alert.price - known) <= _LARGEST_DEVIATION * known


def quote_shown(known: Quote, alert: AlertPrice | None, *, at: datetime) -> Quote:
    """Return the quote that a snapshot at `at` shows, from the one that the market data provider knows.

    A live quote comes first, then the price of an alert that fired at most 60 s before and is plausible, then the open
    of a bar that has just opened, then the last close.
    """
    if alert is None or known.basis is PriceBasis.LIVE or not is_plausible(alert, known=middle_price(known)):
        return known
    if not timedelta(0) <= at - alert.fired_at <= _ALERT_IS_SHOWN_FOR:
        return known
    return _build_alert_quote(alert, at=at, sides=known if known.basis is PriceBasis.OPEN else None)


def quote_filled(known: Quote | None, alert: AlertPrice | None, *, at: datetime, is_in_session: bool) -> Quote | None:
    """Return the quote at which a market order of the moment `at` fills; None when it must wait for a price.

    `known` is a live quote, the open of a bar that has just opened, or a close, which nothing fills at. After the first
    two comes the price of an alert that fired at most 5 s before, is plausible and in the instrument's session.
    """
    if known is not None and known.basis in (PriceBasis.LIVE, PriceBasis.OPEN):
        return known
    if alert is None or not is_in_session or not timedelta(0) <= at - alert.fired_at <= _ALERT_FILLS_FOR:
        return None
    newest = None if known is None else middle_price(known)
    return _build_alert_quote(alert, at=at, sides=None) if is_plausible(alert, known=newest) else None


def middle_price(quote: Quote) -> Decimal | None:
    """Return the mid of a quote's sides, else its last price, else its one side; None when no price is known."""
    if quote.bid is not None and quote.ask is not None:
        return (quote.bid + quote.ask) / 2
    return next((price for price in (quote.last, quote.bid, quote.ask) if price is not None), None)


def _build_alert_quote(alert: AlertPrice, *, at: datetime, sides: Quote | None) -> Quote:
    """Build the quote of an alert's price, with the sides of another quote of the same moment."""
    return Quote(
        at=at,
        bid=None if sides is None else sides.bid,
        ask=None if sides is None else sides.ask,
        last=alert.price,
        quality=Quality.ALERT,
        basis=PriceBasis.ALERT,
        priced_at=alert.fired_at,
    )
