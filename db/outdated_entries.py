"""Outdated entries: those that fired before an exit or an opposite entry which had arrived before them.

Exchange and kind may be spelled otherwise in the exit, as in exits that are matched loosely. An exit after
which the strategy says that it is flat ends both sides.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.open_trades import build_stated_time
from domain import stated_times

# An alert that fired later than the entry cannot have arrived before the entry fired; the newest of those are enough.
_CLOSERS = text("""
    SELECT mine.signal_id, mine.event_at AS my_event_at, mine.timestamp AS my_timestamp,
        mine.timeframe AS my_timeframe, mine.received_at AS my_received_at,
        closer.signal_id AS closer_id, closer.event_at, closer.timestamp, closer.timeframe, closer.received_at
    FROM signals AS mine CROSS JOIN LATERAL (
        SELECT * FROM signals AS other
        WHERE (other.book, other.source, other.symbol) = (mine.book, mine.source, mine.symbol)
          AND (other.strategy = mine.strategy OR '' IN (other.strategy, mine.strategy))
          AND ((other.direction = mine.direction) = (other.action = 'exit')
            OR (other.action = 'exit' AND other.position_after = 'flat'))
          AND other.seq < mine.seq
          AND other.received_at > coalesce(mine.event_at, mine.timestamp)
        ORDER BY other.received_at DESC LIMIT 20) AS closer
    WHERE mine.signal_id = ANY(:ids)
    ORDER BY mine.seq, closer.received_at
""")


def find(session: Session, signal_ids: Collection[UUID]) -> dict[UUID, UUID]:
    """Return the entries that are outdated, each with an alert that closed its key and fired later."""
    outdated = dict[UUID, UUID]()
    if signal_ids:
        for row in session.execute(_CLOSERS, {"ids": list(signal_ids)}):
            if stated_times.is_before(build_stated_time(row, prefix="my_"), build_stated_time(row)):
                outdated[row.signal_id] = row.closer_id
    return outdated
