"""Sweeps: stalled signals are enqueued again; those that failed too often become dead letters."""

from __future__ import annotations

from functools import partial

import structlog
from celery import current_app, shared_task
from kombu.exceptions import OperationalError as BrokerUnavailable

from db import clock_steps, due_signals, failures, periodic_runs, quarantine_quota
from db.source_health import watch
from domain.signal import Stage
from tasks import pipeline, queue_lengths
from tasks.base_task import parts_of
from tasks.parts import Parts
from tasks.queues import PIPELINE
from tasks.quiet_tasks import QuietTask

GRACE_SHARE = 1 / 6
BEHIND_S = 5.0
_EXPIRED_AT_ONCE = 10_000
log = structlog.get_logger()


@shared_task(name="sweeps.resume_stalled", base=QuietTask, throws=(BrokerUnavailable,))  # type: ignore[untyped-decorator]
def resume_stalled() -> str | None:
    """Enqueue stalled signals again, oldest first, until none is due or the message broker does not answer."""
    parts = parts_of(current_app)
    forget_clock_that_was_set_back(parts)
    mark_lost_signals_dead(parts)
    try:
        resumed = resume_due_signals(parts)
    except BrokerUnavailable as error:
        log.warning("sweep.ended", error=str(error))
        return None
    return f"{resumed} resumed" if resumed else None


def resume_due_signals(parts: Parts) -> int:
    """Enqueue due signals again, batch by batch; return how many there were.

    Raises:
        BrokerUnavailable: when the message broker does not answer; signals not taken by then stay due.
    """
    grace_s, batch, sent = (
        _choose_grace_s(parts, waiting=count_waiting_messages()),
        parts.settings.max_signals_per_batch,
        0,
    )
    while (taken := _resume_batch(parts, limit=batch, grace_s=grace_s)) == batch:
        sent += taken
    return sent + taken


def _resume_batch(parts: Parts, *, limit: int, grace_s: float) -> int:
    """Take up to `limit` due signals and enqueue them; return how many were taken."""
    with parts.transaction() as session:
        due = due_signals.take(session, limit=limit, grace_s=grace_s)
    pipeline.resume(due)
    if due:
        log.warning("signals.resumed", count=len(due))
    return len(due)


def count_waiting_messages() -> int:
    """Return how many messages wait for a worker of the pipeline.

    Raises:
        BrokerUnavailable: when the message broker does not answer.
    """
    with current_app.connection_or_acquire() as connection:
        count_messages = connection.autoretry(
            partial(queue_lengths.count_waiting, PIPELINE),
            channel=connection.default_channel,
            max_retries=1,
            interval_start=0,
        )
        length, _ = count_messages()
    return int(length)


def _choose_grace_s(parts: Parts, *, waiting: int) -> float:
    """Return how many seconds an enqueued signal may take to be claimed before it is enqueued again.

    When no message waits, the signal's own is most likely lost. In a long queue it most likely waits, and another one
    would only make the queue longer.
    """
    return parts.settings.lease_s + BEHIND_S if waiting else parts.settings.lease_s * GRACE_SHARE


@shared_task(name="sweeps.watch_sources", base=QuietTask)  # type: ignore[untyped-decorator]
def watch_sources() -> None:
    """Open incidents about sources that fell silent, alerts that TradingView is about to stop, and late entries."""
    parts = parts_of(current_app)
    with parts.transaction() as session:
        new = watch.update_incidents(session)
        runs = periodic_runs.list_all(session, parts.settings)
        periodic_runs.update_incident(session, runs, is_stuck=False)
    for incident in new:
        log.error("incident.opened", kind=incident.kind, subject=incident.subject, **incident.detail)


def forget_clock_that_was_set_back(parts: Parts) -> None:
    """Make work due again whose time lies too far ahead because the database's clock was set back meanwhile."""
    settings = parts.settings
    with parts.transaction() as session:
        cut = clock_steps.cut_future_times(
            session, lease_s=settings.lease_s, backoff_s=settings.worker_backoff_ms / 1000
        )
    if cut.is_any:
        log.error("clock.was_set_back", signals=cut.signals, orders=cut.orders, notifications=cut.notifications)


@shared_task(name="sweeps.expire_quarantine", base=QuietTask)  # type: ignore[untyped-decorator]
def expire_quarantine() -> str | None:
    """Remove messages that were in quarantine for long enough."""
    with parts_of(current_app).transaction() as session:
        removed = quarantine_quota.remove_old(session, limit=_EXPIRED_AT_ONCE)
    return f"{removed} removed" if removed else None


def mark_lost_signals_dead(parts: Parts) -> None:
    """Mark signals dead whose workers died too often, and store a dead letter for each."""
    with parts.transaction() as session:
        for row in due_signals.mark_lost_dead(session):
            failures.record(
                session,
                row["signal_id"],
                stage=Stage(row["stage"] + 1).name.lower(),
                error=row["last_error"],
                traceback_hash="",
                attempt=row["attempts"],
                dead=True,
            )
            log.error("signal.dead", signal_id=str(row["signal_id"]), error=row["last_error"])
