"""Trades that lag: those that lack an exit or outcome which follows from other trades, found in SQL for the sweep.

A trade lags when `domain.exit_synchronization` says that it owes an exit or an outcome, or will once an order that is
out has been answered: a real trade follows the own clock of its engine's model trade; the synchronized clock of model
trades follows the experiment's one real trade, else their own clock. A property test compares the two on random
families of trades.
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
    """Build the statement that finds experiments with lagging trades; `chosen` is its SQL condition on trades."""
    # Legs are compared and not counted: an exit that flattens has a leg, too, and one below a lot has none.
    return text(f"""
        WITH chosen AS (
            SELECT DISTINCT experiment_id FROM trades WHERE status = 'open' AND {chosen}
        ), members AS (
            SELECT trade_id, experiment_id, engine, is_shadow, status, quantity, lot,
                count(*) FILTER (WHERE NOT is_shadow) OVER (PARTITION BY experiment_id) AS reals
            FROM trades JOIN chosen USING (experiment_id) WHERE status <> 'denied'
        ), exits AS (
            SELECT experiment_id, engine, is_shadow, orders.trade_id, exit_clock, leg, state, fraction, is_final,
                orders.quantity
            FROM members JOIN orders USING (trade_id) WHERE intent = 'exit'
        ), closed AS (
            SELECT trade_id, sum(quantity) AS quantity FROM exits WHERE exit_clock = 'synchronized' GROUP BY trade_id
        ), owed_by_real AS (
            SELECT real.experiment_id FROM members AS real JOIN exits AS own USING (experiment_id, engine)
            WHERE NOT real.is_shadow AND real.status = 'open' AND own.exit_clock = 'own' AND NOT EXISTS (
                SELECT FROM exits AS made WHERE made.trade_id = real.trade_id AND made.leg = own.leg
                  AND made.state IN {states.FINISHED_EXITS})
        ), owed_to_driver AS (
            SELECT model.experiment_id FROM members AS model JOIN exits AS real USING (experiment_id)
            LEFT JOIN closed ON closed.trade_id = model.trade_id
            WHERE model.is_shadow AND model.reals = 1 AND NOT real.is_shadow AND real.state = 'filled'
              AND NOT EXISTS (SELECT FROM exits AS made WHERE made.trade_id = model.trade_id
                              AND made.exit_clock = 'synchronized' AND made.leg = real.leg)
              AND (real.is_final OR div(model.quantity * real.fraction, model.lot) > 0)
              AND model.quantity > coalesce(closed.quantity, 0)
        ), owed_to_own_clock AS (
            SELECT own.experiment_id FROM exits AS own JOIN members USING (trade_id)
            WHERE own.exit_clock = 'own' AND reals <> 1
              AND NOT EXISTS (SELECT FROM exits AS made WHERE made.trade_id = own.trade_id
                              AND made.exit_clock = 'synchronized' AND made.leg = own.leg)
        ), without_outcome AS (
            SELECT members.experiment_id
            FROM members CROSS JOIN (VALUES ('synchronized'), ('own')) AS clocks(clock)
            JOIN fills ON fills.trade_id = members.trade_id AND fills.exit_clock IN ('both', clock)
            WHERE status = 'open' AND (is_shadow OR clock = 'synchronized') AND NOT EXISTS (
                SELECT FROM trade_outcomes WHERE trade_outcomes.trade_id = members.trade_id
                  AND trade_outcomes.exit_clock = clock)
            GROUP BY members.experiment_id, members.trade_id, clock
            HAVING count(*) FILTER (WHERE intent = 'exit') > 0
               AND sum(CASE intent WHEN 'entry' THEN fills.quantity ELSE -fills.quantity END) = 0
        )
        SELECT experiment_id FROM owed_by_real UNION SELECT experiment_id FROM owed_to_driver
        UNION SELECT experiment_id FROM owed_to_own_clock UNION SELECT experiment_id FROM without_outcome
    """)
