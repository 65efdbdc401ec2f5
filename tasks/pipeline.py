"""The chain of stages of a signal; other packages reach the tasks through this module only."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from uuid import UUID

import structlog
from celery import current_app

from config.settings import Settings
from db.due_signals import DueSignal
from domain.signal import Stage
from tasks import chains, exit_tasks, failpoints, live_broker, notifications, parts, queues
from tasks.celery_app import make_celery
from tasks.stages.assign_variant import assign_variant
from tasks.stages.dispatch_engines import dispatch_engines
from tasks.stages.record_outcome import record_outcome
from tasks.stages.resolve_policy import resolve_policy
from tasks.stages.snapshot_context import snapshot_context

SENDING_S = 1.0
QUEUES = queues.ALL
BATCH = chains.BATCH
log = structlog.get_logger()
prepare = parts.prepare
reach = failpoints.reach
open_account = live_broker.open_account
AccountUnusable = live_broker.AccountUnusable
send_test_notification = notifications.send_test_notification
enqueue = chains.enqueue
resume = chains.resume

chains.define(
    {
        Stage.RECEIVED: snapshot_context,
        Stage.CONTEXT_CAPTURED: assign_variant,
        Stage.VARIANT_ASSIGNED: resolve_policy,
        Stage.POLICY_RESOLVED: dispatch_engines,
        Stage.DISPATCHED: record_outcome,
    }
)


def connect(settings: Settings) -> None:
    """Configure Celery in this process, so that it can send tasks; repeated calls do nothing."""
    if current_app.conf.get("orchestrator_settings") != settings:
        make_celery(settings)


def send_due_signals(settings: Settings, due: Collection[DueSignal]) -> bool:
    """Enqueue stored signals from the stages they have reached, each alone; return whether all were sent."""
    return _send_within_limit(settings, [([signal.signal_id], signal.stage) for signal in due])


def send_stored_signals(settings: Settings, signal_ids: Sequence[UUID]) -> bool:
    """Enqueue stored signals; return whether all were sent."""
    batches = [signal_ids[start : start + BATCH] for start in range(0, len(signal_ids), BATCH)]
    return _send_within_limit(settings, [(batch, Stage.RECEIVED) for batch in batches])


def _send_within_limit(settings: Settings, batches: Iterable[tuple[Sequence[UUID], Stage]]) -> bool:
    """Enqueue batches for about a second at most; return whether all were sent. The sweep sends the rest."""
    ends = time.monotonic() + SENDING_S
    try:
        connect(settings)
        for signal_ids, reached in batches:
            if time.monotonic() > ends:
                return False
            enqueue(signal_ids, reached=reached)
    except Exception as error:  # noqa: BLE001 - message brokers fail in many ways; the sweep covers all of them
        log.warning("signals.not_sent", error=type(error).__name__)
        return False
    return True


def finish_exits(book: str, *, until: datetime, at_end: bool = False) -> None:
    """Enqueue all exits of a replay's book up to `until`; `at_end` closes open trades on the last quote."""
    exit_tasks.finish_exits.apply_async(kwargs={"book": book, "until": until.isoformat(), "at_end": at_end})
