"""The order that enters a trade, and when the evaluation of the trade's exits begins."""

from __future__ import annotations

from decimal import Decimal

from domain import fills
from domain.context import PriceBasis, Quote
from domain.money import Conversion
from domain.signal import Direction
from domain.trade import (
    ENTRY_LEG,
    FIRST_ATTEMPT,
    Clock,
    Intent,
    Order,
    Pricing,
    RealVenue,
    Trade,
    client_order_id_for,
    order_id_for,
)

ENTRY_REASON = "entry"
_WHOLE = Decimal(1)


def build_entry_order(trade: Trade, quote: Quote, *, venue: RealVenue) -> Order:
    """Build the order that enters a trade on a quote; the same trade gives the same ids."""
    client_order_id = client_order_id_for(
        book=trade.book,
        account=venue.account,
        trade_id=trade.trade_id,
        intent=Intent.ENTRY,
        clock=Clock.BOTH,
        leg=ENTRY_LEG,
        attempt=FIRST_ATTEMPT,
    )
    return Order(
        order_id=order_id_for(trade.trade_id, client_order_id),
        client_order_id=client_order_id,
        book=trade.book,
        trade_id=trade.trade_id,
        intent=Intent.ENTRY,
        clock=Clock.BOTH,
        leg=ENTRY_LEG,
        attempt=FIRST_ATTEMPT,
        is_buy=trade.side is Direction.LONG,
        quantity=trade.quantity,
        fraction=_WHOLE,
        pricing=Pricing.MARKET,
        reason=ENTRY_REASON,
        venue=venue.name,
        account=venue.account,
        quote=fills.build_trade_quote(
            trade.book,
            trade.instrument,
            at=trade.entry_at,
            bid=quote.bid,
            ask=quote.ask,
            last=quote.last,
            basis=quote.basis or PriceBasis.UNKNOWN,
            rate=trade.money.rate if trade.money.conversion is Conversion.STORED else None,
        ),
        is_final=False,
        money=trade.money,
    )
