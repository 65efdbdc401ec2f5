"""Builders of orders for the simulated venue, each with its own client order id, and of send windows."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import uuid4

from domain.context import PriceBasis
from domain.fills import build_trade_quote
from domain.money import Conversion, Denomination
from domain.ports import SendWindow
from domain.signal import Instrument, InstrumentKind
from domain.trade import Clock, Intent, Order, Pricing, client_order_id_for, order_id_for

OPEN = PriceBasis.OPEN

BTC = Instrument(symbol="BTCUSDT", exchange="BINANCE", kind=InstrumentKind.SPOT)
STOCK = Instrument(symbol="AAPL", exchange="NASDAQ", kind=InstrumentKind.STOCK)
COIN_AT_ALPACA = Instrument(symbol="BTCUSD", exchange="", kind=InstrumentKind.SPOT)


def a_live_order(
    instrument: Instrument = BTC,
    *,
    quantity: str = "0.5",
    is_buy: bool = True,
    intent: Intent = Intent.ENTRY,
    venue: str = "binance",
    price: str = "60000",
) -> Order:
    """Make a market order of a new trade, quoted now."""
    trade_id, now = uuid4(), datetime.now(UTC)
    clock, leg = (Clock.BOTH, 0) if intent is Intent.ENTRY else (Clock.SYNCHRONIZED, 1)
    client_order_id = client_order_id_for(
        book="live", account="", trade_id=trade_id, intent=intent, clock=clock, leg=leg, attempt=1
    )
    quote = build_trade_quote(
        "live", instrument, at=now, bid=Decimal(price), ask=Decimal(price), last=None, basis=PriceBasis.OPEN
    )
    return Order(
        order_id=order_id_for(trade_id, client_order_id),
        client_order_id=client_order_id,
        book="live",
        trade_id=trade_id,
        intent=intent,
        clock=clock,
        leg=leg,
        attempt=1,
        is_buy=is_buy,
        quantity=Decimal(quantity),
        fraction=Decimal(1),
        pricing=Pricing.MARKET,
        reason="entry",
        venue=venue,
        quote=quote,
        is_final=False,
        money=Denomination(currency="USDT", multiplier=Decimal(1), conversion=Conversion.SAME, rate=Decimal(1)),
    )


def a_window(seconds: float = 5.0, *, opened_at: datetime | None = None) -> SendWindow:
    """Make a send window that opens now and lasts some seconds."""
    opened_at = opened_at or datetime.now(UTC)
    return SendWindow(
        opened_at=opened_at, not_after=opened_at + timedelta(seconds=seconds), deadline=time.monotonic() + seconds
    )
