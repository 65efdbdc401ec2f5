"""Signals and who owns them: one writer of leases, stages and attempts.

A lease is a fencing token (`processing_lock`) with an expiry by the database's clock. Work is claimed by one
UPDATE, done outside, and kept only where the token still matches.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from domain.experiment import Assignment
from domain.intervals import Interval
from domain.signal import Action, Direction, InstrumentKind, Position, Signal, Stage
from domain.trade import experiment_id_for

MAX_ATTEMPTS = 5
COLUMNS = """signal_id, book, source, strategy, symbol, exchange, instrument_kind, direction, action, timeframe,
    timestamp, received_at, price, confidence, signal_hash, flags, is_test, stage, attempts, seq,
    sequence, position_before, position_after"""

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
    RETURNING {COLUMNS}
""")

_STILL_OWNED = text("""
    SELECT signal_id FROM signals
    WHERE signal_id = ANY(:ids) AND processing_lock = :lock AND stage = :before AND status = 'open'
    ORDER BY seq FOR UPDATE
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

_FINISH = text("""
    UPDATE signals SET stage = 5, status = 'done', processed = true, last_error = NULL,
        processing_lock = NULL, locked_by = NULL, lock_expires_at = NULL
    WHERE signal_id = ANY(:ids) AND processing_lock = :lock AND stage = 4
""")

_BEHIND = text("""
    SELECT mine.signal_id FROM signals AS mine
    WHERE mine.signal_id = ANY(:ids) AND EXISTS (
        SELECT FROM signals AS earlier
        WHERE earlier.book = mine.book AND earlier.seq < mine.seq AND earlier.status = 'open' AND earlier.stage < 4
          AND earlier.action = 'entry' AND (earlier.direction = mine.direction) = (mine.action = 'exit')
          AND (earlier.source, earlier.strategy, earlier.symbol, earlier.exchange, earlier.instrument_kind)
            = (mine.source, mine.strategy, mine.symbol, mine.exchange, mine.instrument_kind))
""")

# A signal that must wait is asked again after a quarter of the time it has waited already, at most every five seconds.
_DEFER = text("""
    UPDATE signals SET next_attempt_at = clock_timestamp()
            + least('5 s', greatest('0.25 s', (clock_timestamp() - stored_at) / 4)),
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

_BURY_LOST = text("""
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

_REOPEN = text("""
    UPDATE signals SET attempts = 0, status = 'open',
        next_attempt_at = clock_timestamp(), enqueued_at = clock_timestamp(),
        processing_lock = NULL, locked_by = NULL, lock_expires_at = NULL
    WHERE signal_id IN (
        SELECT signal_id FROM signals
        WHERE signal_id = ANY(:ids) AND status <> 'done'
          AND (processing_lock IS NULL OR lock_expires_at < clock_timestamp())
          AND NOT EXISTS (SELECT FROM orders JOIN trades USING (trade_id)
                          WHERE trades.experiment_id = signals.experiment_id AND orders.venue <> 'model'
                            AND orders.state IN ('submitting', 'accepted', 'partial', 'unknown', 'manual_review'))
        ORDER BY seq FOR UPDATE)
    RETURNING signal_id, stage, seq
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
    """A signal the sweep should send on; one that failed, or lost its worker twice, travels alone."""

    signal_id: UUID
    stage: Stage
    alone: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """Who claims, with which token, for how long."""

    lock: UUID
    worker: str
    seconds: float


def claim(session: Session, ids: Collection[UUID], *, lease: Lease, for_stage: Stage) -> list[Signal]:
    """Take those of `ids` that are due for `for_stage` and nobody else's, in the order they were stored."""
    given = {
        "ids": list(ids),
        "lock": lease.lock,
        "worker": lease.worker,
        "lease_s": lease.seconds,
        "before": for_stage.before.value,
        "max_attempts": MAX_ATTEMPTS,
    }
    rows = session.execute(_CLAIM, given).mappings().all()
    if len(rows) < len(ids):
        log.info("signals.passed_over", stage=for_stage.name.lower(), count=len(ids) - len(rows))
    return [build_signal(row) for row in sorted(rows, key=lambda row: row["seq"])]


def lock_still_owned(session: Session, ids: Collection[UUID], *, lease: Lease, for_stage: Stage) -> set[UUID]:
    """Lock and return those that `lease` still owns; the others' results must be dropped."""
    given = {"ids": list(ids), "lock": lease.lock, "before": for_stage.before.value}
    owned = set(session.execute(_STILL_OWNED, given).scalars())
    if len(owned) < len(ids):
        log.warning("signals.fenced_out", stage=for_stage.name.lower(), count=len(ids) - len(owned))
    return owned


def advance(
    session: Session,
    ids: Collection[UUID],
    *,
    lease: Lease,
    to: Stage,
    experiments_of: Sequence[Assignment] = (),
) -> None:
    """Move signals to the stage `to` and extend the lease; assignments name the experiments they made."""
    known = {one.signal_id: experiment_id_for(one.signal_id) for one in experiments_of}
    given = {
        "ids": list(ids),
        "experiments": [known.get(one) for one in ids],
        "lock": lease.lock,
        "stage": to.value,
        "before": to.before.value,
        "lease_s": lease.seconds,
    }
    session.execute(_NOTE_STAGE, given)
    session.execute(_ADVANCE, given)


def find_waiting_for_entries(session: Session, ids: Collection[UUID]) -> set[UUID]:
    """Return those that close a side which an earlier entry, not yet dispatched, may still open."""
    return set(session.execute(_BEHIND, {"ids": list(ids)}).scalars())


def defer(session: Session, ids: Collection[UUID], *, lease: Lease) -> None:
    """Give signals back for a moment, without counting an attempt."""
    session.execute(_DEFER, {"ids": list(ids), "lock": lease.lock})


def finish(session: Session, ids: Collection[UUID], *, lease: Lease) -> None:
    """Mark signals as processed and give their lease back."""
    given = {"ids": list(ids), "lock": lease.lock, "stage": Stage.OUTCOME_RECORDED.value}
    session.execute(_NOTE_STAGE, given)
    session.execute(_FINISH, given)


def fail(
    session: Session, signal_id: UUID, *, lease: Lease, for_stage: Stage, error: str, backoff_s: float
) -> tuple[int, bool] | None:
    """Count a failed attempt at a stage, release the signal until its backoff ends; the fifth makes it dead.

    A claim that was rolled back with the attempt counts as held, as long as nobody else took the signal since.

    Returns:
        The attempts so far and whether the signal is dead now; None when the lease was lost.
    """
    given = {
        "id": signal_id,
        "lock": lease.lock,
        "before": for_stage.before.value,
        "error": error,
        "backoff_s": backoff_s,
        "max_attempts": MAX_ATTEMPTS,
    }
    row = session.execute(_RELEASE_FAILED, given).one_or_none()
    return None if row is None else (row.attempts, row.status == "dead")


def mark_lost_dead(session: Session) -> list[RowMapping]:
    """Give up on signals whose workers died too often; returns what was buried."""
    return list(session.execute(_BURY_LOST, {"max_attempts": MAX_ATTEMPTS}).mappings())


def take_due(session: Session, *, limit: int, grace_s: float) -> list[DueSignal]:
    """Take up to `limit` signals that should be on their way and are not, oldest first.

    One that was sent, and that nobody took for `grace_s` seconds since, is taken again.
    """
    given = {"limit": limit, "grace_s": grace_s, "max_attempts": MAX_ATTEMPTS}
    rows = sorted(session.execute(_TAKE_DUE, given), key=lambda row: row.seq)
    return [DueSignal(signal_id=row.signal_id, stage=Stage(row.stage), alone=row.attempts > 0) for row in rows]


def reopen(session: Session, ids: Collection[UUID]) -> list[DueSignal]:
    """Make signals due again with fresh attempts; those that are done, leased or have an order out stay as they are."""
    rows = sorted(session.execute(_REOPEN, {"ids": list(ids)}), key=lambda row: row.seq)
    return [DueSignal(signal_id=row.signal_id, stage=Stage(row.stage), alone=True) for row in rows]


def explain_refused_reruns(session: Session, ids: Collection[UUID]) -> dict[UUID, str]:
    """Say for signals that `reopen` left alone why it did."""
    return {row.id: row.why for row in session.execute(_WHY_NOT, {"ids": list(ids)})}


def load_unfinished(session: Session, ids: Collection[UUID]) -> list[RowMapping]:
    """Return status, stage and last error of those that are not terminal."""
    query = text(
        "SELECT signal_id, status, stage, attempts, last_error FROM signals"
        " WHERE signal_id = ANY(:ids) AND status = 'open' ORDER BY seq"
    )
    return list(session.execute(query, {"ids": list(ids)}).mappings())


def build_signal(row: RowMapping) -> Signal:
    """Turn a row with COLUMNS into the domain value."""
    return Signal(
        signal_id=row["signal_id"],
        book=row["book"],
        source=row["source"],
        strategy=row["strategy"],
        symbol=row["symbol"],
        exchange=row["exchange"],
        instrument_kind=InstrumentKind(row["instrument_kind"]),
        direction=Direction(row["direction"]),
        action=Action(row["action"]),
        timeframe=_interval(row["timeframe"]),
        timestamp=row["timestamp"],
        received_at=row["received_at"],
        price=row["price"],
        confidence=row["confidence"],
        signal_hash=row["signal_hash"],
        flags=tuple(row["flags"]),
        is_test=row["is_test"],
        stage=Stage(row["stage"]),
        attempts=row["attempts"],
        sequence=row["sequence"],
        position_before=Position(row["position_before"]) if row["position_before"] else None,
        position_after=Position(row["position_after"]) if row["position_after"] else None,
    )


def _interval(value: Any) -> Interval | None:
    return None if value is None else Interval.parse(value)
