"""Notifications: each opened or closed incident is sent to every service of NOTIFY_URLS at least once."""

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
from tasks.notification_services import NotificationService
from tasks.parts import Parts
from tasks.quiet_tasks import QuietTask

AT_ONCE = 10
LONGEST_S = 10.0
# A claim outlives its sending by this much; after that another worker takes over from one that died.
MARGIN_S = 20.0
_TEST = Message(title="[test] notifications work", body="Incidents of the trading orchestrator will be reported here.")
log = structlog.get_logger()


@shared_task(name="notifications.tell_incidents", base=QuietTask)  # type: ignore[untyped-decorator]
def send_notifications() -> None:
    """Send notifications of new incident events, and repeat those that failed before."""
    parts = parts_of(current_app)
    if parts.settings.notify_urls:
        send_due_notifications(parts)


def send_due_notifications(parts: Parts) -> None:
    """Send the notifications that are due, within a deadline and with no transaction open."""
    services, within_s = notification_services.list_services(parts.settings), choose_deadline_s(parts.settings)
    with parts.transaction() as session:
        notifications.create_missing(session)
        claimed = notifications.claim(session, limit=AT_ONCE, lease_s=within_s + MARGIN_S)
    wanted = [(due, service) for due in claimed for service in services if service.mark not in due.delivered_to]
    errors = notification_services.send_messages(
        [(service, incidents.build_message(due.incident, due.event)) for due, service in wanted], within_s=within_s
    )
    for due in claimed:
        answers = [(service, error) for (which, service), error in zip(wanted, errors, strict=True) if which is due]
        _record_result(parts, due, answers)


def choose_deadline_s(settings: Settings) -> float:
    """Return how many seconds services may take: a task's time limit is a share of the lease."""
    return min(LONGEST_S, settings.lease_s / 2)


def send_test_notification(settings: Settings) -> list[tuple[NotificationService, str | None]]:
    """Send a test message to every service; return each service with None, or with the error."""
    services = notification_services.list_services(settings)
    errors = notification_services.send_messages([(service, _TEST) for service in services], within_s=LONGEST_S)
    return list(zip(services, errors, strict=True))


def _record_result(
    parts: Parts, due: DueNotification, answers: Sequence[tuple[NotificationService, str | None]]
) -> None:
    """Record which services accepted a notification, and log it as sent, failed or given up."""
    informed = due.delivered_to | {service.mark for service, error in answers if error is None}
    error = "; ".join(f"{service.name}: {error}" for service, error in answers if error is not None)
    with parts.transaction() as session:
        if error:
            notifications.record_failed(session, due, delivered_to=informed, error=error)
        else:
            notifications.record_sent(session, due, delivered_to=informed)
    fields = {"incident_id": str(due.incident_id), "kind": due.incident.kind, "told": due.event.value}
    if not error:
        log.info("notification.sent", **fields)
    elif due.is_last:
        log.error("notification.given_up", error=error, attempts=due.attempts, **fields)
    else:
        log.warning("notification.failed", error=error, attempts=due.attempts, **fields)
