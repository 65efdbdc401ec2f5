"""The beat schedule: periodic tasks and their intervals; each of them is safe to run twice at once."""

from __future__ import annotations

from typing import Any

from config.settings import Settings
from tasks import queues

EXITS_EVERY_S = 1.0
RECONCILE_EVERY_S = 1.0
POSITIONS_EVERY_S = 300.0
WATCH_EVERY_S = 30.0
NOTIFY_EVERY_S = 5.0
HEARTBEAT_EVERY_S = 60.0
EXPIRE_EVERY_S = 600.0
# The two workers that send and answer canaries have clocks of their own, which may be minutes apart.
CLOCKS_APART_S = 900.0
ENTRY_HEADER = "beat_entry"


def build_schedule(settings: Settings) -> dict[str, dict[str, Any]]:
    """Return the beat schedule; each message carries the name of its entry."""
    poll_s = settings.signal_poll_interval_ms / 1000
    entries = {
        "resume_stalled": _build_entry("sweeps.resume_stalled", every_s=poll_s, queue=queues.MAINTENANCE),
        "sync_exits": _build_entry("exits.sync_exits", every_s=EXITS_EVERY_S, queue=queues.EXITS),
        "flatten_books": _build_entry("exits.flatten_books", every_s=EXITS_EVERY_S, queue=queues.EXITS),
        "reconcile_orders": _build_entry("orders.reconcile_orders", every_s=RECONCILE_EVERY_S, queue=queues.ORDERS),
        # Sent by two workers, so that the one is noticed by the other when it is stuck.
        "send_canaries": _build_entry(
            "canaries.send_canaries", every_s=settings.canary_every_s, queue=queues.MAINTENANCE
        ),
        "send_canaries_too": _build_entry(
            "canaries.send_canaries", every_s=settings.canary_every_s, queue=queues.EXITS
        ),
        "watch_sources": _build_entry("sweeps.watch_sources", every_s=WATCH_EVERY_S, queue=queues.MAINTENANCE),
        "watch_problems": _build_entry("sweeps.watch_problems", every_s=WATCH_EVERY_S, queue=queues.MAINTENANCE),
        "expire_quarantine": _build_entry("sweeps.expire_quarantine", every_s=EXPIRE_EVERY_S, queue=queues.MAINTENANCE),
        "tell_incidents": _build_entry(
            "notifications.tell_incidents", every_s=NOTIFY_EVERY_S, queue=queues.MAINTENANCE
        ),
        "send_heartbeat": _build_entry(
            "notifications.send_heartbeat", every_s=HEARTBEAT_EVERY_S, queue=queues.MAINTENANCE
        ),
        "check_positions": _build_entry("orders.check_positions", every_s=POSITIONS_EVERY_S, queue=queues.ORDERS),
    }
    for name, entry in entries.items():
        entry["options"]["headers"] = {ENTRY_HEADER: name}
    return entries


def list_intervals(settings: Settings) -> dict[str, float]:
    """Return the interval of each entry, in seconds."""
    return {name: float(entry["schedule"]) for name, entry in build_schedule(settings).items()}


def _build_entry(task: str, *, every_s: float, queue: str) -> dict[str, Any]:
    """Build the schedule's entry of a task."""
    return {"task": task, "schedule": every_s, "options": {"queue": queue}}
