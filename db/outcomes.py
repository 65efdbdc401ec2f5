"""Outcomes: the results of trades on each exit clock; a trade that has them on all its clocks is closed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.core import bulk
from db.tables.trades import TradeOutcomeRow
from domain.decision import EngineSlot
from domain.study import ExitClock
from domain.trade import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class NoTrade:
    """Side of an experiment that did not trade, and the code of the reason."""

    experiment_id: UUID
    engine: EngineSlot
    trade_id: UUID | None
    reason: str


def record(session: Session, outcomes: Sequence[Outcome]) -> None:
    """Insert outcomes, and close the trades that have one on each of their clocks; a clock's first outcome stays."""
    if not outcomes:
        return
    bulk.insert(session, TradeOutcomeRow, [_build_row(outcome) for outcome in outcomes])
    _close_finished(session, {outcome.trade_id for outcome in outcomes})


def record_zeros(session: Session, sides: Iterable[NoTrade]) -> None:
    """Insert the result 0, on both clocks, of sides that did not trade."""
    rows = [_build_zero_row(side, clock) for side in sides for clock in ExitClock]
    bulk.insert(session, TradeOutcomeRow, rows)


def load_sides_without_trade(session: Session, experiment_ids: Collection[UUID]) -> list[NoTrade]:
    """Return the sides of experiments that do not trade: their engine did not enter, or its model trade was denied."""
    query = text("""
        SELECT experiment_id, decisions.engine, trade_id, denial, decisions.action
        FROM decisions LEFT JOIN trades USING (experiment_id, engine)
        WHERE experiment_id = ANY(:ids) AND (trade_id IS NULL OR is_shadow)
          AND (decisions.action <> 'ENTER' OR trades.status = 'denied')
        ORDER BY experiment_id, decisions.engine
    """)
    return [
        NoTrade(
            experiment_id=row.experiment_id,
            engine=EngineSlot(row.engine),
            trade_id=row.trade_id,
            reason=row.denial or f"no_trade_{row.action.lower()}",
        )
        for row in session.execute(query, {"ids": list(experiment_ids)})
    ]


def load_finished_clocks(session: Session, trade_ids: Collection[UUID]) -> set[tuple[UUID, ExitClock]]:
    """Return the (trade id, clock) pairs that have an outcome."""
    query = text("SELECT trade_id, exit_clock FROM trade_outcomes WHERE trade_id = ANY(:ids)")
    return {(row.trade_id, ExitClock(row.exit_clock)) for row in session.execute(query, {"ids": list(trade_ids)})}


def _close_finished(session: Session, trade_ids: Collection[UUID]) -> None:
    """Close the open trades that have all outcomes: a model trade on both clocks, a real one on the synchronized."""
    query = text("""
        UPDATE trades SET status = 'closed' WHERE trade_id = ANY(:ids) AND status = 'open'
          AND (SELECT count(*) FROM trade_outcomes WHERE trade_outcomes.trade_id = trades.trade_id)
              = CASE WHEN is_shadow THEN 2 ELSE 1 END
    """)
    session.execute(query, {"ids": list(trade_ids)})


def _build_row(outcome: Outcome) -> dict[str, Any]:
    return {
        "experiment_id": outcome.experiment_id,
        "engine": outcome.engine.value,
        "trade_id": outcome.trade_id,
        "is_shadow": outcome.is_shadow,
        "exit_clock": outcome.exit_clock.value,
        "equals_own": outcome.equals_own,
        "entry_price": outcome.entry_price,
        "exit_price": outcome.exit_price,
        "pnl": outcome.pnl,
        "return_ratio": outcome.return_ratio,
        "exit_reason": outcome.exit_reason,
        "entry_time": outcome.entry_time,
        "exit_time": outcome.exit_time,
        "holding_cost": outcome.holding_cost,
    }


def _build_zero_row(side: NoTrade, clock: ExitClock) -> dict[str, Any]:
    return {
        "experiment_id": side.experiment_id,
        "engine": side.engine.value,
        "trade_id": side.trade_id,
        "is_shadow": True,
        "exit_clock": clock.value,
        "equals_own": True,
        "entry_price": None,
        "exit_price": None,
        "pnl": 0,
        "return_ratio": 0,
        "exit_reason": side.reason,
        "entry_time": None,
        "exit_time": None,
    }
