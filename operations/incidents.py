"""Operation on incidents: closing one that was dealt with."""

from __future__ import annotations

from uuid import UUID

from db import incidents
from db.core.session import Session
from operations.audit_entry import AuditContext


class NotOpen(LookupError):
    """There is no open incident with that id."""


def close(session: Session, incident_id: UUID, *, audit: AuditContext) -> dict[str, str]:
    """Close an incident; a new one is opened when its cause is seen again.

    Raises:
        NotOpen
    """
    if not incidents.close(session, incident_id):
        raise NotOpen(f"no incident {incident_id} is open")
    audit.write_entry(session, "incident.closed", str(incident_id))
    return {"incident_id": str(incident_id), "status": "closed"}
