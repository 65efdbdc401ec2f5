"""The backlog of signals: its size, its age, and signals too old to be traded for real, by the database's clock."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session


def find_too_old(session: Session, ids: Collection[UUID], *, max_age_s: float) -> set[UUID]:
    """Return the signals that were stored more than `max_age_s` seconds ago; those of replays are never too old."""
    query = text(
        "SELECT signal_id FROM signals WHERE signal_id = ANY(:ids) AND book NOT LIKE 'replay:%'"
        " AND stored_at < clock_timestamp() - make_interval(secs => :max_age_s)"
    )
    return set(session.execute(query, {"ids": list(ids), "max_age_s": max_age_s}).scalars())


def is_overloaded(session: Session, *, most: int) -> bool:
    """Return whether more than `most` signals outside replays are unfinished."""
    query = text(
        "SELECT count(*) > :most FROM (SELECT FROM signals WHERE status = 'open' AND book NOT LIKE 'replay:%'"
        " LIMIT :most + 1) AS waiting"
    )
    return bool(session.execute(query, {"most": most}).scalar_one())


def count_open(session: Session) -> int:
    """Count the unfinished signals."""
    return int(session.execute(text("SELECT count(*) FROM signals WHERE status = 'open'")).scalar_one())


def find_oldest_open(session: Session) -> datetime | None:
    """Return the time at which the oldest unfinished signal was stored; None when none is unfinished."""
    stored_at: datetime | None = session.execute(
        text("SELECT min(stored_at) FROM signals WHERE status = 'open'")
    ).scalar_one()
    return stored_at
