"""Families: all trades of an experiment with their exits, fills and outcomes, loaded together."""

from __future__ import annotations

from collections.abc import Collection
from decimal import Decimal
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from db import orders, outcomes, trades
from domain.decision import EngineSlot
from domain.exit_synchronization import Family
from domain.trade import Trade

T = TypeVar("T")


def load(session: Session, experiment_ids: Collection[UUID]) -> list[Family]:
    """Return the families of experiments that have trades, and lock their trades until the transaction ends."""
    trades_of = trades.load_and_lock_trades(session, experiment_ids)
    trade_ids = [trade.trade_id for members in trades_of.values() for trade in members]
    placed, fills = orders.load_exits(session, trade_ids), orders.load_fills(session, trade_ids)
    finished = outcomes.load_finished_clocks(session, trade_ids)
    entering = orders.load_trades_with_open_entry(session, trade_ids)
    return [
        Family(
            experiment_id=row.experiment_id,
            reference_notional=row.reference_notional,
            shares={EngineSlot(slot): Decimal(share) for slot, share in row.allocations.items()},
            trades=tuple(trades_of[row.experiment_id]),
            exits=_collect(placed, trades_of[row.experiment_id]),
            fills=_collect(fills, trades_of[row.experiment_id]),
            outcomes_done=frozenset(finished),
            entering=frozenset(entering & {trade.trade_id for trade in trades_of[row.experiment_id]}),
        )
        for row in _load_terms(session, list(trades_of))
    ]


def _load_terms(session: Session, experiment_ids: list[UUID]) -> list[Any]:
    """Return the reference notional and the allocations of each experiment, in order of id."""
    query = text("""
        SELECT experiment_id, reference_notional, allocations
        FROM experiments JOIN execution_policies USING (experiment_id) WHERE experiment_id = ANY(:ids)
        ORDER BY experiment_id
    """)
    return list(session.execute(query, {"ids": experiment_ids}))


def _collect(items_of: dict[UUID, list[T]], members: list[Trade]) -> tuple[T, ...]:
    """Return the items of all trades of a family, in order of the trades."""
    return tuple(item for trade in members for item in items_of.get(trade.trade_id, ()))
