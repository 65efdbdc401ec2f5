"""Problems of the pipeline that a person is told: dead letters, an engine that is left alone, entries that are kept
from real trading, and work that waits for too long.

Replays and test alerts are left out.
"""

from __future__ import annotations

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from db.core import states
from db.incident_findings import Finding
from domain.books import BOOKS_WITH_INCIDENTS

DEAD, LEFT_ALONE, SHADOW_ONLY, QUEUE_GROWS = "signals_dead", "engine_left_alone", "policy_shadow_only", "queue_grows"
KINDS = (DEAD, LEFT_ALONE, SHADOW_ONLY, QUEUE_GROWS)
# Work that nobody has taken up for this long waits behind more than arrives in between.
WAITED_TOO_LONG_S = 120
# An engine is left alone after this many failures in a row, see `engines.breaker`.
_FAILURES_IN_A_ROW = 5
_JUDGED_FOR_S = {"engines": 86_400, "policies": 900}

# One cause is one stage and one place in the code; a dead letter of a lost worker has no place.
_DEAD = text("""
    SELECT signals.book, letter.stage, letter.traceback_hash AS trace, count(*) AS signals,
        max(letter.created_at) AS newest_at, (array_agg(letter.error ORDER BY letter.failure_id DESC))[1] AS error,
        (array_agg(signals.signal_id::text ORDER BY letter.failure_id DESC))[1] AS newest
    FROM signals CROSS JOIN LATERAL (
        SELECT * FROM task_failures WHERE task_failures.signal_id = signals.signal_id AND dead
        ORDER BY failure_id DESC LIMIT 1) AS letter
    WHERE signals.status = 'dead' AND signals.book = ANY(:books)
    GROUP BY signals.book, letter.stage, letter.traceback_hash ORDER BY 1, 2, 3
""")
_LEFT_ALONE = text("""
    SELECT slot.engine, newest.* FROM unnest(ARRAY['A', 'B']) AS slot(engine) CROSS JOIN LATERAL (
        SELECT count(*) FILTER (WHERE action = 'ERROR') AS failures, bool_or(is_newest AND is_skipped) AS is_skipped,
            max(name) FILTER (WHERE is_newest) AS name, max(error) FILTER (WHERE NOT is_skipped) AS error
        FROM (
            SELECT decisions.action, engine_name || '@' || engine_version AS name, error,
                reasons ? 'engine_unavailable' AS is_skipped,
                row_number() OVER (ORDER BY decisions.created_at DESC, decision_id) = 1 AS is_newest
            FROM decisions JOIN experiments USING (experiment_id) JOIN signals USING (signal_id)
            WHERE decisions.engine = slot.engine AND signals.book = ANY(:books)
              AND experiments.created_at > clock_timestamp() - make_interval(secs => :within_s)
            ORDER BY experiments.created_at DESC, decision_id LIMIT :in_a_row) AS answers) AS newest
    WHERE newest.is_skipped OR newest.failures >= :in_a_row ORDER BY slot.engine
""")
_SHADOW_ONLY = text("""
    SELECT book, newest.reason, newest.created_at FROM unnest(cast(:books AS text[])) AS book CROSS JOIN LATERAL (
        SELECT policy.reason, policy.created_at FROM execution_policies AS policy
        JOIN experiments USING (experiment_id) JOIN signals USING (signal_id)
        WHERE signals.book = book.book AND experiments.created_at > clock_timestamp() - make_interval(secs => :within_s)
        ORDER BY experiments.created_at DESC LIMIT 1) AS newest
    WHERE newest.reason IN ('overload', 'expired_stale') ORDER BY book
""")
_WAITING = text(f"""
    SELECT 'pipeline' AS queue, count(*) AS waiting, min(stored_at) AS oldest_at FROM signals
    WHERE status = 'open' AND book = ANY(:books) AND lock_expires_at IS NULL
      AND greatest(stored_at, next_attempt_at) < clock_timestamp() - make_interval(secs => :waited_s)
    UNION ALL
    SELECT CASE intent WHEN 'exit' THEN 'exits' ELSE 'orders' END, count(*), min(created_at) FROM orders
    WHERE state = 'intent' AND venue <> 'model' AND book = ANY(:books)
      AND next_check_at < clock_timestamp() + make_interval(secs => :waited_s)  -- else it waits for an opening
      AND state IN {states.OPEN_ORDERS} AND created_at < clock_timestamp() - make_interval(secs => :waited_s)
    GROUP BY 1 ORDER BY 1
""")


def find_problems(session: Session) -> list[Finding]:
    """Return the present problems of the pipeline."""
    return [*_find_dead(session), *_find_left_alone(session), *_find_shadow_only(session), *find_waiting_work(session)]


def find_waiting_work(session: Session) -> list[Finding]:
    """Return the queues whose work waits for too long: signals that are due, and orders that were never sent."""
    parameters = {"books": list(BOOKS_WITH_INCIDENTS), "waited_s": WAITED_TOO_LONG_S}
    rows = session.execute(_WAITING, parameters).mappings()
    return [
        Finding(
            kind=QUEUE_GROWS,
            subject=row["queue"],
            detail={"waiting": row["waiting"], "oldest_since": row["oldest_at"].isoformat()},
        )
        for row in rows
        if row["waiting"]
    ]


def _find_dead(session: Session) -> list[Finding]:
    return [_build_dead(row) for row in session.execute(_DEAD, {"books": list(BOOKS_WITH_INCIDENTS)}).mappings()]


def _build_dead(row: RowMapping) -> Finding:
    """Build the finding about the dead letters of one cause; a person may close its incident and leave them dead."""
    return Finding(
        kind=DEAD,
        subject=" ".join(filter(None, (row["book"], row["stage"], row["trace"]))),
        detail={"book": row["book"], "error": row["error"], "signals": row["signals"], "newest": row["newest"]},
        since=row["newest_at"],
    )


def _find_left_alone(session: Session) -> list[Finding]:
    parameters = {
        "books": list(BOOKS_WITH_INCIDENTS),
        "in_a_row": _FAILURES_IN_A_ROW,
        "within_s": _JUDGED_FOR_S["engines"],
    }
    return [
        Finding(
            kind=LEFT_ALONE,
            subject=f"engine_{row['engine'].lower()}",
            detail={"engine": row["name"], "error": row["error"]},
        )
        for row in session.execute(_LEFT_ALONE, parameters).mappings()
    ]


def _find_shadow_only(session: Session) -> list[Finding]:
    parameters = {"books": list(BOOKS_WITH_INCIDENTS), "within_s": _JUDGED_FOR_S["policies"]}
    return [
        Finding(
            kind=SHADOW_ONLY,
            subject=row["book"],
            detail={"why": row["reason"], "at": row["created_at"].isoformat()},
        )
        for row in session.execute(_SHADOW_ONLY, parameters).mappings()
    ]
