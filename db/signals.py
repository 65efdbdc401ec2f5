"""Signals and the leases on them: the one writer of leases, stages and attempts.

A lease is a fencing token (`processing_lock`) with an expiry by the database's clock. Work is claimed by one
UPDATE, done outside, and kept only where the token still matches.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from db.core import states
from db.signal_rows import SIGNAL_COLUMNS, build_signal
from domain.experiment import Assignment
from domain.signal import Signal, Stage
from domain.trade import experiment_id_for

MAX_ATTEMPTS = 5
LONGEST_DEFERRAL_S = 5.0

log = structlog.get_logger()

_CLAIM = text(f"""
    UPDATE signals SET
        attempts = attempts + (processing_lock IS NOT NULL AND processing_lock <> :lock)::int,
        processing_lock = :lock, locked_by = :worker,
        lock_expires_at = clock_timestamp() + make_interval(secs => :lease_s)
    WHERE signal_id IN (
        SELECT signal_id FROM signals
        WHERE signal_id = ANY(:ids) AND status = 'open' AND stage = :before AND next_attempt_at <= clock_timestamp()
          AND attempts < :max_attempts
          AND (processing_lock IS NULL OR processing_lock = :lock OR lock_expires_at < clock_timestamp())
        ORDER BY seq FOR UPDATE SKIP LOCKED)
    RETURNING {SIGNAL_COLUMNS}
""")

# Those that failed before are worked on alone: one of them may be the reason.
_CLAIM_MORE = text("""
    UPDATE signals SET processing_lock = :lock, locked_by = :worker,
        lock_expires_at = clock_timestamp() + make_interval(secs => :lease_s)
    WHERE signal_id IN (
        SELECT signal_id FROM signals
        WHERE status = 'open' AND stage = :before AND next_attempt_at <= clock_timestamp() AND attempts = 0
          AND processing_lock IS NULL AND action = 'entry' AND signal_id <> ALL(:ids)
          AND NOT EXISTS (SELECT FROM signals AS mine WHERE mine.signal_id = ANY(:ids) AND mine.attempts > 0)
        ORDER BY seq LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING signal_id
""")

_HAND_OVER = text("""
    UPDATE signals SET processing_lock = NULL, locked_by = NULL, lock_expires_at = NULL
    WHERE signal_id = ANY(:ids) AND processing_lock = :lock AND status = 'open'
""")

_STILL_OWNED = text("""
    SELECT signal_id FROM signals
    WHERE signal_id = ANY(:ids) AND processing_lock = :lock AND stage = :before AND status = 'open'
    ORDER BY seq FOR UPDATE
""")

_RENEW = text("""
    UPDATE signals SET lock_expires_at = clock_timestamp() + make_interval(secs => :lease_s)
    WHERE signal_id IN (
        SELECT signal_id FROM signals
        WHERE signal_id = ANY(:ids) AND processing_lock = :lock AND stage = :before AND status = 'open'
        ORDER BY seq FOR UPDATE)
""")

_ADVANCE = text("""
    UPDATE signals SET stage = :stage, experiment_id = coalesce(signals.experiment_id, given.experiment_id),
        lock_expires_at = clock_timestamp() + make_interval(secs => :lease_s)
    FROM unnest(cast(:ids AS uuid[]), cast(:experiments AS uuid[])) AS given(id, experiment_id)
    WHERE signal_id = given.id AND processing_lock = :lock AND stage = :before
""")

# Both tokens, so that `verify` sees it when they ever differ: the writer's own, and the one that stands in the row.
_NOTE_STAGE = text("""
    INSERT INTO signal_events (signal_id, stage, written_by, owned_by)
    SELECT signal_id, :stage, :lock, processing_lock FROM signals WHERE signal_id = ANY(:ids) ORDER BY seq
    ON CONFLICT DO NOTHING
""")

_FINISH = text(f"""
    UPDATE signals SET stage = {states.OUTCOME_RECORDED}, status = 'done', processed = true, last_error = NULL,
        processing_lock = NULL, locked_by = NULL, lock_expires_at = NULL
    WHERE signal_id = ANY(:ids) AND processing_lock = :lock AND stage = {states.DISPATCHED}
""")

# An exit whose key never had an entry may be matched loosely: it waits for every entry of its source and side whose
# symbol may be its own, spelled otherwise.
_WAITING = text(f"""
    SELECT mine.signal_id FROM signals AS mine
    WHERE mine.signal_id = ANY(:ids) AND EXISTS (
        SELECT FROM signals AS earlier
        WHERE earlier.book = mine.book AND earlier.seq < mine.seq AND earlier.status = 'open'
          AND earlier.stage < {states.DISPATCHED} AND earlier.action = 'entry'
          AND (earlier.direction = mine.direction) = (mine.action = 'exit') AND earlier.source = mine.source
          AND ((earlier.strategy, earlier.symbol, earlier.exchange, earlier.instrument_kind)
                = (mine.strategy, mine.symbol, mine.exchange, mine.instrument_kind)
            OR (mine.action = 'exit' AND left(earlier.symbol, 1) = left(mine.symbol, 1) AND NOT EXISTS (
                SELECT FROM signals AS own
                WHERE (own.book, own.source, own.symbol) = (mine.book, mine.source, mine.symbol)
                  AND (own.strategy, own.exchange, own.instrument_kind)
                    = (mine.strategy, mine.exchange, mine.instrument_kind)
                  AND own.action = 'entry' AND own.direction = mine.direction AND own.seq < mine.seq))))
""")

# A signal that must wait is tried again after a quarter of the time it has waited already, at most every five seconds.
_DEFER = text("""
    UPDATE signals SET next_attempt_at = clock_timestamp()
            + least(make_interval(secs => :longest_s),
                greatest(interval '0.25 s', (clock_timestamp() - stored_at) / 4)),
        processing_lock = NULL, locked_by = NULL, lock_expires_at = NULL
    WHERE signal_id = ANY(:ids) AND processing_lock = :lock AND status = 'open'
""")

_RELEASE_FAILED = text("""
    UPDATE signals SET attempts = attempts + 1, last_error = :error,
        status = CASE WHEN attempts + 1 >= :max_attempts THEN 'dead' ELSE status END,
        next_attempt_at = clock_timestamp() + make_interval(secs => :backoff_s * power(2, least(attempts, 10))),
        processing_lock = NULL, locked_by = NULL, lock_expires_at = NULL
    WHERE signal_id = :id AND status = 'open' AND stage = :before AND (processing_lock = :lock
        OR (next_attempt_at <= clock_timestamp() AND (processing_lock IS NULL OR lock_expires_at < clock_timestamp())))
    RETURNING attempts, status
""")


def find_longest_pause_s(backoff_s: float) -> float:
    """Return the longest time for which a signal is ever made to wait."""
    return float(max(LONGEST_DEFERRAL_S, backoff_s * 2**MAX_ATTEMPTS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """The token, the worker and the duration (seconds) with which signals are claimed."""

    lock: UUID
    worker: str
    seconds: float


def select_outside_replays(session: Session, ids: Collection[UUID]) -> list[UUID]:
    """Return those of the signals that belong to no replay, in the order they were stored."""
    query = text("SELECT signal_id FROM signals WHERE signal_id = ANY(:ids) AND book NOT LIKE 'replay:%' ORDER BY seq")
    return list(session.execute(query, {"ids": list(ids)}).scalars())


def claim(session: Session, ids: Collection[UUID], *, lease: Lease, for_stage: Stage) -> list[Signal]:
    """Lease the signals that are due for `for_stage` and that no other lease holds; return them as they were stored."""
    parameters = {
        "ids": list(ids),
        "lock": lease.lock,
        "worker": lease.worker,
        "lease_s": lease.seconds,
        "before": for_stage.before.value,
        "max_attempts": MAX_ATTEMPTS,
    }
    rows = session.execute(_CLAIM, parameters).mappings().all()
    if len(rows) < len(ids):
        log.info("signals.passed_over", stage=for_stage.name.lower(), count=len(ids) - len(rows))
    return [build_signal(row) for row in sorted(rows, key=lambda row: row["seq"])]


def claim_more(
    session: Session, ids: Collection[UUID], *, lease: Lease, for_stage: Stage, limit: int
) -> tuple[UUID, ...]:
    """Lease up to `limit` entries besides `ids` that wait for the stage unleased, oldest first, and return their ids.

    None are leased when one of `ids` failed before.
    """
    parameters = {
        "ids": list(ids),
        "lock": lease.lock,
        "worker": lease.worker,
        "lease_s": lease.seconds,
        "before": for_stage.before.value,
        "limit": limit,
    }
    return tuple(session.execute(_CLAIM_MORE, parameters).scalars())


def hand_over(session: Session, ids: Collection[UUID], *, lease: Lease) -> None:
    """Release leased signals that are due for their next stage, so that any chain may go on with them."""
    session.execute(_HAND_OVER, {"ids": list(ids), "lock": lease.lock})


def lock_still_owned(session: Session, ids: Collection[UUID], *, lease: Lease, for_stage: Stage) -> set[UUID]:
    """Lock and return the signals that `lease` still owns; results for the others must be dropped."""
    parameters = {"ids": list(ids), "lock": lease.lock, "before": for_stage.before.value}
    owned = set(session.execute(_STILL_OWNED, parameters).scalars())
    if len(owned) < len(ids):
        log.warning("signals.fenced_out", stage=for_stage.name.lower(), count=len(ids) - len(owned))
    return owned


def renew(session: Session, ids: Collection[UUID], *, lease: Lease, for_stage: Stage) -> None:
    """Make the lease on those signals that it still owns last anew from now on."""
    parameters = {"ids": list(ids), "lock": lease.lock, "before": for_stage.before.value, "lease_s": lease.seconds}
    session.execute(_RENEW, parameters)


def advance(
    session: Session,
    ids: Collection[UUID],
    *,
    lease: Lease,
    to: Stage,
    experiments_of: Sequence[Assignment] = (),
) -> None:
    """Move leased signals to the stage `to`, extend the lease, and set the experiment of those with an assignment."""
    experiment_ids = {assignment.signal_id: experiment_id_for(assignment.signal_id) for assignment in experiments_of}
    parameters = {
        "ids": list(ids),
        "experiments": [experiment_ids.get(signal_id) for signal_id in ids],
        "lock": lease.lock,
        "stage": to.value,
        "before": to.before.value,
        "lease_s": lease.seconds,
    }
    session.execute(_NOTE_STAGE, parameters)
    session.execute(_ADVANCE, parameters)


def find_waiting_for_entries(session: Session, ids: Collection[UUID]) -> set[UUID]:
    """Return the signals that close a side for which an earlier entry may still open a trade."""
    return set(session.execute(_WAITING, {"ids": list(ids)}).scalars())


def defer(session: Session, ids: Collection[UUID], *, lease: Lease) -> None:
    """Release leased signals and make them due again shortly, without counting an attempt."""
    session.execute(_DEFER, {"ids": list(ids), "lock": lease.lock, "longest_s": LONGEST_DEFERRAL_S})


def finish(session: Session, ids: Collection[UUID], *, lease: Lease) -> None:
    """Mark leased signals as processed and release them."""
    parameters = {"ids": list(ids), "lock": lease.lock, "stage": Stage.OUTCOME_RECORDED.value}
    session.execute(_NOTE_STAGE, parameters)
    session.execute(_FINISH, parameters)


def fail(
    session: Session, signal_id: UUID, *, lease: Lease, for_stage: Stage, error: str, backoff_s: float
) -> tuple[int, bool] | None:
    """Count a failed attempt at a stage and release the signal until its backoff ends; the fifth makes it dead.

    A claim that was rolled back with the attempt counts as held, as long as nobody else took the signal since.

    Returns:
        The attempts so far and whether the signal is dead now; None when the lease was lost.
    """
    parameters = {
        "id": signal_id,
        "lock": lease.lock,
        "before": for_stage.before.value,
        "error": error,
        "backoff_s": backoff_s,
        "max_attempts": MAX_ATTEMPTS,
    }
    row = session.execute(_RELEASE_FAILED, parameters).one_or_none()
    return None if row is None else (row.attempts, row.status == "dead")
