"""Walks (evaluation of exits, bar by bar) of model trades: the trades that are due for one, and the stored results."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.plans import walk_to_json
from db.trade_rows import TRADE_COLUMNS, build_trade
from domain.trade import Trade, WalkState


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """The evaluation of one trade: its start (time and exits made before), its end, and the state it left."""

    trade_id: UUID
    from_: datetime
    legs_before: int
    to: datetime
    state: WalkState


def load_walkable(session: Session, ids: Collection[UUID]) -> list[Trade]:
    """Return the model trades among `ids` that are still open on their own clock, in a fixed order."""
    query = text(
        f"SELECT {TRADE_COLUMNS} FROM trades WHERE trade_id = ANY(:ids) AND is_shadow AND status = 'open'"
        " AND (walk->>'remaining')::numeric > 0 ORDER BY entry_at, trade_id"
    )
    return [build_trade(row) for row in session.execute(query, {"ids": list(ids)})]


def list_walkable(session: Session, book: str, *, limit: int, after: UUID | None = None) -> list[UUID]:
    """Return up to `limit` ids, above `after`, of a book's model trades that are still open on their own clock."""
    query = text("""
        SELECT trade_id FROM trades JOIN experiments USING (experiment_id) JOIN signals USING (signal_id)
        WHERE trades.book = :book AND is_shadow AND trades.status = 'open' AND (walk->>'remaining')::numeric > 0
          AND signals.status = 'done' AND trade_id > :after
        ORDER BY trade_id LIMIT :limit
    """)
    return list(session.execute(query, {"book": book, "limit": limit, "after": after or UUID(int=0)}).scalars())


def list_due(session: Session, book: str, *, until: datetime, limit: int, after: UUID | None = None) -> list[UUID]:
    """Return those ids of `list_walkable` whose trades have a bar that closed since their last walk."""
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
    parameters = {"book": book, "until": until, "limit": limit, "after": after or UUID(int=0)}
    return list(session.execute(query, parameters).scalars())


def record(session: Session, walks: Sequence[Walk]) -> set[UUID]:
    """Store the ends of walks; a trade that another worker moved since the walk's start stays as it is.

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
    parameters = {
        "ids": [walk.trade_id for walk in walks],
        "started": [walk.from_ for walk in walks],
        "ended": [walk.to for walk in walks],
        "legs": [walk.legs_before for walk in walks],
        "walks": [json.dumps(walk_to_json(walk.state)) for walk in walks],
    }
    return set(session.execute(query, parameters).scalars())
