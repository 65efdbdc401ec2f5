"""Sweeps: what should be on its way and is not is sent again; what failed too often is given up."""

from __future__ import annotations

from typing import Any

import structlog
from celery import current_app, shared_task
from kombu.exceptions import OperationalError as BrokerAway

from db import failures, signals
from db.source_health import watch
from domain.signal import Stage
from tasks import pipeline
from tasks.base_task import parts_of
from tasks.parts import Parts
from tasks.queues import PIPELINE

GRACE_SHARE = 1 / 6
BEHIND_S = 5.0
log = structlog.get_logger()


@shared_task(name="sweeps.resume_stalled", throws=(BrokerAway,))  # type: ignore[untyped-decorator]
def resume_stalled() -> None:
    """Send stalled signals on, oldest first, until none is due or the broker is away."""
    parts = parts_of(current_app)
    bury(parts)
    try:
        sweep(parts)
    except BrokerAway as error:
        log.warning("sweep.ended", error=str(error))


def sweep(parts: Parts) -> int:
    """Send on what is due, batch by batch; returns how many signals that were.

    Raises:
        BrokerAway: when the broker does not answer; what was not taken by then stays due.
    """
    grace_s, batch, sent = _grace_s(parts, waiting=pipeline_length()), parts.settings.max_signals_per_batch, 0
    while (taken := _send_due(parts, limit=batch, grace_s=grace_s)) == batch:
        sent += taken
    return sent + taken


def _send_due(parts: Parts, *, limit: int, grace_s: float) -> int:
    with parts.transaction() as session:
        due = signals.take_due(session, limit=limit, grace_s=grace_s)
    pipeline.resume(due)
    if due:
        log.warning("signals.resumed", count=len(due))
    return len(due)


def pipeline_length() -> int:
    """Return how many messages wait for a worker of the pipeline.

    Raises:
        BrokerAway: when the broker does not answer.
    """
    with current_app.connection_or_acquire() as connection:
        asked = connection.autoretry(_length, channel=connection.default_channel, max_retries=1, interval_start=0)
        length, _ = asked()
    return int(length)


def _length(*, channel: Any) -> int:
    try:
        return int(channel.queue_declare(PIPELINE, passive=True).message_count)
    except channel.connection.client.channel_errors:
        return 0  # Redis has no empty queues


def _grace_s(parts: Parts, *, waiting: int) -> float:
    """Return how long a signal that was sent may be on its way before it is sent again.

    Where no message waits, its own is most likely lost. In a long queue it most likely waits, and one more would make
    the queue longer.
    """
    return parts.settings.lease_s + BEHIND_S if waiting else parts.settings.lease_s * GRACE_SHARE


@shared_task(name="sweeps.watch_sources")  # type: ignore[untyped-decorator]
def watch_sources() -> None:
    """Raise the alarm about sources that fell silent, or whose alerts TradingView is about to stop."""
    with parts_of(current_app).transaction() as session:
        new = watch.update_incidents(session)
    for one in new:
        log.error("incident.opened", kind=one.kind, subject=one.subject, **one.detail)


def bury(parts: Parts) -> None:
    """Turn signals whose workers died too often into dead letters."""
    with parts.transaction() as session:
        for row in signals.mark_lost_dead(session):
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
