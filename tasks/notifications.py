"""Telling people of incidents: each that begins or ends is told to every service of NOTIFY_URLS at least once."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from celery import current_app, shared_task

from config.settings import Settings
from db import notifications
from db.notifications import DueNotification
from domain import incidents
from domain.incidents import Message
from tasks import notification_services
from tasks.base_task import parts_of
from tasks.notification_services import Service
from tasks.parts import Parts

AT_ONCE = 10
LONGEST_S = 10.0
# A claim outlives its sending by this much; a worker that died is followed by another then.
MARGIN_S = 20.0
_TEST = Message(title="[test] notifications work", body="Incidents of the trading orchestrator will be told here.")
log = structlog.get_logger()


@shared_task(name="notifications.tell_incidents")  # type: ignore[untyped-decorator]
def tell_incidents() -> None:
    """Tell what is new of incidents, and what could not be told before."""
    parts = parts_of(current_app)
    if parts.settings.notify_urls:
        tell(parts)


def tell(parts: Parts) -> None:
    """Tell once what is due; with a deadline, and nothing open while services are talked to."""
    services, within_s = notification_services.services(parts.settings), deadline_s(parts.settings)
    with parts.transaction() as session:
        notifications.create_missing(session)
        claimed = notifications.claim(session, limit=AT_ONCE, lease_s=within_s + MARGIN_S)
    wanted = [(due, one) for due in claimed for one in services if one.mark not in due.told]
    errors = notification_services.send(
        [(one, incidents.build_message(due.incident, due.event)) for due, one in wanted], within_s=within_s
    )
    for due in claimed:
        answers = [(one, error) for (which, one), error in zip(wanted, errors, strict=True) if which is due]
        _record(parts, due, answers)


def deadline_s(settings: Settings) -> float:
    """Return how long services may take; a task's limit is a share of the lease."""
    return min(LONGEST_S, settings.lease_s / 2)


def send_test(settings: Settings) -> list[tuple[Service, str | None]]:
    """Send every service a test message; return what became of each: None when it was taken, else why not."""
    services = notification_services.services(settings)
    errors = notification_services.send([(one, _TEST) for one in services], within_s=LONGEST_S)
    return list(zip(services, errors, strict=True))


def _record(parts: Parts, due: DueNotification, answers: Sequence[tuple[Service, str | None]]) -> None:
    told = due.told | {one.mark for one, error in answers if error is None}
    error = "; ".join(f"{one.name}: {error}" for one, error in answers if error is not None)
    with parts.transaction() as session:
        if error:
            notifications.record_failed(session, due, told=told, error=error)
        else:
            notifications.record_sent(session, due, told=told)
    given = {"incident_id": str(due.incident_id), "kind": due.incident.kind, "told": due.event.value}
    if not error:
        log.info("notification.sent", **given)
    elif due.is_last:
        log.error("notification.given_up", error=error, attempts=due.attempts, **given)
    else:
        log.warning("notification.failed", error=error, attempts=due.attempts, **given)
