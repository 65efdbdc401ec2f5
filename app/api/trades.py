"""Routes of trades: the model trades of each engine, and the real ones."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields

from app.api import paging, trace_schemas
from app.api.database_access import api_database
from app.api.fields import OutputSchema, boolean, decimal, enum_value, nested_list, nested_object, text, utc_time, uuid
from app.api.paging import ListOutput, PageInputSchema
from app.api.request_schemas import line_parameter
from app.api.resource import ApiResource
from app.api.responses import json_response, require_found
from db import trades
from db.core.session import Session
from db.queries import traces
from domain.access import Scope
from domain.decision import EngineSlot
from domain.signal import Direction, InstrumentKind
from domain.trade import TradeStatus
from reporting import signal_trace

Document = dict[str, Any]
resource = ApiResource("trades", "Model trades and real trades.")


class TradeQuerySchema(PageInputSchema):
    """Filters of the list of trades."""

    book = line_parameter("Only trades of this book.")
    engine = fields.Enum(EngineSlot, by_value=True, metadata={"description": "Only trades of this engine."})
    is_shadow = fields.Boolean(metadata={"description": "Only model trades, or only real ones."})
    status = fields.Enum(TradeStatus, by_value=True, metadata={"description": "Only trades in this state."})
    symbol = line_parameter("Only trades in this symbol.")


class TradeRowSchema(OutputSchema):
    """A row of the list of trades."""

    trade_id = uuid("Unique id.")
    experiment_id = uuid("Experiment it belongs to.")
    signal_id = uuid("Signal it belongs to.")
    book = text("Book.")
    source = text("Source of its signal.")
    strategy = text("Strategy of its signal.")
    symbol = text("Symbol.")
    exchange = text("Exchange.")
    instrument_kind = enum_value(InstrumentKind, "Kind of instrument.")
    engine = enum_value(EngineSlot, "Engine of the trade.")
    is_shadow = boolean("True for the model trade, false for the real one.")
    status = enum_value(TradeStatus, "Current state.")
    side = enum_value(Direction, "Direction.")
    quantity = decimal("Quantity.")
    entry_at = utc_time("Time of the entry, on the book's clock.")
    time_limit_at = utc_time("Time limit of the trade.")
    evaluated_to = utc_time("Time up to which its exits are evaluated.")
    denial = text("Reason of a denial, as a stable code.", null=True)
    created_at = utc_time("Time it was stored.")


class TradeTraceSchema(OutputSchema):
    """A trade with its orders and outcomes."""

    signal_id = uuid("Signal it belongs to.")
    trade = nested_object(trace_schemas.TradeSchema, "Trade.")
    orders = nested_list(trace_schemas.OrderSchema, "Orders, with fills and state transitions.")
    outcomes = nested_list(trace_schemas.OutcomeSchema, "Outcomes, by exit clock.")


LIST_OUTPUT = ListOutput(name="trades", query=trades.TRADES, item=TradeRowSchema)


@resource.list_route("/trades", needs=Scope.READ, item=TradeRowSchema, query=TradeQuerySchema)
def list_trades(query: Document) -> Any:
    """List trades, newest first."""
    return paging.list_response(LIST_OUTPUT, query)


@resource.detail_route("/trades/<uuid:trade_id>", needs=Scope.READ, answer=TradeTraceSchema)
def show_trade(trade_id: UUID) -> Response:
    """Show a trade with its orders, fills and outcomes."""
    return json_response(
        require_found(api_database().read(lambda session: _load_trade(session, trade_id)), what="trade")
    )


def _load_trade(session: Session, trade_id: UUID) -> Document | None:
    """Return the parts of its signal's trace that belong to a trade; None when there is no such trade."""
    signal_id = traces.find_signal_of_trade(session, trade_id)
    if signal_id is None:
        return None
    trace = signal_trace.build_trace_document(traces.load(session, signal_id))
    (trade,), orders, outcomes = (
        [row for row in trace[table] if row["trade_id"] == str(trade_id)] for table in ("trades", "orders", "outcomes")
    )
    return {"signal_id": str(signal_id), "trade": trade, "orders": orders, "outcomes": outcomes}
