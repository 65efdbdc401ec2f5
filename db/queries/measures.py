"""Measures for the metrics endpoint: counts and ages by the database's clock, each read from an index."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from db import canaries, notifications, periodic_runs
from db.canaries import CanarySettings, QueueHealth
from db.periodic_runs import PeriodicRun
from db.source_health import activity
from db.source_health.activity import SourceActivity
from domain.books import STANDING_BOOKS

# Signals that are done are counted as the rest of all: counting them by their status would read every row.
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
    """Measures of the standing books at one moment.

    `signals` are counted by book and status, `orders` (those for a broker) by book and state, open `incidents` by kind.
    `oldest_due_s` is the age in seconds of the oldest signal that is due, 0 without any.
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
    periodic: Sequence[PeriodicRun]


def measure(session: Session, canary_settings: CanarySettings) -> Measures:
    """Measure the standing books; replays are left out, since they are many and need no alarms."""
    parameters = {"books": list(STANDING_BOOKS)}
    waiting, given_up = notifications.count_unsent(session)
    return Measures(
        signals=_count_signals(session),
        oldest_due_s=float(session.execute(_OLDEST_DUE).scalar_one()),
        orders={(row.book, row.state): row.orders for row in session.execute(_ORDERS, parameters)},
        incidents={row.kind: row.incidents for row in session.execute(_INCIDENTS)},
        notifications_waiting=waiting,
        notifications_given_up=given_up,
        sources=activity.load(session),
        signals_by_source=activity.count_signals(session),
        queues=canaries.list_all(session, canary_settings),
        periodic=periodic_runs.list_all(session, canary_settings),
    )


def _count_signals(session: Session) -> dict[tuple[str, str], int]:
    """Count the open, dead and done signals of each standing book."""
    counts: dict[tuple[str, str], int] = {}
    for row in session.execute(_SIGNALS, {"books": list(STANDING_BOOKS)}):
        counts |= {(row.book, "open"): row.waiting, (row.book, "dead"): row.dead, (row.book, "done"): row.done}
    return counts
