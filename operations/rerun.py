"""Operation that gives unfinished signals fresh attempts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

import structlog

from config.settings import Settings
from db import due_signals
from db.core.session import Database, Session
from db.due_signals import DueSignal
from operations.audit_entry import AuditContext

log = structlog.get_logger()


class RerunRefused(ValueError):
    """Signals cannot be rerun; `reasons` holds the reason for each of them."""

    def __init__(self, reasons: Mapping[UUID, str]) -> None:
        super().__init__("; ".join(f"{signal_id}: {reason}" for signal_id, reason in reasons.items()))
        self.reasons = reasons


def rerun(
    settings: Settings, database: Database, signal_ids: Collection[UUID], *, audit: AuditContext
) -> dict[str, Any]:
    """Give unfinished signals fresh attempts and send them on; everything stored about them stays.

    Returns:
        `signal_ids`, as they were given. `enqueued`: whether they were sent to the workers; when the broker cannot be
        reached they are due all the same, and the sweep sends them.

    Raises:
        RerunRefused: naming those that are done, leased, out at a venue or unknown; then none is rerun.
    """
    from tasks import pipeline  # noqa: PLC0415 - loading Celery takes a second, and most processes never rerun a signal

    with database.transaction() as session:
        due = _reopen(session, signal_ids)
        subject, ids = f"{len(due)} signals", sorted(str(signal.signal_id) for signal in due)
        audit.write_entry(session, "signals.rerun", subject, signal_ids=ids)
    log.info("signals.rerun", count=len(due), actor=audit.actor, reason=audit.reason)
    return {
        "signal_ids": [str(signal_id) for signal_id in signal_ids],
        "enqueued": pipeline.send_due_signals(settings, due),
    }


def _reopen(session: Session, signal_ids: Collection[UUID]) -> list[DueSignal]:
    due = due_signals.reopen(session, signal_ids)
    refused = set(signal_ids) - {signal.signal_id for signal in due}
    if refused:
        raise RerunRefused(due_signals.explain_refused_reruns(session, refused))
    return due
