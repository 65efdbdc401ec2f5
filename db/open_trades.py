"""Open trades that alerts may close: those of an alert's own key, and all of its source in a symbol like its own."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.core import states
from db.trade_rows import build_instrument
from domain.decision import EngineSlot
from domain.exit_matching import OpenTrade, TradeKey
from domain.intervals import Interval
from domain.signal import Direction
from domain.stated_times import StatedTime

# Materialized: a planner without statistics would read all signals once per open trade.
_MINE = "WITH mine AS MATERIALIZED (SELECT * FROM signals WHERE signal_id = ANY(:ids))"
_HAS_FINAL_EXIT = f"""EXISTS (SELECT FROM orders WHERE orders.trade_id = trades.trade_id AND orders.intent = 'exit'
    AND orders.is_final AND orders.state IN {states.OPEN_ORDERS})"""
_MODEL_IS_CLOSED = """EXISTS (SELECT FROM trades AS model WHERE model.experiment_id = trades.experiment_id
    AND model.engine = trades.engine AND model.is_shadow AND (model.walk->>'remaining')::numeric = 0)"""
# A real trade is closing when its model trade is closed on its own clock, or when the exit of all of it is on its way.
IS_CLOSING = (
    f"(NOT trades.is_shadow AND (trades.close_requested_at IS NOT NULL OR {_MODEL_IS_CLOSED} OR {_HAS_FINAL_EXIT}))"
)
_COLUMNS = f"""
    mine.signal_id, trades.trade_id, trades.experiment_id, trades.engine, trades.is_shadow, trades.strategy,
    trades.symbol, trades.exchange, trades.instrument_kind, trades.side,
    entry.event_at, entry.timestamp, entry.timeframe, entry.received_at,
    trades.is_shadow AND (trades.walk->>'remaining')::numeric > 0 AS can_close, {IS_CLOSING} AS is_closing,
    (entry.received_at, entry.seq) > (mine.received_at, mine.seq) AS came_later
"""
_ENTRIES = """
    JOIN experiments ON experiments.experiment_id = trades.experiment_id
    JOIN signals AS entry ON entry.signal_id = experiments.signal_id
"""
# Symbols that mean the same begin with the same character; the rest is compared by the domain.
_OF_SOURCE = text(f"""
    {_MINE} SELECT {_COLUMNS} FROM mine JOIN trades USING (book, source) {_ENTRIES}
    WHERE trades.status IN {states.UNFINISHED_TRADES} AND left(trades.symbol, 1) = left(mine.symbol, 1)
    ORDER BY mine.seq, trades.entry_at, trades.trade_id
""")
# An entry closes trades of its own key; of other keys only real ones of the very symbol are worth a look.
_OPPOSITE = text(f"""
    {_MINE} SELECT {_COLUMNS} FROM mine JOIN trades USING (book, source, symbol) {_ENTRIES}
    WHERE trades.status IN {states.UNFINISHED_TRADES} AND trades.side <> mine.direction
      AND (NOT trades.is_shadow OR (trades.strategy, trades.exchange, trades.instrument_kind)
        = (mine.strategy, mine.exchange, mine.instrument_kind))
    ORDER BY mine.seq, trades.entry_at, trades.trade_id
""")


def load_of_source(session: Session, signal_ids: Collection[UUID]) -> dict[UUID, list[OpenTrade]]:
    """Return, by exit, all open trades of its source in symbols like its own."""
    return _load(session, _OF_SOURCE, signal_ids)


def load_opposite(session: Session, signal_ids: Collection[UUID]) -> dict[UUID, list[OpenTrade]]:
    """Return, by entry, the open trades of the opposite side: those of its own key, and real ones of its symbol."""
    return _load(session, _OPPOSITE, signal_ids)


def _load(session: Session, query: Any, signal_ids: Collection[UUID]) -> dict[UUID, list[OpenTrade]]:
    loaded: dict[UUID, list[OpenTrade]] = {}
    if signal_ids:
        for row in session.execute(query, {"ids": list(signal_ids)}):
            loaded.setdefault(row.signal_id, []).append(_build_open_trade(row))
    return loaded


def _build_open_trade(row: Any) -> OpenTrade:
    return OpenTrade(
        trade_id=row.trade_id,
        experiment_id=row.experiment_id,
        engine=EngineSlot(row.engine),
        is_shadow=row.is_shadow,
        key=TradeKey(strategy=row.strategy, instrument=build_instrument(row)),
        side=Direction(row.side),
        entry=build_stated_time(row),
        can_close=row.can_close,
        is_closing=row.is_closing,
        came_later=row.came_later,
    )


def build_stated_time(row: Any, *, prefix: str = "") -> StatedTime:
    """Return the time that a signal states, of a row with event_at, timestamp, timeframe and received_at.

    `prefix` stands before the names of the columns.
    """
    fired_at, bar_at, timeframe, arrived_at = (
        getattr(row, f"{prefix}{name}") for name in ("event_at", "timestamp", "timeframe", "received_at")
    )
    return StatedTime(
        fired_at=fired_at,
        # An alert that names no bar is stored with its firing time in both columns.
        bar_at=None if bar_at == fired_at else bar_at,
        timeframe=Interval.parse(timeframe) if timeframe else None,
        arrived_at=arrived_at,
    )
