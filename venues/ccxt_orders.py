"""Orders and trades as ccxt hands them over, read from the exchange's own text where its form is known."""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from domain.trade import OrderState
from venues import timestamps
from venues.venue_order import Execution, HeldOrder, Listed

_STATES = {
    "open": OrderState.ACCEPTED,
    "canceling": OrderState.ACCEPTED,
    "closed": OrderState.FILLED,
    "canceled": OrderState.CANCELLED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
}


def held(order: Mapping[str, Any], *, listed: Listed) -> HeldOrder:
    """Read an order.

    Raises:
        KeyError, ArithmeticError, TypeError: when it is none that can be understood.
    """
    raw, state = order["info"], _STATES[order["status"]]
    filled = Decimal(str(raw.get("executedQty", order["filled"]) or 0))
    return HeldOrder(
        venue_order_id=str(order["id"]),
        symbol=str(raw.get("symbol", listed.symbol)),
        is_buy={"buy": True, "sell": False}[order["side"]],
        quantity=Decimal(str(raw.get("origQty", order["amount"]))),
        filled=filled,
        state=OrderState.PARTIAL if state is OrderState.ACCEPTED and filled else state,
        at=timestamps.from_milliseconds(order["timestamp"] or time.time() * 1000),
        executions=_told(raw),
    )


def execution(trade: Mapping[str, Any]) -> Execution:
    """Read a trade."""
    raw, fee = trade["info"], trade.get("fee") or {}
    return Execution(
        trade_id=str(trade["id"]),
        quantity=Decimal(str(raw.get("qty", trade["amount"]))),
        price=Decimal(str(raw.get("price", trade["price"]))),
        fee=Decimal(str(raw.get("commission", fee.get("cost")) or 0)),
        fee_asset=str(raw.get("commissionAsset", fee.get("currency")) or ""),
        at=timestamps.from_milliseconds(trade["timestamp"]),
    )


def _told(raw: Mapping[str, Any]) -> tuple[Execution, ...] | None:
    """Read the trades that Binance's full answer to a new order carries; None where there are none."""
    if not raw.get("fills") or "transactTime" not in raw:
        return None
    at = timestamps.from_milliseconds(int(raw["transactTime"]))
    return tuple(
        Execution(
            trade_id=str(one["tradeId"]),
            quantity=Decimal(one["qty"]),
            price=Decimal(one["price"]),
            fee=Decimal(one["commission"]),
            fee_asset=one["commissionAsset"],
            at=at,
        )
        for one in raw["fills"]
    )
