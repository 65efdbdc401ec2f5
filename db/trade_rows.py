"""Rows of the table `trades`: how a trade is written, and the trade that a stored row stands for."""

from __future__ import annotations

from typing import Any

from db.plans import plan_from_json, plan_to_json, walk_from_json, walk_to_json
from domain.decision import EngineSlot
from domain.money import Conversion, Denomination
from domain.signal import Direction, Instrument, InstrumentKind, Signal
from domain.trade import Trade, TradeStatus

# What `build_trade` needs of a row.
TRADE_COLUMNS = """trade_id, experiment_id, book, engine, is_shadow, status, symbol, exchange, instrument_kind, side,
    quantity, lot, plan, entry_at, time_limit_at, walk, evaluated_to, denial, currency, multiplier,
    conversion, rate, fill_by"""


def build_row(signal: Signal, trade: Trade) -> dict[str, Any]:
    """Return the row of a trade that a signal opened."""
    return {
        "trade_id": trade.trade_id,
        "experiment_id": trade.experiment_id,
        "book": trade.book,
        "source": signal.source,
        "strategy": signal.strategy,
        "symbol": trade.instrument.symbol,
        "exchange": trade.instrument.exchange,
        "instrument_kind": trade.instrument.kind.value,
        "engine": trade.engine.value,
        "is_shadow": trade.is_shadow,
        "status": trade.status.value,
        "side": trade.side.value,
        "quantity": trade.quantity,
        "lot": trade.lot,
        "plan": plan_to_json(trade.plan),
        "entry_at": trade.entry_at,
        "time_limit_at": trade.time_limit_at,
        "walk": walk_to_json(trade.walk),
        "evaluated_to": trade.evaluated_to,
        "denial": trade.denial,
        "currency": trade.money.currency,
        "multiplier": trade.money.multiplier,
        "conversion": trade.money.conversion.value,
        "rate": trade.money.rate,
        "fill_by": trade.fill_by,
    }


def build_trade(row: Any) -> Trade:
    """Return the trade of a row with TRADE_COLUMNS."""
    return Trade(
        trade_id=row.trade_id,
        experiment_id=row.experiment_id,
        book=row.book,
        engine=EngineSlot(row.engine),
        is_shadow=row.is_shadow,
        status=TradeStatus(row.status),
        instrument=build_instrument(row),
        side=Direction(row.side),
        quantity=row.quantity,
        lot=row.lot,
        plan=plan_from_json(row.plan),
        entry_at=row.entry_at,
        time_limit_at=row.time_limit_at,
        walk=walk_from_json(row.walk),
        evaluated_to=row.evaluated_to,
        denial=row.denial,
        money=build_denomination(row),
        fill_by=row.fill_by,
    )


def build_denomination(row: Any) -> Denomination:
    """Return what the trade of a row is counted in."""
    return Denomination(
        currency=row.currency, multiplier=row.multiplier, conversion=Conversion(row.conversion), rate=row.rate
    )


def build_instrument(row: Any) -> Instrument:
    """Return the instrument that a row's symbol, exchange and kind name."""
    return Instrument(symbol=row.symbol, exchange=row.exchange, kind=InstrumentKind(row.instrument_kind))
