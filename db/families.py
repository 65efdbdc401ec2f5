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
    """Return the families of experiments that have trades, and hold their trades until the transaction ends."""
    members = trades.lock_siblings(session, experiment_ids)
    trade_ids = [one.trade_id for family in members.values() for one in family]
    placed, fills = orders.load_exits(session, trade_ids), orders.load_fills(session, trade_ids)
    done, entering = (
        outcomes.load_finished_clocks(session, trade_ids),
        orders.load_trades_with_open_entry(session, trade_ids),
    )
    return [
        Family(
            experiment_id=row.experiment_id,
            reference_notional=row.reference_notional,
            shares={EngineSlot(slot): Decimal(share) for slot, share in row.allocations.items()},
            trades=tuple(members[row.experiment_id]),
            exits=_of(placed, members[row.experiment_id]),
            fills=_of(fills, members[row.experiment_id]),
            outcomes_done=frozenset(done),
            entering=frozenset(entering & {one.trade_id for one in members[row.experiment_id]}),
        )
        for row in _terms(session, list(members))
    ]


def _terms(session: Session, experiment_ids: list[UUID]) -> list[Any]:
    query = text("""
        SELECT experiment_id, reference_notional, allocations
        FROM experiments JOIN execution_policies USING (experiment_id) WHERE experiment_id = ANY(:ids)
        ORDER BY experiment_id
    """)
    return list(session.execute(query, {"ids": experiment_ids}))


def _of(found: dict[UUID, list[T]], members: list[Trade]) -> tuple[T, ...]:
    return tuple(one for trade in members for one in found.get(trade.trade_id, ()))
