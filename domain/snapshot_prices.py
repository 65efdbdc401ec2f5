"""The prices that a snapshot shows, and their quality."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from domain import market_prices
from domain.context import MarketView, PriceBasis, Quality
from domain.signal import Signal

_BEST_TO_WORST = (
    Quality.LIVE,
    Quality.REPLAY,
    Quality.ALERT,
    Quality.DELAYED,
    Quality.CROSSED,
    Quality.IMPLAUSIBLE,
    Quality.MISSING,
)


def add_alert_price(view: MarketView, signal: Signal) -> MarketView:
    """Return the view as a snapshot for the signal shows it: with the price of its alert where that comes first.

    A price that is too far from the newest known one is left out, and the view's quality says so.
    """
    alert = market_prices.read_alert_price(signal)
    if alert is None:
        return view
    if not market_prices.is_plausible(alert, known=market_prices.middle_price(view.quote)):
        return replace(view, quality=view.quality | {"alert_price": Quality.IMPLAUSIBLE})
    quote = market_prices.quote_shown(view.quote, alert, at=view.quote.at)
    if quote is view.quote:
        return view
    sides = {name: Quality.MISSING for name in ("bid", "ask") if getattr(quote, name) is None}
    return replace(view, quote=quote, quality=view.quality | sides | {"last": Quality.ALERT})


def drop_crossed_sides(view: MarketView) -> MarketView:
    """Return the view without bid and ask (quality `crossed`) where the ask is below the bid, else unchanged."""
    quote = view.quote
    if quote.bid is None or quote.ask is None or quote.ask >= quote.bid:
        return view
    return replace(
        view,
        quote=replace(quote, bid=None, ask=None, quality=Quality.CROSSED),
        quality=view.quality | {"bid": Quality.CROSSED, "ask": Quality.CROSSED},
    )


def find_current_price(view: MarketView) -> tuple[Decimal | None, Quality]:
    """Return the price that stands for the market, and its quality; None where no price is known."""
    quote, quality = view.quote, view.quality
    if quote.basis is PriceBasis.ALERT:
        return quote.last, Quality.ALERT
    if quote.bid is not None and quote.ask is not None:
        return (quote.bid + quote.ask) / 2, find_worst_quality(get_quality(view, "bid"), get_quality(view, "ask"))
    for name, price in (("last", quote.last), ("bid", quote.bid), ("ask", quote.ask)):
        if price is not None:
            return price, quality.get(name, quote.quality)
    return None, Quality.MISSING


def find_worst_quality(*qualities: Quality) -> Quality:
    """Return the least trustworthy of the qualities; `missing` when there are none."""
    return max(qualities, key=_BEST_TO_WORST.index, default=Quality.MISSING)


def get_quality(view: MarketView, name: str) -> Quality:
    """Return the quality of a field of a view, that of its quote where the view names none."""
    return view.quality.get(name, view.quote.quality)
