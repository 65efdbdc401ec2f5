"""Stages that were sent by hand, as a retry from Flower: signals that wait go on, others are refused with a reason."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import structlog

from db import due_signals
from tasks import chains
from tasks.parts import Parts

log = structlog.get_logger()


class ManualRunRefused(ValueError):
    """Signals of a task that was sent by hand do not go on; the message says why, and which command helps."""


def send_on(parts: Parts, signal_ids: Sequence[str]) -> str:
    """Send signals on from their first unfinished stage, each in a chain and under a lock of its own.

    Returns:
        How many were sent.

    Raises:
        ManualRunRefused: naming those that are done, given up, being worked on or unknown; the others are sent.
    """
    ids = [_parse_id(signal_id) for signal_id in signal_ids]
    with parts.transaction() as session:
        due = due_signals.hasten(session, ids)
        refused = set(ids) - {signal.signal_id for signal in due}
        reasons = due_signals.explain_refused_runs(session, refused)
    for signal in due:
        chains.enqueue([signal.signal_id], reached=signal.stage)
    log.info("signals.sent_by_hand", count=len(due), refused=len(reasons))
    if reasons or not ids:
        raise ManualRunRefused("; ".join(reasons.values()) or "signal_ids: name at least one signal")
    return f"{len(due)} sent on"


def _parse_id(signal_id: str) -> UUID:
    try:
        return UUID(str(signal_id))
    except ValueError:
        raise ManualRunRefused(f"signal_ids: {str(signal_id)[:50]!r} is not the id of a signal") from None
