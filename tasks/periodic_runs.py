"""Notes in the database when an entry of beat's schedule ran, so that beat is watched from outside of itself."""

from __future__ import annotations

import time
from typing import Any

import structlog
from celery import Task, current_app
from celery.signals import task_postrun

from db import periodic_runs
from db.core.errors import SQLAlchemyError
from tasks import schedule
from tasks.base_task import parts_of

_NOTED_EVERY_S = 1.0
_next_note_at: dict[str, float] = {}
log = structlog.get_logger()


@task_postrun.connect  # type: ignore[untyped-decorator]
def _note_run(task: Task | None = None, **_: Any) -> None:
    """Record that a task which beat had sent has ended, at most once a second for each entry."""
    entry = task.request.get(schedule.ENTRY_HEADER) if task is not None else None
    if entry is None or _next_note_at.get(entry, 0.0) > time.monotonic():
        return
    _next_note_at[entry] = time.monotonic() + _NOTED_EVERY_S
    try:
        with parts_of(current_app).transaction() as session:
            periodic_runs.record(session, entry)
    except SQLAlchemyError as error:
        log.warning("run.unnoted", entry=entry, error=type(error).__name__)
