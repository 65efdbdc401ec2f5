"""Pyramids: how many real trades a source holds in one strategy, symbol and side, and how many it may hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.core import states
from db.open_trades import IS_CLOSING
from domain.signal import Signal
from domain.trade import experiment_id_for

PyramidKey = tuple[str, str, str, str, str]  # book, source, strategy, symbol, side

# A trade whose exit is owed does not count: its strategy is out of it.
_COUNT = text(f"""
    SELECT book, source, strategy, symbol, side, count(DISTINCT experiment_id) AS held FROM trades
    WHERE NOT is_shadow AND status IN {states.UNFINISHED_TRADES} AND NOT {IS_CLOSING}
      AND experiment_id <> ALL(:own) AND (book, source, symbol) IN (
        SELECT * FROM unnest(cast(:books AS text[]), cast(:sources AS text[]), cast(:symbols AS text[])))
      AND NOT EXISTS (
        SELECT FROM exit_results JOIN trades AS model ON exit_results.trade_ids ? model.trade_id::text
        WHERE waits_since IS NOT NULL AND settled_at IS NULL
          AND model.experiment_id = trades.experiment_id AND model.engine = trades.engine)
    GROUP BY book, source, strategy, symbol, side
""")


def key_of(signal: Signal) -> PyramidKey:
    """Return the key under which the real trades of a signal count."""
    return signal.book, signal.source, signal.strategy, signal.symbol, signal.direction.value


def count_held(session: Session, signals: Collection[Signal]) -> Counter[PyramidKey]:
    """Count, by key, the experiments with pending or open real trades, without those of the signals themselves."""
    places = sorted({(signal.book, signal.source, signal.symbol) for signal in signals})
    parameters = {
        "own": [experiment_id_for(signal.signal_id) for signal in signals],
        "books": [book for book, _, _ in places],
        "sources": [source for _, source, _ in places],
        "symbols": [symbol for _, _, symbol in places],
    }
    held = Counter[PyramidKey]()
    for row in session.execute(_COUNT, parameters):
        held[row.book, row.source, row.strategy, row.symbol, row.side] = row.held
    return held


def load_limits(session: Session, signals: Collection[Signal]) -> dict[str, int]:
    """Return, by source, how many real trades it may hold in one strategy, symbol and side."""
    query = text("SELECT name, pyramiding FROM sources WHERE name = ANY(:names)")
    names = sorted({signal.source for signal in signals})
    return {row.name: row.pyramiding for row in session.execute(query, {"names": names})}
