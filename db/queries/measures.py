"""Measures of the whole, for a scrape: counts and ages by the database's clock, each found by an index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from db import canaries, notifications
from db.canaries import CanarySettings, QueueHealth
from db.source_health import activity
from db.source_health.activity import SourceActivity
from domain.books import STANDING_BOOKS

# What is done is what is neither open nor dead: counting it by its status would read every row.
_SIGNALS = text("""
    SELECT book, waiting, dead, total - waiting - dead AS done
    FROM books
    CROSS JOIN LATERAL (SELECT count(*) AS total FROM signals WHERE signals.book = books.book) AS counted
    CROSS JOIN LATERAL (
        SELECT count(*) AS waiting FROM signals WHERE signals.book = books.book AND status = 'open') AS waiting
    CROSS JOIN LATERAL (
        SELECT count(*) AS dead FROM signals WHERE signals.book = books.book AND status = 'dead') AS dead
    WHERE book = ANY(:books) ORDER BY book
""")
_OLDEST_DUE = text("""
    SELECT coalesce(extract(epoch FROM clock_timestamp() - min(stored_at)), 0)::float8 FROM signals
    WHERE status = 'open' AND next_attempt_at <= clock_timestamp()
""")
_ORDERS = text("""
    SELECT book, state, count(*) AS orders FROM orders WHERE venue <> 'model' AND book = ANY(:books)
    GROUP BY book, state ORDER BY book, state
""")
_INCIDENTS = text(
    "SELECT kind, count(*) AS incidents FROM incidents WHERE closed_at IS NULL GROUP BY kind ORDER BY kind"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """What was measured at one moment.

    `signals` are by book and status, `orders` (those meant for a broker) by book and state, `incidents` the open ones
    by kind. `oldest_due_s` is how long ago the oldest signal that should be worked on was stored, 0 without any.
    """

    signals: Mapping[tuple[str, str], int]
    oldest_due_s: float
    orders: Mapping[tuple[str, str], int]
    incidents: Mapping[str, int]
    notifications_waiting: int
    notifications_given_up: int
    sources: Sequence[SourceActivity]
    signals_by_source: Mapping[str, int]
    queues: Sequence[QueueHealth]


def measure(session: Session, patience: CanarySettings) -> Measures:
    """Measure the standing books; those of replays are many, and nobody's alarm."""
    given = {"books": list(STANDING_BOOKS)}
    waiting, given_up = notifications.count_unsent(session)
    return Measures(
        signals=_signals(session),
        oldest_due_s=float(session.execute(_OLDEST_DUE).scalar_one()),
        orders={(row.book, row.state): row.orders for row in session.execute(_ORDERS, given)},
        incidents={row.kind: row.incidents for row in session.execute(_INCIDENTS)},
        notifications_waiting=waiting,
        notifications_given_up=given_up,
        sources=activity.load(session),
        signals_by_source=activity.count_signals(session),
        queues=canaries.list_all(session, patience),
    )


def _signals(session: Session) -> dict[tuple[str, str], int]:
    counted: dict[tuple[str, str], int] = {}
    for row in session.execute(_SIGNALS, {"books": list(STANDING_BOOKS)}):
        counted |= {(row.book, "open"): row.waiting, (row.book, "dead"): row.dead, (row.book, "done"): row.done}
    return counted
