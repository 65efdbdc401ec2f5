"""Trades that wait for the price of their entry: pending ones with a time until which they wait."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.core import states
from db.plans import walk_to_json
from db.trade_rows import TRADE_COLUMNS, build_trade
from domain.trade import PAPER_VENUE, Trade

_WAITING = "status = 'pending' AND fill_by IS NOT NULL"


def load_models(session: Session, book: str) -> list[Trade]:
    """Return the waiting model trades of a book whose signals are through the pipeline, in order of their decisions."""
    query = text(f"""
        SELECT {TRADE_COLUMNS} FROM trades WHERE book = :book AND is_shadow AND {_WAITING} AND EXISTS (
            SELECT FROM experiments JOIN signals USING (signal_id)
            WHERE experiments.experiment_id = trades.experiment_id AND signals.status = 'done')
        ORDER BY entry_at, trade_id
    """)
    return [build_trade(row) for row in session.execute(query, {"book": book})]


def load_with_reals(session: Session, experiment_ids: Collection[UUID]) -> list[Trade]:
    """Return all waiting trades of experiments, in order of their decisions, each model trade before its real one."""
    query = text(
        f"SELECT {TRADE_COLUMNS} FROM trades WHERE experiment_id = ANY(:ids) AND {_WAITING}"
        " ORDER BY entry_at, experiment_id, engine, NOT is_shadow"
    )
    return [build_trade(row) for row in session.execute(query, {"ids": list(experiment_ids)})]


def list_unsent_orders(session: Session, book: str) -> list[UUID]:
    """Return the ids of real paper entries of a book that were still to be sent after their signals were done.

    They waited for a price, and whoever entered them ended before they were sent.
    """
    query = text(f"""
        SELECT order_id FROM orders JOIN trades USING (trade_id) JOIN experiments USING (experiment_id)
            JOIN signals USING (signal_id)
        WHERE orders.book = :book AND venue = '{PAPER_VENUE}' AND intent = 'entry' AND state IN {states.PENDING_ORDERS}
          AND trades.status = 'pending' AND signals.status = 'done'
        ORDER BY order_id
    """)
    return list(session.execute(query, {"book": book}).scalars())


def record_entered(session: Session, entered: Iterable[Trade]) -> None:
    """Store waiting trades as they are after their price came: open, sent, or denied."""
    query = text(f"""
        UPDATE trades SET status = :status, denial = :denial, entry_at = :entry_at, time_limit_at = :time_limit_at,
            evaluated_to = :evaluated_to, walk = cast(:walk AS jsonb), rate = :rate, fill_by = NULL
        WHERE trade_id = :trade_id AND {_WAITING}
    """)
    for trade in entered:
        session.execute(
            query,
            {
                "trade_id": trade.trade_id,
                "status": trade.status.value,
                "denial": trade.denial,
                "entry_at": trade.entry_at,
                "time_limit_at": trade.time_limit_at,
                "evaluated_to": trade.evaluated_to,
                "walk": json.dumps(walk_to_json(trade.walk)),
                "rate": trade.money.rate,
            },
        )


def deny(session: Session, denials: Mapping[UUID, str]) -> None:
    """Deny waiting model trades, each with its reason, and the waiting real trades of the same engines."""
    query = text("""
        UPDATE trades SET status = 'denied', denial = :reason, fill_by = NULL FROM trades AS model
        WHERE model.trade_id = :id AND trades.experiment_id = model.experiment_id AND trades.engine = model.engine
          AND trades.status = 'pending' AND trades.fill_by IS NOT NULL
    """)
    if denials:
        session.execute(query, [{"id": trade_id, "reason": reason} for trade_id, reason in denials.items()])


def filter_waiting(session: Session, trade_ids: Collection[UUID]) -> list[UUID]:
    """Return those of the trades that wait for a price."""
    query = text(f"SELECT trade_id FROM trades WHERE trade_id = ANY(:ids) AND {_WAITING} ORDER BY trade_id")
    return list(session.execute(query, {"ids": list(trade_ids)}).scalars())
