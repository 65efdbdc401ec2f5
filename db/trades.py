"""Trades: opened once per (experiment, engine, ledger), moved by their walks, closed by their outcomes."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.core import bulk
from db.core.listing import PageQuery, SortKey
from db.plans import plan_from_json, plan_to_json, walk_from_json, walk_to_json
from db.tables.trades import TradeRow
from domain.decision import EngineSlot
from domain.ports import Exposure
from domain.signal import Direction, Instrument, InstrumentKind, Signal
from domain.trade import Trade, TradeStatus, WalkState

_COLUMNS = """trade_id, experiment_id, book, engine, is_shadow, status, symbol, exchange, instrument_kind, side,
    quantity, lot, plan, entry_at, time_limit_at, walk, evaluated_to, denial"""

# A real trade has as many exits as its engine's own clock made, and as many of them filled as its engine's model trade
# has on the synchronized clock; without exactly one real trade that clock has as many as the own one.
_LAGGING = """
    WITH open_models AS (
        SELECT trade_id, experiment_id, engine FROM trades WHERE is_shadow AND status = 'open' AND {chosen}
    ), reals AS (
        SELECT experiment_id, trade_id, engine, status, count(*) OVER (PARTITION BY experiment_id) AS members
        FROM trades WHERE NOT is_shadow AND status <> 'denied'
          AND experiment_id IN (SELECT experiment_id FROM open_models)
    ), legs AS (
        SELECT model.experiment_id, real.trade_id AS real_id, real.status, real.members,
            count(*) FILTER (WHERE orders.trade_id = model.trade_id AND exit_clock = 'own') AS own,
            count(*) FILTER (WHERE orders.trade_id = model.trade_id AND exit_clock = 'synchronized') AS same,
            count(*) FILTER (WHERE orders.trade_id = real.trade_id AND state IN ('filled', 'denied')) AS made,
            count(*) FILTER (WHERE orders.trade_id = real.trade_id AND state = 'filled') AS filled
        FROM open_models AS model
        LEFT JOIN reals AS real ON real.experiment_id = model.experiment_id AND real.engine = model.engine
        LEFT JOIN orders ON orders.trade_id IN (model.trade_id, real.trade_id) AND intent = 'exit'
        GROUP BY model.experiment_id, model.trade_id, real.trade_id, real.status, real.members
    ), lagging AS (
        SELECT experiment_id FROM legs
        WHERE (real_id IS NOT NULL AND status = 'open' AND (own <> made OR (members = 1 AND filled > same)))
           OR (own > same AND NOT EXISTS (SELECT FROM reals WHERE reals.experiment_id = legs.experiment_id))
    )
    SELECT DISTINCT experiment_id FROM lagging
"""

TRADES = PageQuery(
    select="""
        SELECT t.trade_id, t.experiment_id, experiments.signal_id, t.book, t.source, t.strategy, t.symbol, t.exchange,
               t.instrument_kind, t.engine, t.is_shadow, t.status, t.side, t.quantity, t.entry_at, t.time_limit_at,
               t.evaluated_to, t.denial, t.created_at
        FROM trades AS t JOIN experiments USING (experiment_id)
    """,
    conditions={
        "book": "t.book = :book",
        "engine": "t.engine = :engine",
        "is_shadow": "t.is_shadow = :is_shadow",
        "status": "t.status = :status",
        "symbol": "t.symbol = :symbol",
    },
    order=(
        SortKey(column="created_at", kind=datetime, sql="t.created_at"),
        SortKey(column="trade_id", kind=UUID, sql="t.trade_id"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """What one walk did to one trade: from where (time and exits made), to where, and the memory it left."""

    trade_id: UUID
    from_: datetime
    legs_before: int
    to: datetime
    state: WalkState


def record_opened(session: Session, opened: Sequence[tuple[Signal, Trade]]) -> None:
    """Write the trades that signals open (or are denied); those written before stay."""
    bulk.insert(session, TradeRow, [_row(signal, trade) for signal, trade in opened])


def load_walkable(session: Session, ids: Collection[UUID]) -> list[Trade]:
    """Return the model trades among `ids` whose own clock still runs, in a fixed order."""
    query = text(
        f"SELECT {_COLUMNS} FROM trades WHERE trade_id = ANY(:ids) AND is_shadow AND status = 'open'"
        " AND (walk->>'remaining')::numeric > 0 ORDER BY entry_at, trade_id"
    )
    return [_trade(row) for row in session.execute(query, {"ids": list(ids)})]


def load_experiment_ids(session: Session, ids: Collection[UUID]) -> set[UUID]:
    """Return the experiments these trades belong to."""
    query = text("SELECT DISTINCT experiment_id FROM trades WHERE trade_id = ANY(:ids)")
    return set(session.execute(query, {"ids": list(ids)}).scalars())


def has_open_trades(session: Session, book: str) -> bool:
    """Say whether a book has trades that are not at their end."""
    query = text("SELECT EXISTS (SELECT FROM trades WHERE book = :book AND status IN ('pending', 'open'))")
    return bool(session.execute(query, {"book": book}).scalar_one())


def list_walkable(session: Session, book: str, *, limit: int, after: UUID | None = None) -> list[UUID]:
    """Return up to `limit` ids of a book's model trades whose own clock still runs, by id, after `after`."""
    query = text("""
        SELECT trade_id FROM trades JOIN experiments USING (experiment_id) JOIN signals USING (signal_id)
        WHERE trades.book = :book AND is_shadow AND trades.status = 'open' AND (walk->>'remaining')::numeric > 0
          AND signals.status = 'done' AND trade_id > :after
        ORDER BY trade_id LIMIT :limit
    """)
    return list(session.execute(query, {"book": book, "limit": limit, "after": after or UUID(int=0)}).scalars())


def list_due(session: Session, book: str, *, until: datetime, limit: int, after: UUID | None = None) -> list[UUID]:
    """Return, of what `walkable_in` returns, the trades for whose symbol a bar closed since they were evaluated."""
    query = text("""
        WITH walkable AS MATERIALIZED (
            SELECT trade_id, symbol, evaluated_to, experiment_id FROM trades
            WHERE book = :book AND is_shadow AND status = 'open' AND (walk->>'remaining')::numeric > 0
        ), newest AS MATERIALIZED (
            SELECT symbol, (SELECT max(close_time) FROM bars
                            WHERE book = :book AND bars.symbol = named.symbol AND close_time <= :until) AS closed
            FROM (SELECT DISTINCT symbol FROM walkable) AS named)
        SELECT trade_id FROM walkable JOIN newest USING (symbol)
        JOIN experiments USING (experiment_id) JOIN signals USING (signal_id)
        WHERE evaluated_to < closed AND signals.status = 'done' AND trade_id > :after
        ORDER BY trade_id LIMIT :limit
    """)
    given = {"book": book, "until": until, "limit": limit, "after": after or UUID(int=0)}
    return list(session.execute(query, given).scalars())


def match_closing_signals(session: Session, signal_ids: Collection[UUID]) -> dict[UUID, list[UUID]]:
    """Return, by signal, the open model trades it closes: same book, source, strategy and instrument.

    An exit closes the side it names, an entry the opposite one; only trades entered by the signal's arrival count.
    """
    # Materialized: a planner without statistics would read all signals once per open trade.
    query = text("""
        WITH mine AS MATERIALIZED (SELECT * FROM signals WHERE signal_id = ANY(:ids))
        SELECT signal_id, trade_id FROM mine JOIN trades USING
            (book, source, strategy, symbol, exchange, instrument_kind)
        WHERE is_shadow AND trades.status = 'open' AND entry_at <= received_at
          AND (side = direction) = (action = 'exit')
        ORDER BY mine.seq, entry_at, trade_id
    """)
    found: dict[UUID, list[UUID]] = {}
    for row in session.execute(query, {"ids": list(signal_ids)}):
        found.setdefault(row.signal_id, []).append(row.trade_id)
    return found


def record_walks(session: Session, walks: Sequence[Walk]) -> set[UUID]:
    """Move trades from where a walk started to where it ended; a trade that was moved meanwhile stays.

    Returns:
        The ids that were moved: only their exits may be recorded.
    """
    query = text("""
        UPDATE trades SET evaluated_to = given.ended, walk = given.walk::jsonb
        FROM unnest(cast(:ids AS uuid[]), cast(:started AS timestamptz[]), cast(:ended AS timestamptz[]),
                    cast(:legs AS int[]), cast(:walks AS text[])) AS given(id, started, ended, legs, walk)
        WHERE trade_id = given.id AND evaluated_to = given.started AND status = 'open'
          AND (trades.walk->>'legs')::int = given.legs AND (trades.walk->>'remaining')::numeric > 0
        RETURNING trade_id
    """)
    given = {
        "ids": [one.trade_id for one in walks],
        "started": [one.from_ for one in walks],
        "ended": [one.to for one in walks],
        "legs": [one.legs_before for one in walks],
        "walks": [json.dumps(walk_to_json(one.state)) for one in walks],
    }
    return set(session.execute(query, given).scalars())


def list_lagging(session: Session, *, book: str) -> set[UUID]:
    """Return the experiments of a book whose real trade or siblings lag behind, as after a worker's death."""
    query = text(_LAGGING.format(chosen="book = :book"))
    return set(session.execute(query, {"book": book}).scalars())


def filter_lagging(session: Session, experiment_ids: Collection[UUID]) -> set[UUID]:
    """Return those of some experiments whose real trade or siblings lag behind."""
    query = text(_LAGGING.format(chosen="experiment_id = ANY(:ids)"))
    return set(session.execute(query, {"ids": list(experiment_ids)}).scalars())


def lock_families(session: Session, experiment_ids: Collection[UUID]) -> None:
    """Hold all trades of some experiments until the transaction ends, in the one order everyone takes them in."""
    lock_siblings(session, experiment_ids)


def mark_open(session: Session, trade_ids: Collection[UUID]) -> None:
    """Open pending trades whose entry has filled; a trade has the quantity that filled so far."""
    query = text("""
        UPDATE trades SET status = 'open', quantity = filled.quantity
        FROM (SELECT trade_id, sum(quantity) AS quantity FROM fills
              WHERE trade_id = ANY(:ids) AND intent = 'entry' GROUP BY trade_id) AS filled
        WHERE trades.trade_id = filled.trade_id AND trades.status IN ('pending', 'open')
          AND (trades.status = 'pending' OR trades.quantity <> filled.quantity)
    """)
    session.execute(query, {"ids": list(trade_ids)})


def mark_denied(session: Session, denials: dict[UUID, str]) -> None:
    """Deny pending trades that the venue refused, with the reason."""
    query = text("UPDATE trades SET status = 'denied', denial = :why WHERE trade_id = :id AND status = 'pending'")
    if denials:
        session.execute(query, [{"id": trade_id, "why": why} for trade_id, why in denials.items()])


def lock_counters(session: Session, signals: Collection[Signal]) -> None:
    """Hold the open-trade counters of these signals' symbols until the transaction ends, in a fixed order."""
    query = text(
        "SELECT pg_advisory_xact_lock(hashtextextended('counter:' || key, 0)) FROM unnest(cast(:keys AS text[])) AS key"
    )
    session.execute(query, {"keys": sorted({f"{one.book}:{one.symbol}" for one in signals})})


def count_exposures(
    session: Session, signals: Collection[Signal]
) -> dict[tuple[str, Instrument, EngineSlot, bool], Exposure]:
    """Count open trades by (book, instrument, engine, is_real) for the instruments of these signals."""
    query = text("""
        SELECT book, symbol, exchange, instrument_kind, engine, NOT is_shadow AS is_real, count(*) AS open
        FROM trades WHERE status IN ('pending', 'open') AND (book, symbol) IN
            (SELECT * FROM unnest(cast(:books AS text[]), cast(:symbols AS text[])))
        GROUP BY 1, 2, 3, 4, 5, 6
    """)
    pairs = sorted({(one.book, one.symbol) for one in signals})
    given = {"books": [book for book, _ in pairs], "symbols": [symbol for _, symbol in pairs]}
    return {
        (row.book, _instrument(row), EngineSlot(row.engine), row.is_real): Exposure(open_in_symbol=row.open)
        for row in session.execute(query, given)
    }


def lock_siblings(session: Session, experiment_ids: Collection[UUID]) -> dict[UUID, list[Trade]]:
    """Return and hold all trades of each experiment that were not denied."""
    query = text(
        f"SELECT {_COLUMNS} FROM trades WHERE experiment_id = ANY(:ids) AND status <> 'denied'"
        " ORDER BY experiment_id, engine, is_shadow FOR NO KEY UPDATE"
    )
    found: dict[UUID, list[Trade]] = {}
    for row in session.execute(query, {"ids": list(experiment_ids)}):
        found.setdefault(row.experiment_id, []).append(_trade(row))
    return found


def _row(signal: Signal, trade: Trade) -> dict[str, Any]:
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
    }


def _instrument(row: Any) -> Instrument:
    return Instrument(symbol=row.symbol, exchange=row.exchange, kind=InstrumentKind(row.instrument_kind))


def _trade(row: Any) -> Trade:
    return Trade(
        trade_id=row.trade_id,
        experiment_id=row.experiment_id,
        book=row.book,
        engine=EngineSlot(row.engine),
        is_shadow=row.is_shadow,
        status=TradeStatus(row.status),
        instrument=_instrument(row),
        side=Direction(row.side),
        quantity=row.quantity,
        lot=row.lot,
        plan=plan_from_json(row.plan),
        entry_at=row.entry_at,
        time_limit_at=row.time_limit_at,
        walk=walk_from_json(row.walk),
        evaluated_to=row.evaluated_to,
        denial=row.denial,
    )
