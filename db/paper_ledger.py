"""The paper venue's memory, behind the PaperLedger port."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text

from db.core.session import Database
from domain.ports import OrderReport
from domain.trade import Clock, Fill, Intent, OrderState, QuoteBasis


class StoredPaperLedger:
    """Remembers what the paper venue filled; each call is a transaction of its own, as a venue's would be."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def book(self, reports: Sequence[OrderReport]) -> None:
        """Remember filled orders and their fills; an order that is known already stays as it was."""
        query = text(
            "INSERT INTO paper_ledger (client_order_id, fills) VALUES (:id, cast(:fills AS jsonb))"
            " ON CONFLICT (client_order_id) DO NOTHING"
        )
        rows = [
            {"id": one.order.client_order_id, "fills": json.dumps([_to_json(fill) for fill in one.fills])}
            for one in reports
            if one.state is OrderState.FILLED
        ]
        if rows:
            with self._database.transaction() as session:
                session.execute(query, rows)

    def find(self, client_order_ids: Sequence[str]) -> dict[str, tuple[Fill, ...]]:
        """Return the remembered fills by client_order_id."""
        query = text("SELECT client_order_id, fills FROM paper_ledger WHERE client_order_id = ANY(:ids)")
        with self._database.transaction() as session:
            rows = session.execute(query, {"ids": list(client_order_ids)}).all()
        return {row.client_order_id: tuple(_from_json(one) for one in row.fills) for row in rows}


def _to_json(fill: Fill) -> dict[str, Any]:
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
        "fill_model": fill.fill_model,
    }


def _from_json(stored: dict[str, Any]) -> Fill:
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
        fill_model=stored["fill_model"],
    )
