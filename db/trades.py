"""Trades: opened once per (experiment, engine, ledger), moved by their walks, closed by their outcomes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.core import bulk, states
from db.core.listing import PageQuery, SortKey
from db.tables.trades import TradeRow
from db.trade_rows import TRADE_COLUMNS, build_row, build_trade
from domain.decision import EngineSlot
from domain.ports import Exposure
from domain.signal import Signal
from domain.trade import Trade

TRADES = PageQuery(
    select="""
        SELECT t.trade_id, t.experiment_id, experiments.signal_id, t.book, t.source, t.strategy, t.symbol, t.exchange,
               t.instrument_kind, t.engine, t.is_shadow, t.status, t.side, t.quantity, t.entry_at, t.time_limit_at,
               t.evaluated_to, t.denial, t.close_requested_at, t.created_at
        FROM trades AS t JOIN experiments USING (experiment_id)
    """,
    conditions={
        "book": "t.book = :book",
        "engine": "t.engine = :engine",
        "is_shadow": "t.is_shadow = :is_shadow",
        "status": "t.status = :status",
        "symbol": "t.symbol = :symbol",
        "source": "t.source = :source",
        "open": f"(t.status IN {states.UNFINISHED_TRADES}) = :open",
    },
    order=(
        SortKey(column="created_at", kind=datetime, sql="t.created_at"),
        SortKey(column="trade_id", kind=UUID, sql="t.trade_id"),
    ),
)


def record_opened(session: Session, opened: Sequence[tuple[Signal, Trade]]) -> None:
    """Write trades with the signals that opened them; a trade that was written before stays."""
    bulk.insert(session, TradeRow, [build_row(signal, trade) for signal, trade in opened])


def load_experiment_ids(session: Session, ids: Collection[UUID]) -> set[UUID]:
    """Return the experiments these trades belong to."""
    query = text("SELECT DISTINCT experiment_id FROM trades WHERE trade_id = ANY(:ids)")
    return set(session.execute(query, {"ids": list(ids)}).scalars())


def has_open_trades(session: Session, book: str) -> bool:
    """Return whether a book has trades that are pending or open."""
    query = text(f"SELECT EXISTS (SELECT FROM trades WHERE book = :book AND status IN {states.UNFINISHED_TRADES})")
    return bool(session.execute(query, {"book": book}).scalar_one())


def lock_families(session: Session, experiment_ids: Collection[UUID]) -> None:
    """Lock all trades of the experiments until the transaction ends, in a fixed order that avoids deadlocks."""
    load_and_lock_trades(session, experiment_ids)


def mark_open(session: Session, trade_ids: Collection[UUID]) -> None:
    """Open the pending trades whose entry has filled, and give each the quantity that has filled so far."""
    query = text(f"""
        UPDATE trades SET status = 'open', quantity = filled.quantity
        FROM (SELECT trade_id, sum(quantity) AS quantity FROM fills
              WHERE trade_id = ANY(:ids) AND intent = 'entry' GROUP BY trade_id) AS filled
        WHERE trades.trade_id = filled.trade_id AND trades.status IN {states.UNFINISHED_TRADES}
          AND (trades.status = 'pending' OR trades.quantity <> filled.quantity)
    """)
    session.execute(query, {"ids": list(trade_ids)})


def mark_denied(session: Session, denials: Mapping[UUID, str]) -> None:
    """Mark pending trades as denied, each with its reason."""
    query = text("UPDATE trades SET status = 'denied', denial = :why WHERE trade_id = :id AND status = 'pending'")
    if denials:
        session.execute(query, [{"id": trade_id, "why": why} for trade_id, why in denials.items()])


def lock_counters(session: Session, signals: Collection[Signal]) -> None:
    """Lock the open-trade counters of these signals' symbols until the transaction ends, in a fixed order."""
    lock_symbols(session, {(signal.book, signal.symbol) for signal in signals})


def lock_symbols(session: Session, symbols: Collection[tuple[str, str]]) -> None:
    """Lock the open-trade counters of (book, symbol) pairs until the transaction ends, in a fixed order."""
    query = text(
        "SELECT pg_advisory_xact_lock(hashtextextended('counter:' || key, 0)) FROM unnest(cast(:keys AS text[])) AS key"
    )
    session.execute(query, {"keys": sorted(f"{book}:{symbol}" for book, symbol in symbols)})


def count_other_open(session: Session, trade: Trade) -> Exposure:
    """Count the open trades of a trade's book, symbol, engine and ledger, the open or pending trade itself left out."""
    pair = (trade.book, trade.instrument.symbol)
    counted = _count_open(session, {pair})[*pair, trade.engine, not trade.is_shadow]
    return Exposure(open_in_symbol=counted.open_in_symbol - 1)


def count_exposures(session: Session, signals: Collection[Signal]) -> dict[tuple[str, str, EngineSlot, bool], Exposure]:
    """Count open trades by (book, symbol, engine, is_real) for the symbols of these signals.

    An instrument under two labels, such as BINANCE:BTCUSDT and BTCUSDT, is one exposure. A trade is open as long as it
    is on the exit clock that its study compares: a real one on the synchronized clock, since it has no other.
    """
    return _count_open(session, {(signal.book, signal.symbol) for signal in signals})


def _count_open(
    session: Session, symbols: Collection[tuple[str, str]]
) -> dict[tuple[str, str, EngineSlot, bool], Exposure]:
    """Count the open trades of (book, symbol) pairs."""
    query = text(f"""
        SELECT trades.book, symbol, engine, NOT is_shadow AS is_real, count(*) AS open
        FROM trades JOIN experiments USING (experiment_id) JOIN studies USING (study_id)
        WHERE trades.status IN {states.UNFINISHED_TRADES} AND (trades.book, symbol) IN
                (SELECT * FROM unnest(cast(:books AS text[]), cast(:symbols AS text[])))
          AND NOT EXISTS (SELECT FROM trade_outcomes AS o WHERE o.trade_id = trades.trade_id
                AND o.exit_clock = CASE WHEN is_shadow THEN studies.exit_clock ELSE 'synchronized' END)
        GROUP BY 1, 2, 3, 4
    """)
    pairs = sorted(symbols)
    parameters = {"books": [book for book, _ in pairs], "symbols": [symbol for _, symbol in pairs]}
    return {
        (row.book, row.symbol, EngineSlot(row.engine), row.is_real): Exposure(open_in_symbol=row.open)
        for row in session.execute(query, parameters)
    }


def load_and_lock_trades(session: Session, experiment_ids: Collection[UUID]) -> dict[UUID, list[Trade]]:
    """Return the trades of each experiment that were not denied, locked until the transaction ends."""
    query = text(
        f"SELECT {TRADE_COLUMNS} FROM trades WHERE experiment_id = ANY(:ids) AND status <> 'denied'"
        " ORDER BY experiment_id, engine, is_shadow FOR NO KEY UPDATE"
    )
    families: dict[UUID, list[Trade]] = {}
    for row in session.execute(query, {"ids": list(experiment_ids)}):
        families.setdefault(row.experiment_id, []).append(build_trade(row))
    return families
