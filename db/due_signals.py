"""Signals that are due for a stage: enqueued by the sweep, reopened for a rerun, marked dead when workers keep dying.

No function here takes a lease; a worker claims a signal with `db.signals.claim`.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from db.core import states
from db.signals import MAX_ATTEMPTS
from domain.signal import Stage

_MARK_LOST_DEAD = text("""
    UPDATE signals SET status = 'dead', processing_lock = NULL, locked_by = NULL, lock_expires_at = NULL,
        last_error = coalesce(last_error, 'its worker died ' || attempts || ' times')
    WHERE status = 'open' AND attempts >= :max_attempts
      AND (lock_expires_at IS NULL OR lock_expires_at < clock_timestamp())
    RETURNING signal_id, stage, attempts, last_error
""")

_TAKE_DUE = text("""
    UPDATE signals SET enqueued_at = clock_timestamp()
    WHERE signal_id IN (
        SELECT signal_id FROM signals
        WHERE status = 'open' AND next_attempt_at <= clock_timestamp() AND attempts < :max_attempts
          AND (processing_lock IS NULL OR lock_expires_at < clock_timestamp())
          AND (enqueued_at < greatest(next_attempt_at, lock_expires_at)
               OR enqueued_at < clock_timestamp() - make_interval(secs => :grace_s))
        ORDER BY seq LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING signal_id, stage, attempts, seq
""")

_REOPEN = text(f"""
    UPDATE signals SET attempts = 0, status = 'open',
        next_attempt_at = clock_timestamp(), enqueued_at = clock_timestamp(),
        processing_lock = NULL, locked_by = NULL, lock_expires_at = NULL
    WHERE signal_id IN (
        SELECT signal_id FROM signals
        WHERE signal_id = ANY(:ids) AND status <> 'done'
          AND (processing_lock IS NULL OR lock_expires_at < clock_timestamp())
          AND NOT EXISTS (SELECT FROM orders JOIN trades USING (trade_id)
                          WHERE trades.experiment_id = signals.experiment_id AND orders.venue <> 'model'
                            AND orders.state IN {states.UNSETTLED_ORDERS})
        ORDER BY seq FOR UPDATE)
    RETURNING signal_id, stage, seq
""")

_HASTEN = text("""
    UPDATE signals SET next_attempt_at = clock_timestamp(), enqueued_at = clock_timestamp()
    WHERE signal_id IN (
        SELECT signal_id FROM signals
        WHERE signal_id = ANY(:ids) AND status = 'open' AND attempts < :max_attempts
          AND (processing_lock IS NULL OR lock_expires_at < clock_timestamp())
        ORDER BY seq FOR UPDATE)
    RETURNING signal_id, stage, seq
""")

_WHY_NOT_RUN = text("""
    SELECT given.id, CASE
        WHEN signal_id IS NULL THEN 'there is no such signal; `orchestrator signals list` shows those there are'
        WHEN status = 'done' THEN 'it is done, and nothing is left to run; `orchestrator signals show ' || id || '`'
        WHEN lock_expires_at >= clock_timestamp()
            THEN 'it is being worked on; `orchestrator signals show ' || id || '` shows how far it is'
        ELSE 'it was given up after ' || attempts || ' attempts (' || coalesce(last_error, 'without an error')
            || '); run `orchestrator signals rerun ' || id || ' --reason TEXT`' END AS why
    FROM unnest(cast(:ids AS uuid[])) AS given(id) LEFT JOIN signals ON signal_id = given.id ORDER BY given.id
""")

_WHY_NOT = text("""
    SELECT given.id, CASE
        WHEN signal_id IS NULL THEN 'there is no such signal'
        WHEN status = 'done' THEN 'it is done'
        WHEN lock_expires_at >= clock_timestamp() THEN 'it is being worked on'
        ELSE 'its order is at the venue: that is looked up, not run again' END AS why
    FROM unnest(cast(:ids AS uuid[])) AS given(id) LEFT JOIN signals ON signal_id = given.id ORDER BY given.id
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class DueSignal:
    """A signal to be sent to its next stage; `alone` when it failed before, so that a failure harms no batch."""

    signal_id: UUID
    stage: Stage
    alone: bool


def mark_lost_dead(session: Session) -> list[RowMapping]:
    """Mark signals dead whose workers died too often, and return their id, stage, attempts and last error."""
    return list(session.execute(_MARK_LOST_DEAD, {"max_attempts": MAX_ATTEMPTS}).mappings())


def take(session: Session, *, limit: int, grace_s: float) -> list[DueSignal]:
    """Take up to `limit` unfinished signals that should be enqueued and are not, oldest first.

    A signal that was sent, and that nobody claimed within `grace_s` seconds, is taken again.
    """
    parameters = {"limit": limit, "grace_s": grace_s, "max_attempts": MAX_ATTEMPTS}
    rows = sorted(session.execute(_TAKE_DUE, parameters), key=lambda row: row.seq)
    return [DueSignal(signal_id=row.signal_id, stage=Stage(row.stage), alone=row.attempts > 0) for row in rows]


def reopen(session: Session, ids: Collection[UUID]) -> list[DueSignal]:
    """Make signals due again with fresh attempts, and return them.

    Signals that are done or leased, or that have an order at a venue, stay as they are.
    """
    rows = sorted(session.execute(_REOPEN, {"ids": list(ids)}), key=lambda row: row.seq)
    return [DueSignal(signal_id=row.signal_id, stage=Stage(row.stage), alone=True) for row in rows]


def hasten(session: Session, ids: Collection[UUID]) -> list[DueSignal]:
    """Make signals that wait due now, with the attempts they have left, and return them.

    Signals that are done, dead or leased stay as they are.
    """
    rows = sorted(session.execute(_HASTEN, {"ids": list(ids), "max_attempts": MAX_ATTEMPTS}), key=lambda row: row.seq)
    return [DueSignal(signal_id=row.signal_id, stage=Stage(row.stage), alone=True) for row in rows]


def explain_refused_runs(session: Session, ids: Collection[UUID]) -> dict[UUID, str]:
    """Return, by id, why `hasten` leaves signals as they are, with the id and the command that helps."""
    return {row.id: f"{row.id}: {row.why}" for row in session.execute(_WHY_NOT_RUN, {"ids": list(ids)})}


def explain_refused_reruns(session: Session, ids: Collection[UUID]) -> dict[UUID, str]:
    """Return, by id, the reason for which `reopen` leaves signals as they are."""
    return {row.id: row.why for row in session.execute(_WHY_NOT, {"ids": list(ids)})}


def load_unfinished(session: Session, ids: Collection[UUID]) -> list[RowMapping]:
    """Return id, status, stage, attempts and last error of the signals that are neither done nor dead."""
    query = text(
        "SELECT signal_id, status, stage, attempts, last_error FROM signals"
        " WHERE signal_id = ANY(:ids) AND status = 'open' ORDER BY seq"
    )
    return list(session.execute(query, {"ids": list(ids)}).mappings())
