"""Parsing of ccxt's orders and trades; amounts come from the exchange's own fields where they are known."""

from __future__ import annotations

import time
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from domain.trade import OrderState
from venues import timestamps
from venues.venue_order import Execution, VenueListing, VenueOrder

_STATES = {
    "open": OrderState.ACCEPTED,
    "canceling": OrderState.ACCEPTED,
    "closed": OrderState.FILLED,
    "canceled": OrderState.CANCELLED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
}


def parse_order(order: Mapping[str, Any], *, listing: VenueListing) -> VenueOrder:
    """Parse an order of ccxt.

    Raises:
        KeyError, ArithmeticError, TypeError: when it cannot be understood.
    """
    raw, state = order["info"], _STATES[order["status"]]
    filled = Decimal(str(raw.get("executedQty", order["filled"]) or 0))
    return VenueOrder(
        venue_order_id=str(order["id"]),
        symbol=str(raw.get("symbol", listing.symbol)),
        is_buy={"buy": True, "sell": False}[order["side"]],
        quantity=Decimal(str(raw.get("origQty", order["amount"]))),
        filled=filled,
        state=OrderState.PARTIAL if state is OrderState.ACCEPTED and filled else state,
        at=timestamps.from_milliseconds(order["timestamp"] or time.time() * 1000),
        executions=_parse_included_fills(raw),
    )


def parse_execution(trade: Mapping[str, Any]) -> Execution:
    """Parse a trade of ccxt."""
    raw, fee = trade["info"], trade.get("fee") or {}
    return Execution(
        trade_id=str(trade["id"]),
        quantity=Decimal(str(raw.get("qty", trade["amount"]))),
        price=Decimal(str(raw.get("price", trade["price"]))),
        fee=Decimal(str(raw.get("commission", fee.get("cost")) or 0)),
        fee_asset=str(raw.get("commissionAsset", fee.get("currency")) or ""),
        at=timestamps.from_milliseconds(trade["timestamp"]),
    )


def _parse_included_fills(raw: Mapping[str, Any]) -> tuple[Execution, ...] | None:
    """Parse the fills that Binance includes in its answer to a new order; None where there are none."""
    if not raw.get("fills") or "transactTime" not in raw:
        return None
    at = timestamps.from_milliseconds(int(raw["transactTime"]))
    return tuple(
        Execution(
            trade_id=str(fill["tradeId"]),
            quantity=Decimal(fill["qty"]),
            price=Decimal(fill["price"]),
            fee=Decimal(fill["commission"]),
            fee_asset=fill["commissionAsset"],
            at=at,
        )
        for fill in raw["fills"]
    )
