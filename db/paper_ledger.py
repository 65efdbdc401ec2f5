"""The ledger of the paper venue on the database: the implementation of the PaperLedger port."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text

from db.core.session import Database
from domain.context import PriceBasis
from domain.ports import OrderReport
from domain.trade import Clock, Fill, Intent, OrderState, QuoteBasis

# Fills that were booked before they had a currency were counted as the currency of their book, which was this one.
_CURRENCY_BEFORE = "USD"


class StoredPaperLedger:
    """Ledger of the paper venue's fills; each call is a transaction of its own, as a call to a real venue would be."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def book(self, reports: Sequence[OrderReport]) -> None:
        """Store the fills of filled orders; an order that is stored already stays as it is."""
        query = text(
            "INSERT INTO paper_ledger (client_order_id, fills) VALUES (:id, cast(:fills AS jsonb))"
            " ON CONFLICT (client_order_id) DO NOTHING"
        )
        rows = [
            {"id": report.order.client_order_id, "fills": json.dumps([_fill_to_json(fill) for fill in report.fills])}
            for report in reports
            if report.state is OrderState.FILLED
        ]
        if rows:
            with self._database.transaction() as session:
                session.execute(query, rows)

    def find(self, client_order_ids: Sequence[str]) -> dict[str, tuple[Fill, ...]]:
        """Return the stored fills, by client_order_id."""
        query = text("SELECT client_order_id, fills FROM paper_ledger WHERE client_order_id = ANY(:ids)")
        with self._database.transaction() as session:
            rows = session.execute(query, {"ids": list(client_order_ids)}).all()
        return {row.client_order_id: tuple(_fill_from_json(fill) for fill in row.fills) for row in rows}


def _fill_to_json(fill: Fill) -> dict[str, Any]:
    return {
        "order_id": str(fill.order_id),
        "trade_id": str(fill.trade_id),
        "clock": fill.clock.value,
        "intent": fill.intent.value,
        "venue": fill.venue,
        "venue_fill_id": fill.venue_fill_id,
        "is_buy": fill.is_buy,
        "quantity": str(fill.quantity),
        "price": str(fill.price),
        "fee": str(fill.fee),
        "at": fill.at.isoformat(),
        "quote_id": str(fill.quote_id),
        "basis": fill.basis.value,
        "price_basis": fill.price_basis.value,
        "fill_model": fill.fill_model,
        "currency": fill.currency,
        "rate": str(fill.rate),
    }


def _fill_from_json(stored: dict[str, Any]) -> Fill:
    return Fill(
        order_id=UUID(stored["order_id"]),
        trade_id=UUID(stored["trade_id"]),
        clock=Clock(stored["clock"]),
        intent=Intent(stored["intent"]),
        venue=stored["venue"],
        venue_fill_id=stored["venue_fill_id"],
        is_buy=stored["is_buy"],
        quantity=Decimal(stored["quantity"]),
        price=Decimal(stored["price"]),
        fee=Decimal(stored["fee"]),
        at=datetime.fromisoformat(stored["at"]),
        quote_id=UUID(stored["quote_id"]),
        basis=QuoteBasis(stored["basis"]),
        price_basis=PriceBasis(stored.get("price_basis", PriceBasis.UNKNOWN.value)),
        fill_model=stored["fill_model"],
        currency=stored.get("currency", _CURRENCY_BEFORE),
        rate=Decimal(stored.get("rate", 1)),
    )
