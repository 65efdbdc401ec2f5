"""Canary tasks: every queue gets one every few seconds, so that a queue without a working worker raises an alarm."""

from __future__ import annotations

import time
from typing import Any

import structlog
from celery import Task, current_app, shared_task
from celery.signals import task_postrun

from db import canaries
from db.core.errors import SQLAlchemyError
from tasks import queues, schedule
from tasks.base_task import parts_of
from tasks.quiet_tasks import QuietTask

_NOTED_EVERY_S = 5.0
_next_note_at: dict[str, float] = {}
log = structlog.get_logger()


@shared_task(name="canaries.send_canaries", base=QuietTask)  # type: ignore[untyped-decorator]
def send_canaries() -> None:
    """Send a canary task to every queue, and log an error for each queue that has been silent for too long."""
    parts = parts_of(current_app)
    expires_s = parts.settings.canary_every_s + schedule.CLOCKS_APART_S
    sent = [name for name in queues.ALL if answer.apply_async(kwargs={"queue": name}, queue=name, expires=expires_s)]
    with parts.transaction() as session:
        canaries.record_sent(session, sent, parts.settings)
        late = canaries.list_late(session, parts.settings)
        canaries.update_incidents(session, late)
    for queue_state in late:
        log.error("queue.silent", queue=queue_state.queue, silent_s=round(queue_state.silent_s))


@shared_task(name="canaries.answer", base=QuietTask)  # type: ignore[untyped-decorator]
def answer(*, queue: str) -> None:
    """Record, as the canary task itself, that a worker of the queue takes tasks."""
    with parts_of(current_app).transaction() as session:
        canaries.record_seen(session, queue)


@task_postrun.connect  # type: ignore[untyped-decorator]
def _note_sign_of_life(task: Task | None = None, **_: Any) -> None:
    """Record a sign of life of the queue of a finished task, at most every five seconds.

    Behind a long backlog a canary is answered late although the workers take tasks.
    """
    queue = (task.request.delivery_info or {}).get("routing_key") if task is not None else None
    if queue in queues.ALL and _next_note_at.get(queue, 0.0) <= time.monotonic():
        _next_note_at[queue] = time.monotonic() + _NOTED_EVERY_S
        try:
            with parts_of(current_app).transaction() as session:
                canaries.record_seen(session, queue)
        except SQLAlchemyError as error:
            log.warning("canary.unnoted", queue=queue, error=type(error).__name__)
