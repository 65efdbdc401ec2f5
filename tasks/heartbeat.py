"""Heartbeat to a monitor elsewhere: sent only while everything works, so that its absence says that all is dead."""

from __future__ import annotations

import http.client
import ssl
import time

import structlog
from celery import current_app, shared_task

from config import data_disk
from config.settings import Settings
from db import canaries, periodic_runs, pipeline_problems
from db.canaries import QueueState
from db.core.session import Session
from engines import addresses, http_client
from engines.addresses import AddressRefused, Endpoint
from engines.http_client import HttpRequest
from tasks import queues
from tasks.base_task import parts_of
from tasks.notifications import choose_deadline_s
from tasks.parts import Parts
from tasks.quiet_tasks import QuietTask

_MAX_ANSWER = 65_536
log = structlog.get_logger()


@shared_task(name="notifications.send_heartbeat", base=QuietTask)  # type: ignore[untyped-decorator]
def send_heartbeat() -> None:
    """Call NOTIFY_HEARTBEAT_URL, unless something does not work; that is logged, and the monitor misses the call."""
    parts = parts_of(current_app)
    if parts.settings.notify_heartbeat_url is not None:
        send_if_working(parts)


def send_if_working(parts: Parts) -> bool:
    """Send the heartbeat with no transaction open, unless something does not work; return whether it was accepted."""
    with parts.transaction() as session:
        obstacles = find_obstacles(session, parts.settings)
    error = "; ".join(obstacles) or _call_monitor(parts.settings)
    if error:
        log.error("heartbeat.withheld" if obstacles else "heartbeat.failed", error=error)
    return not error


def find_obstacles(session: Session, settings: Settings) -> list[str]:
    """Return what does not work: queues without workers, late entries of beat, waiting work, a full disk."""
    states = {health.queue: health.state for health in canaries.list_all(session, settings)}
    silent = [name for name in queues.ALL if states.get(name) is not QueueState.ANSWERING]
    late = [run.entry for run in periodic_runs.list_all(session, settings) if run.is_late]
    waiting = [finding.subject for finding in pipeline_problems.find_waiting_work(session)]
    is_short = data_disk.is_short(settings.data_dir)
    return [
        *(["the disk is nearly full"] if is_short else []),
        *(f"the queue {name} does not answer" for name in silent),
        *(f"{entry} is late" for entry in late),
        *(f"work waits in {name}" for name in waiting),
    ]


def _call_monitor(settings: Settings) -> str:
    """Call the monitor within a deadline; return the error, which never holds the URL, or an empty text."""
    assert settings.notify_heartbeat_url is not None  # noqa: S101 - its task checks that
    endpoint = Endpoint.parse(settings.notify_heartbeat_url.reveal())
    deadline_at = time.monotonic() + choose_deadline_s(settings)
    try:
        hosts = addresses.resolve(endpoint, allowed=settings.notify_hosts_allowed, deadline_at=deadline_at)
        response = http_client.post(_build_request(endpoint, hosts), deadline_at=deadline_at)
    except AddressRefused:
        return "the monitor has no public address, and NOTIFY_HOSTS_ALLOWED does not name it"
    except (OSError, http.client.HTTPException, http_client.AnswerTooLarge) as error:
        return type(error).__name__
    return "" if 200 <= response.status < 300 else f"answered {response.status}"


def _build_request(endpoint: Endpoint, hosts: list[str]) -> HttpRequest:
    return HttpRequest(
        endpoint=endpoint,
        addresses=hosts,
        headers={"Content-Type": "application/json"},
        body=b"{}",
        max_answer=_MAX_ANSWER,
        tls=ssl.create_default_context() if endpoint.scheme == "https" else None,
    )
