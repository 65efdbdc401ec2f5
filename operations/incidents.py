"""Closing incidents as people do it: with what was found and done, in the audit log."""

from __future__ import annotations

from uuid import UUID

from db import incidents
from db.core.session import Session
from operations.act import Act


class NotOpen(LookupError):
    """There is no open incident of that id."""


def close(session: Session, incident_id: UUID, *, act: Act) -> None:
    """Close an incident; a new one is opened when its cause is seen again.

    Raises:
        NotOpen
    """
    if not incidents.close(session, incident_id):
        raise NotOpen(f"no incident {incident_id} is open")
    act.write_down(session, "incident.closed", str(incident_id))
