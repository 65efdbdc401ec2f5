"""Messages in quarantine."""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from db.webhook_events import QuarantinedEvent


def a_quarantined_event(body: str) -> QuarantinedEvent:
    """Return a message in quarantine with this body, whose action was refused."""
    return QuarantinedEvent(
        event_id=UUID(int=7),
        source="desk",
        book="paper",
        received_at=datetime(2026, 3, 4, tzinfo=UTC),
        raw_body=body.encode(),
        errors={"action": ["is not known"]},
        redriven_at=None,
        redriven_signal_id=None,
    )
