"""The base of all stage tasks: a batch is processed together, and a bad signal in it fails alone."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from celery import Celery, Task, current_app, current_task, shared_task

from config.settings import Settings
from db import failures, signals
from db.core.errors import SQLAlchemyError, is_outage
from db.core.session import Database, Session
from db.signals import Lease
from domain.ports import Heartbeat
from domain.signal import Signal, Stage
from tasks import chains, failpoints, manual_runs
from tasks.manual_runs import ManualRunRefused
from tasks.parts import Parts, make_parts
from tasks.stage_results import SignalFailure, StageFailed, StageResult

# The third renewal in a row has to fail before a lease runs out.
RENEWAL_SHARE = 1 / 3
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class StageBatch:
    """The signals that one run of a stage works on, under one lease.

    `started_at` is on the monotonic clock. `is_repeated` is True for a signal of a batch that failed.
    """

    signal_ids: tuple[UUID, ...]
    lease: Lease
    stage: Stage
    started_at: float
    is_repeated: bool = False

    def claim(self, session: Session, signal_ids: Sequence[UUID] | None = None) -> list[Signal]:
        """Claim those of the batch (or of a part of it) that are due for the stage, in the order they were stored."""
        wanted = self.signal_ids if signal_ids is None else signal_ids
        owned = signals.claim(session, wanted, lease=self.lease, for_stage=self.stage)
        failpoints.note_claim([signal.signal_id for signal in owned])
        return owned

    def select_still_owned(self, session: Session, signal_ids: Collection[UUID]) -> set[UUID]:
        """Lock and return the signals that the lease still owns; the results of the others must be dropped."""
        return signals.lock_still_owned(session, signal_ids, lease=self.lease, for_stage=self.stage)

    def heartbeat(self, database: Database) -> Heartbeat:
        """Return what keeps the lease from running out during a long wait; a failure of the database ends no wait."""

        def renew() -> None:
            try:
                with database.transaction() as session:
                    signals.renew(session, self.signal_ids, lease=self.lease, for_stage=self.stage)
            except SQLAlchemyError as error:
                log.warning("lease.not_renewed", error=str(error))

        return Heartbeat(every_s=self.lease.seconds * RENEWAL_SHARE, beat=renew)


StageBody = Callable[[Parts, StageBatch], int]
bodies: dict[Stage, StageBody] = {}
_parts: dict[int, Parts] = {}


def parts_of(app: Celery) -> Parts:
    """Return this process's parts, made on first use: a forked child makes its own."""
    pid = os.getpid()
    if pid not in _parts:
        _parts.clear()
        _parts[pid] = make_parts(settings_of(app))
    return _parts[pid]


def settings_of(app: Celery) -> Settings:
    """Return the settings the Celery app was made from."""
    settings = app.conf["orchestrator_settings"]
    assert isinstance(settings, Settings)  # noqa: S101 - make_celery puts them there
    return settings


def stage_task(stage: Stage) -> Callable[[StageBody], Task]:
    """Make a stage's function a Celery task that takes `signal_ids` and `lock`.

    The chain ends early when none of its signals goes on: another chain owns them, or the sweep will resume them, and
    tasks that find nothing to do would only make a long queue longer.
    """

    def register(body: StageBody) -> Task:
        """Register the function as the stage's body, and return the Celery task that runs it."""

        def run(*, signal_ids: list[str], lock: str = "") -> str:
            """Run the stage over the signals, and end the chain when none of them went on.

            When some fail, the others go on, and the task itself fails, so that it can be found.
            """
            parts, request = parts_of(current_app), current_task.request
            if chains.is_sent_by_hand(request):
                return manual_runs.send_on(parts, signal_ids)
            lease = Lease(lock=UUID(lock), worker=parts.worker, seconds=parts.settings.lease_s)
            with structlog.contextvars.bound_contextvars(stage=stage.name.lower(), lock=lock):
                result = drive(body, parts, [UUID(signal_id) for signal_id in signal_ids], lease=lease, stage=stage)
                if not result.advanced:
                    request.chain = None
                if result.failures:
                    chains.send_rest(request)
                    raise result.build_error()
            return f"{result.advanced} of {len(signal_ids)}"

        run.__doc__ = body.__doc__
        bodies[stage] = body
        return shared_task(name=f"stages.{body.__name__}", throws=(StageFailed, ManualRunRefused))(run)

    return register


def drive(
    body: StageBody,
    parts: Parts,
    signal_ids: Sequence[UUID],
    *,
    lease: Lease,
    stage: Stage,
    started_at: float | None = None,
) -> StageResult:
    """Run a stage over a batch; when that fails, over each signal alone, so that only the bad one gets the error.

    A batch that exceeded its time limit is not repeated, since no time is left: its signals are retried one by one,
    later. `started_at` (monotonic clock) is when the batch began whose signals are repeated.

    Raises:
        Exception: an outage of the database, which is no signal's fault: leases expire and the sweep resumes.
    """
    began_at, is_repeated = time.monotonic() if started_at is None else started_at, started_at is not None
    try:
        with failpoints.run_stage(parts.settings.failpoint_dir, body.__name__):
            batch = StageBatch(
                signal_ids=tuple(signal_ids), lease=lease, stage=stage, started_at=began_at, is_repeated=is_repeated
            )
            return StageResult(advanced=body(parts, batch))
    except Exception as error:
        if is_outage(error):
            raise
        if len(signal_ids) > 1 and not isinstance(error, SoftTimeLimitExceeded):
            log.warning("stage.repeated_alone", count=len(signal_ids), error=str(error))
            alone = (
                drive(body, parts, [signal_id], lease=lease, stage=stage, started_at=began_at)
                for signal_id in signal_ids
            )
            return sum(alone, StageResult(advanced=0))
        return StageResult(
            advanced=0, failures=_record_failures(parts, signal_ids, lease=lease, stage=stage, error=error)
        )


def _record_failures(
    parts: Parts, ids: Collection[UUID], *, lease: Lease, stage: Stage, error: Exception
) -> tuple[SignalFailure, ...]:
    """Store, log and return the error of each signal; one that another owner took meanwhile has no attempt to count."""
    text, backoff_s = f"{type(error).__name__}: {error}", parts.settings.worker_backoff_ms / 1000
    attempts: dict[UUID, tuple[int, bool] | None] = {}
    with parts.transaction() as session:
        for signal_id in ids:
            attempt = signals.fail(session, signal_id, lease=lease, for_stage=stage, error=text, backoff_s=backoff_s)
            attempts[signal_id] = attempt
            if attempt is not None:
                _store_failure(session, signal_id, stage=stage, error=error, attempt=attempt)
    for signal_id, attempt in attempts.items():
        number, is_dead = attempt if attempt is not None else (None, False)
        log.error("signal.failed", signal_id=str(signal_id), error=text, attempts=number, dead=is_dead, exc_info=error)
    return tuple(
        SignalFailure(signal_id=signal_id, error=text, is_dead=attempt is not None and attempt[1])
        for signal_id, attempt in attempts.items()
    )


def _store_failure(
    session: Session, signal_id: UUID, *, stage: Stage, error: Exception, attempt: tuple[int, bool]
) -> None:
    """Store a failed attempt (its number, and whether it made the signal dead) with the error and traceback hash."""
    number, is_dead = attempt
    failures.record(
        session,
        signal_id,
        stage=stage.name.lower(),
        error=f"{type(error).__name__}: {error}",
        traceback_hash=failures.hash_traceback(error),
        attempt=number,
        dead=is_dead,
    )
