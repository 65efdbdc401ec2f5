"""Pyramids: how many real trades a source holds in one strategy, symbol and side, and how many it may hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.core import states
from db.open_trades import IS_CLOSING
from domain.signal import Signal
from domain.trade import experiment_id_for

PyramidKey = tuple[str, str, str, str, str]  # book, source, strategy, symbol, side

# A trade whose exit is owed does not count: its strategy is out of it.
_LOAD = text(f"""
    SELECT name, pyramiding, held.* FROM sources LEFT JOIN LATERAL (
        SELECT book, strategy, symbol, side, count(DISTINCT experiment_id) AS trades FROM trades
        WHERE trades.source = sources.name AND NOT is_shadow AND status IN {states.UNFINISHED_TRADES}
          AND NOT {IS_CLOSING} AND experiment_id <> ALL(:own) AND (book, source, symbol) IN (
            SELECT * FROM unnest(cast(:books AS text[]), cast(:sources AS text[]), cast(:symbols AS text[])))
          AND NOT EXISTS (
            SELECT FROM exit_results JOIN trades AS model ON exit_results.trade_ids ? model.trade_id::text
            WHERE waits_since IS NOT NULL AND settled_at IS NULL
              AND model.experiment_id = trades.experiment_id AND model.engine = trades.engine)
        GROUP BY book, strategy, symbol, side) AS held ON true
    WHERE name = ANY(:sources)
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pyramids:
    """How many real trades each key holds, and by source how many one key may hold."""

    held: Counter[PyramidKey]
    limits: Mapping[str, int]

    def is_full(self, signal: Signal) -> bool:
        """Return whether the key of a signal holds as many real trades as its source allows."""
        return self.held[key_of(signal)] >= self.limits[signal.source]


def key_of(signal: Signal) -> PyramidKey:
    """Return the key under which the real trades of a signal count."""
    return signal.book, signal.source, signal.strategy, signal.symbol, signal.direction.value


def load(session: Session, signals: Collection[Signal]) -> Pyramids:
    """Count, by key, the experiments with pending or open real trades, without those of the signals themselves."""
    places = sorted({(signal.book, signal.source, signal.symbol) for signal in signals})
    parameters = {
        "own": [experiment_id_for(signal.signal_id) for signal in signals],
        "books": [book for book, _, _ in places],
        "sources": [source for _, source, _ in places],
        "symbols": [symbol for _, _, symbol in places],
    }
    rows = session.execute(_LOAD, parameters).all()
    held = {(row.book, row.name, row.strategy, row.symbol, row.side): row.trades for row in rows if row.trades}
    return Pyramids(held=Counter(held), limits={row.name: row.pyramiding for row in rows})
