"""What the status shows of an instance's standing books: open real positions, engines, alerts and waiting signals."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.core import states
from domain.books import STANDING_BOOKS

Rows = list[dict[str, Any]]

_RECENT_EXPERIMENTS = 50
_POLICIES = text("""
    SELECT DISTINCT ON (book) book, label, mode, paused, flatten, set_by, reason, created_at,
        extract(epoch FROM clock_timestamp() - created_at)::float8 AS age_s
    FROM policy_versions WHERE book = ANY(:books) ORDER BY book, policy_version_id DESC
""")
# The exits of a real trade follow from its model trade, so the older of the two times counts.
_POSITIONS = text(f"""
    SELECT book, symbol, side, venue, count(*) AS trades, sum(quantity) AS quantity,
        max(extract(epoch FROM clock_timestamp() - evaluated_to))::float8 AS evaluated_age_s
    FROM (
        SELECT trades.book, trades.symbol, trades.side, coalesce(held.quantity, 0) AS quantity, held.venue,
            (SELECT min(family.evaluated_to) FROM trades AS family WHERE family.experiment_id = trades.experiment_id
             AND family.engine = trades.engine AND family.status IN {states.UNFINISHED_TRADES}) AS evaluated_to
        FROM trades
        LEFT JOIN LATERAL (
            SELECT sum(CASE fills.intent WHEN 'entry' THEN fills.quantity ELSE -fills.quantity END) AS quantity,
                min(fills.venue) AS venue
            FROM fills WHERE fills.trade_id = trades.trade_id) AS held ON true
        WHERE NOT trades.is_shadow AND trades.status IN {states.UNFINISHED_TRADES} AND trades.book = ANY(:books)
    ) AS open_trades
    GROUP BY book, symbol, side, venue ORDER BY book, symbol, side
""")
_ENGINES = text("""
    SELECT decisions.engine, count(*) AS answers, count(*) FILTER (WHERE decisions.error IS NOT NULL) AS failures,
        (array_agg(decisions.engine_name || '@' || decisions.engine_version ORDER BY decisions.created_at DESC))[1]
            AS version,
        (array_agg(decisions.error ORDER BY decisions.created_at DESC))[1] AS last_error,
        extract(epoch FROM clock_timestamp() - max(decisions.created_at))::float8 AS age_s
    FROM (
        SELECT experiments.experiment_id FROM experiments JOIN signals USING (signal_id)
        WHERE signals.book = ANY(:books)
        ORDER BY experiments.created_at DESC LIMIT :recent) AS newest
    JOIN decisions USING (experiment_id) GROUP BY decisions.engine ORDER BY decisions.engine
""")
# Counted one by one, since there is an index for each of the two states.
_SIGNALS = text("""
    SELECT (SELECT count(*) FROM signals WHERE status = 'open' AND book = ANY(:books)) AS open,
        (SELECT count(*) FROM signals WHERE status = 'dead' AND book = ANY(:books)) AS dead,
        (SELECT extract(epoch FROM clock_timestamp() - min(stored_at))::float8 FROM signals
         WHERE status = 'open' AND book = ANY(:books) AND next_attempt_at <= clock_timestamp()) AS oldest_due_s
""")
_STANDING = {"books": list(STANDING_BOOKS)}


def load_policies(session: Session) -> Rows:
    """Return the policy in force of each standing book, with its age in seconds."""
    return _load(session, _POLICIES)


def load_positions(session: Session) -> Rows:
    """Return what real trades hold, by book, symbol and side, and how old the newest evaluation of their exits is."""
    return _load(session, _POSITIONS)


def load_engines(session: Session) -> Rows:
    """Return how each engine answered in the newest experiments, and how long ago the last one was."""
    return _load(session, _ENGINES, recent=_RECENT_EXPERIMENTS)


def load_signals(session: Session) -> dict[str, Any]:
    """Count the signals that are open and dead; `oldest_due_s` is the age of the oldest that is due, None without."""
    (counts,) = _load(session, _SIGNALS)
    return counts


def _load(session: Session, query: Any, **more: Any) -> Rows:
    return [dict(row) for row in session.execute(query, _STANDING | more).mappings()]
