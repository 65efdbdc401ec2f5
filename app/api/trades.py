"""Routes of trades: the model trades of each engine, and the real ones."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields
from werkzeug.exceptions import Conflict, NotFound

from app.api import paging, trace_schemas
from app.api.database_access import api_database
from app.api.fields import (
    OutputSchema,
    boolean,
    choice,
    decimal,
    enum_value,
    nested_list,
    nested_object,
    text,
    text_list,
    utc_time,
    uuid,
)
from app.api.paging import ListOutput, PageInputSchema
from app.api.request_schemas import ReasonInputSchema, line_parameter
from app.api.resource import ApiResource
from app.api.responses import audit_context, json_response, require_found
from db import trades
from domain.access import Scope
from domain.decision import EngineSlot
from domain.signal import Direction, InstrumentKind
from domain.trade import TradeStatus
from operations import trades as trade_operations
from operations.trades import TradeNotClosable, TradeUnknown
from reporting import trade_trace

Document = dict[str, Any]
resource = ApiResource("trades", "Model trades and real trades.")


class TradeQuerySchema(PageInputSchema):
    """Filters of the list of trades."""

    book = line_parameter("Only trades of this book.")
    engine = fields.Enum(EngineSlot, by_value=True, metadata={"description": "Only trades of this engine."})
    is_shadow = fields.Boolean(metadata={"description": "Only model trades, or only real ones."})
    status = fields.Enum(TradeStatus, by_value=True, metadata={"description": "Only trades in this state."})
    symbol = line_parameter("Only trades in this symbol.")
    source = line_parameter("Only trades of this source.")
    open = fields.Boolean(metadata={"description": "Only trades that are pending or open, or only others."})


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
    close_requested_at = utc_time("Time at which a person asked to close it.", null=True)
    created_at = utc_time("Time it was stored.")


class TradeTraceSchema(OutputSchema):
    """A trade with its orders and outcomes."""

    signal_id = uuid("Signal it belongs to.")
    trade = nested_object(trace_schemas.TradeSchema, "Trade.")
    orders = nested_list(trace_schemas.OrderSchema, "Orders, with fills and state transitions.")
    outcomes = nested_list(trace_schemas.OutcomeSchema, "Outcomes, by exit clock.")
    open_because = text_list("Why it is still open; empty for a trade that is not.")


class TradeClosingSchema(OutputSchema):
    """The trade that is closed by hand."""

    trade_id = uuid("Unique id.")
    book = text("Book.")
    source = text("Source of its signal.")
    symbol = text("Symbol.")
    side = enum_value(Direction, "Direction.")
    status = choice("closing", "closed", "denied", description="`closing` until the exits worker has closed it.")
    close_requested_at = utc_time("Time at which its closing was asked for first.", null=True)


LIST_OUTPUT = ListOutput(name="trades", query=trades.TRADES, item=TradeRowSchema)


@resource.list_route("/trades", needs=Scope.READ, item=TradeRowSchema, query=TradeQuerySchema)
def list_trades(query: Document) -> Any:
    """List trades, newest first."""
    return paging.list_response(LIST_OUTPUT, query)


@resource.detail_route("/trades/<uuid:trade_id>", needs=Scope.READ, answer=TradeTraceSchema)
def show_trade(trade_id: UUID) -> Response:
    """Show a trade with its orders, fills and outcomes, and why it is still open."""
    return json_response(
        require_found(api_database().read(lambda session: trade_trace.load_document(session, trade_id)), what="trade")
    )


@resource.action_route(
    "/trades/<uuid:trade_id>/close",
    needs=Scope.OPERATE,
    body=ReasonInputSchema,
    answer=TradeClosingSchema,
    errors=(409,),
)
def close_trade(body: Document, *, trade_id: UUID) -> Document:
    """Close a real trade at the present price; one that is closed or closing already stays as it is."""
    audit = audit_context(body["reason"])
    try:
        return api_database().change(lambda session: trade_operations.close(session, trade_id, audit=audit))
    except TradeUnknown as error:
        raise NotFound(str(error)) from None
    except TradeNotClosable as error:
        raise Conflict(str(error)) from None
