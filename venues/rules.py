"""A venue's trading rules for an instrument, and the check of an order against them."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from domain.trade import Intent, Order


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueRules:
    """Quantity and price steps and limits of one instrument; None where the venue states none.

    `lot` and `tick` are the steps of quantity and price, `min_quantity` and `min_notional` are inclusive; `short_lot`
    is the quantity step of a short sale where it differs, `calendar` the name of the trading calendar.
    """

    symbol: str
    lot: Decimal | None
    tick: Decimal | None
    min_quantity: Decimal | None
    min_notional: Decimal | None
    can_short: bool = False
    short_lot: Decimal | None = None
    calendar: str | None = None


UNKNOWN_SYMBOL = "unknown_symbol"
NO_SHORT = "no_short"
LOT = "lot"
MIN_QUANTITY = "min_quantity"
MIN_NOTIONAL = "min_notional"


def find_refusal(rules: VenueRules, order: Order) -> str | None:
    """Return the rule that an order violates, so that the venue can never take it; None when there is none."""
    is_short = order.intent is Intent.ENTRY and not order.is_buy
    if is_short and not rules.can_short:
        return NO_SHORT
    lot = rules.short_lot or rules.lot if is_short else rules.lot
    if lot is not None and order.quantity % lot:
        return LOT
    if rules.min_quantity is not None and order.quantity < rules.min_quantity:
        return MIN_QUANTITY
    price = _expected_price(order)
    if rules.min_notional is not None and price is not None and order.quantity * price < rules.min_notional:
        return MIN_NOTIONAL
    return None


def _expected_price(order: Order) -> Decimal | None:
    """Return the price at which an order would trade now: ask or bid, else the last price."""
    quote = order.quote
    price = quote.ask if order.is_buy else quote.bid
    return price if price is not None else quote.last
