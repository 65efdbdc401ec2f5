"""Trades that lag behind the exits they have to follow, found in SQL for the sweep.

The rule is that of `domain.exit_synchronization`; a property test compares the two on random families of trades.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.orm import Session

from db.core import states


def list_in_book(session: Session, book: str) -> set[UUID]:
    """Return the experiments of a book that have lagging trades, as after a worker's death."""
    return set(session.execute(_select_lagging("book = :book"), {"book": book}).scalars())


def filter_experiments(session: Session, experiment_ids: Collection[UUID]) -> set[UUID]:
    """Return those of the experiments that have lagging trades."""
    query = _select_lagging("experiment_id = ANY(:ids)")
    return set(session.execute(query, {"ids": list(experiment_ids)}).scalars())


def _select_lagging(chosen: str) -> TextClause:
    """Return the statement that finds lagging experiments among the open model trades that meet a condition."""
    # A real trade has as many exits as its engine's own clock made, and as many of them filled as its engine's model
    # trade has on the synchronized clock; without exactly one real trade that clock has as many as the own one.
    return text(f"""
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
                count(*) FILTER (WHERE orders.trade_id = real.trade_id AND state IN {states.FINISHED_EXITS}) AS made,
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
    """)
