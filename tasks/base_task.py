"""What all stages share: a batch is worked on together, and a bad signal in it is left to fail alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from uuid import UUID

import structlog
from billiard.exceptions import SoftTimeLimitExceeded
from celery import Celery, Task, current_app, current_task, shared_task

from config.settings import Settings
from db import failures, signals
from db.core.errors import is_outage
from db.signals import Lease
from domain.signal import Stage
from tasks.failpoints import working
from tasks.parts import Parts, make_parts

log = structlog.get_logger()

StageBody = Callable[[Parts, list[UUID], Lease], int]
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

    A chain ends early where none of its signals goes on: whoever has them sends them on, and tasks that find nothing to
    do would only make a long queue longer.
    """

    def register(body: StageBody) -> Task:
        def run(*, signal_ids: list[str], lock: str) -> None:
            parts = parts_of(current_app)
            lease = Lease(lock=UUID(lock), worker=parts.worker, seconds=parts.settings.lease_s)
            with structlog.contextvars.bound_contextvars(stage=stage.name.lower(), lock=lock):
                if not drive(body, parts, [UUID(one) for one in signal_ids], lease=lease, stage=stage):
                    current_task.request.chain = None

        run.__doc__ = body.__doc__
        bodies[stage] = body
        return shared_task(name=f"stages.{body.__name__}")(run)

    return register


def drive(body: StageBody, parts: Parts, ids: list[UUID], *, lease: Lease, stage: Stage) -> int:
    """Run a stage over a batch; when that fails, over each signal alone, so that only the bad one gets the error.

    A batch that took too long is not repeated, since no time is left: each of its signals goes on alone, later.

    Returns:
        How many signals went on.

    Raises:
        Exception: an outage of the database, which is nobody's fault: leases run out and the sweep resumes.
    """
    try:
        with working(body.__name__, ids):
            return body(parts, ids, lease)
    except Exception as error:
        if is_outage(error):
            raise
        if len(ids) > 1 and not isinstance(error, SoftTimeLimitExceeded):
            log.warning("stage.repeated_alone", count=len(ids), error=str(error))
            return sum(drive(body, parts, [one], lease=lease, stage=stage) for one in ids)
        _record_failure(parts, ids, lease=lease, stage=stage, error=error)
        return 0


def _record_failure(parts: Parts, ids: Collection[UUID], *, lease: Lease, stage: Stage, error: Exception) -> None:
    text = f"{type(error).__name__}: {error}"
    backoff_s, attempts = parts.settings.worker_backoff_ms / 1000, dict[UUID, tuple[int, bool] | None]()
    with parts.transaction() as session:
        for one in ids:
            attempts[one] = signals.fail(session, one, lease=lease, for_stage=stage, error=text, backoff_s=backoff_s)
            if attempt := attempts[one]:
                failures.record(
                    session,
                    one,
                    stage=stage.name.lower(),
                    error=text,
                    traceback_hash=failures.fingerprint(error),
                    attempt=attempt[0],
                    dead=attempt[1],
                )
    for one, attempt in attempts.items():
        log.error(
            "signal.failed",
            signal_id=str(one),
            error=text,
            attempts=attempt and attempt[0],
            dead=bool(attempt and attempt[1]),
            exc_info=error,
        )
