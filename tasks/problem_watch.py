"""Watching for problems that nobody reports by itself: each is an incident that ends when the problem does."""

from __future__ import annotations

import structlog
from celery import current_app, shared_task

from config import data_disk
from db import incident_findings, order_incidents, pipeline_problems, position_problems, quarantine_quota
from db.core.session import Session
from db.incident_findings import Finding
from domain.books import LIVE_BOOK
from domain.disk_space import DiskSpace
from tasks.base_task import parts_of
from tasks.parts import Parts
from tasks.quiet_tasks import QuietTask

DISK_LOW = "disk_low"
_DATA = "data directory"
KINDS = (*pipeline_problems.KINDS, *position_problems.KINDS, quarantine_quota.FULL, DISK_LOW)
log = structlog.get_logger()


@shared_task(name="sweeps.watch_problems", base=QuietTask)  # type: ignore[untyped-decorator]
def watch_problems() -> str | None:
    """Open incidents about problems of the pipeline, of open positions and of the disk, and close those that are over.

    Returns:
        How many are new.
    """
    new = update_incidents(parts_of(current_app))
    for incident in new:
        log.error("incident.opened", kind=incident.kind, subject=incident.subject, **incident.detail)
    return f"{len(new)} new" if new else None


def update_incidents(parts: Parts) -> list[Finding]:
    """Bring the incidents of all kinds watched here up to date; return the new ones."""
    space = data_disk.measure(parts.settings.data_dir)
    now = parts.clock.now(LIVE_BOOK)
    with parts.transaction() as session:
        findings = [
            *pipeline_problems.find_problems(session),
            *position_problems.find_problems(session, now=now),
            *quarantine_quota.find_full(session),
            *_find_low_disk(session, space),
        ]
        order_incidents.close_settled(session)
        return incident_findings.update_incidents(session, findings, kinds=KINDS)


def _find_low_disk(session: Session, space: DiskSpace | None) -> list[Finding]:
    was_low = incident_findings.is_open(session, kind=DISK_LOW, subject=_DATA)
    if space is None or not space.is_low(was_low=was_low):
        return []
    return [Finding(kind=DISK_LOW, subject=_DATA, detail={"free_percent": space.free_percent, "free": space.free})]
