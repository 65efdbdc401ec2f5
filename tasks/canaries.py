"""Canary tasks: each queue is sent one every few seconds, so that a worker that takes nothing is noticed."""

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

_NOTED_EVERY_S = 5.0
_noted: dict[str, float] = {}
log = structlog.get_logger()


@shared_task(name="canaries.send_canaries")  # type: ignore[untyped-decorator]
def send_canaries() -> None:
    """Send every queue a canary, and raise the alarm about those that have been silent for too long."""
    parts = parts_of(current_app)
    expires_s = parts.settings.canary_every_s + schedule.CLOCKS_APART_S
    sent = [one for one in queues.ALL if answer.apply_async(kwargs={"queue": one}, queue=one, expires=expires_s)]
    with parts.transaction() as session:
        canaries.record_sent(session, sent, parts.settings)
        late = canaries.list_late(session, parts.settings)
    for one in late:
        log.error("queue.silent", queue=one.queue, silent_s=round(one.silent_s))


@shared_task(name="canaries.answer")  # type: ignore[untyped-decorator]
def answer(*, queue: str) -> None:
    """Say that a worker of the queue takes tasks."""
    with parts_of(current_app).transaction() as session:
        canaries.record_seen(session, queue)


@task_postrun.connect  # type: ignore[untyped-decorator]
def _note(task: Task | None = None, **_: Any) -> None:
    """Take every task for a sign of life: a canary behind a long backlog comes late, and nobody is stuck."""
    queue = (task.request.delivery_info or {}).get("routing_key") if task is not None else None
    if queue in queues.ALL and _noted.get(queue, 0.0) <= time.monotonic():
        _noted[queue] = time.monotonic() + _NOTED_EVERY_S
        try:
            with parts_of(current_app).transaction() as session:
                canaries.record_seen(session, queue)
        except SQLAlchemyError as error:
            log.warning("canary.unnoted", queue=queue, error=type(error).__name__)
