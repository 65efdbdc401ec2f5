"""What a venue allows for one of its instruments, and which orders that makes impossible."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from domain.trade import Intent, Order


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueRules:
    """The steps and limits of one instrument; None where the venue states none.

    `lot` and `tick` are the steps of quantity and price, the least quantity and notional are inclusive; `short_lot` is
    the step of a short where it is another one.
    """

    symbol: str
    lot: Decimal | None
    tick: Decimal | None
    min_quantity: Decimal | None
    min_notional: Decimal | None
    can_short: bool = False
    short_lot: Decimal | None = None


UNKNOWN_SYMBOL = "unknown_symbol"
NO_SHORT = "no_short"
LOT = "lot"
MIN_QUANTITY = "min_quantity"
MIN_NOTIONAL = "min_notional"


def refusal(rules: VenueRules, order: Order) -> str | None:
    """Say why an order can never be taken under these rules, or None."""
    is_short = order.intent is Intent.ENTRY and not order.is_buy
    if is_short and not rules.can_short:
        return NO_SHORT
    lot = rules.short_lot or rules.lot if is_short else rules.lot
    if lot is not None and order.quantity % lot:
        return LOT
    if rules.min_quantity is not None and order.quantity < rules.min_quantity:
        return MIN_QUANTITY
    price = _price(order)
    if rules.min_notional is not None and price is not None and order.quantity * price < rules.min_notional:
        return MIN_NOTIONAL
    return None


def _price(order: Order) -> Decimal | None:
    quote = order.quote
    taken = quote.ask if order.is_buy else quote.bid
    return taken if taken is not None else quote.last
