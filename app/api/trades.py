"""Trades: the model trade of each engine that entered, and the real ones."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import Response
from marshmallow import fields

from app.api import paging, trace_schemas
from app.api.fields import OutputSchema, boolean, decimal, enum_value, nested, nested_list, text, utc_time, uuid
from app.api.paging import PageInputSchema, Shown
from app.api.reach import here
from app.api.request_schemas import line
from app.api.resource import Noun
from app.api.responses import as_is, found
from db import trades
from db.core.session import Session
from db.queries import traces
from domain.access import Scope
from domain.decision import EngineSlot
from domain.signal import Direction, InstrumentKind
from domain.trade import TradeStatus
from reporting import signal_trace

Document = dict[str, Any]
noun = Noun("trades", "Model trades and real trades.")


class TradeQuerySchema(PageInputSchema):
    """Which trades are listed."""

    book = line("Only trades of this book.")
    engine = fields.Enum(EngineSlot, by_value=True, metadata={"description": "Only trades of this engine."})
    is_shadow = fields.Boolean(metadata={"description": "Only model trades, or only real ones."})
    status = fields.Enum(TradeStatus, by_value=True, metadata={"description": "Only trades in this state."})
    symbol = line("Only trades in this symbol.")


class TradeRowSchema(OutputSchema):
    """A trade as it is listed."""

    trade_id = uuid("Its id.")
    experiment_id = uuid("Its experiment.")
    signal_id = uuid("Its signal.")
    book = text("Its book.")
    source = text("The source of its signal.")
    strategy = text("The strategy of its signal.")
    symbol = text("The symbol.")
    exchange = text("The exchange.")
    instrument_kind = enum_value(InstrumentKind, "What kind of instrument.")
    engine = enum_value(EngineSlot, "Whose trade.")
    is_shadow = boolean("Whether it is the model trade.")
    status = enum_value(TradeStatus, "Where it stands.")
    side = enum_value(Direction, "Which way.")
    quantity = decimal("How much.")
    entry_at = utc_time("When it was opened, on its book's clock.")
    time_limit_at = utc_time("When it ends at the latest.")
    evaluated_to = utc_time("Up to when its exits are evaluated.")
    denial = text("Why it was denied, as a stable code.", null=True)
    created_at = utc_time("When it was stored.")


class TradeTraceSchema(OutputSchema):
    """A trade with its orders and outcomes."""

    signal_id = uuid("Its signal.")
    trade = nested(trace_schemas.TradeSchema, "The trade.")
    orders = nested_list(trace_schemas.OrderSchema, "Its orders, with fills and moves.")
    outcomes = nested_list(trace_schemas.OutcomeSchema, "How it ended, by exit clock.")


SHOWN = Shown(name="trades", of=trades.TRADES, item=TradeRowSchema)


@noun.lists("/trades", needs=Scope.READ, item=TradeRowSchema, query=TradeQuerySchema)
def list_trades(query: Document) -> Any:
    """List trades, newest first."""
    return paging.answer(SHOWN, query)


@noun.shows("/trades/<uuid:trade_id>", needs=Scope.READ, answer=TradeTraceSchema)
def show_trade(trade_id: UUID) -> Response:
    """Show a trade with its orders, fills and outcomes."""
    return as_is(found(here().read(lambda session: _traced(session, trade_id)), what="trade"))


def _traced(session: Session, trade_id: UUID) -> Document | None:
    signal_id = traces.find_signal_of_trade(session, trade_id)
    if signal_id is None:
        return None
    told = signal_trace.build_trace_document(traces.load(session, signal_id))
    (trade,), orders, outcomes = (
        [one for one in told[table] if one["trade_id"] == str(trade_id)] for table in ("trades", "orders", "outcomes")
    )
    return {"signal_id": str(signal_id), "trade": trade, "orders": orders, "outcomes": outcomes}
