"""Incidents: conditions that need a person's attention; at most one is open for each kind and subject."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from db.core.listing import PageQuery, SortKey

_OPEN = text("""
    INSERT INTO incidents (kind, subject, detail) VALUES (:kind, :subject, cast(:detail AS jsonb))
    ON CONFLICT (kind, subject) WHERE closed_at IS NULL DO NOTHING RETURNING incident_id
""")
_CLOSE = text("""
    UPDATE incidents SET closed_at = clock_timestamp() WHERE incident_id = :id AND closed_at IS NULL
    RETURNING incident_id
""")
_LIST = text("""
    SELECT incident_id, kind, subject, detail, opened_at FROM incidents WHERE closed_at IS NULL
    ORDER BY opened_at, incident_id
""")

INCIDENTS = PageQuery(
    select="SELECT incident_id, kind, subject, detail, opened_at, closed_at FROM incidents",
    conditions={"kind": "kind = :kind", "subject": "subject = :subject", "open": "(closed_at IS NULL) = :open"},
    order=(
        SortKey(column="opened_at", kind=datetime, sql="opened_at"),
        SortKey(column="incident_id", kind=UUID, sql="incident_id"),
    ),
)


def open_(session: Session, *, kind: str, subject: str, detail: dict[str, Any]) -> bool:
    """Open an incident; return False when one of this kind about the subject is open already."""
    parameters = {"kind": kind, "subject": subject, "detail": json.dumps(detail)}
    return session.execute(_OPEN, parameters).one_or_none() is not None


def close(session: Session, incident_id: UUID) -> bool:
    """Close an incident; return False when it was not open."""
    return session.execute(_CLOSE, {"id": incident_id}).one_or_none() is not None


def close_resolved(session: Session, *, kind: str, still: Collection[str]) -> None:
    """Close a kind's open incidents whose subject is not in `still`, the subjects that still have the problem."""
    query = text("""
        UPDATE incidents SET closed_at = clock_timestamp()
        WHERE kind = :kind AND closed_at IS NULL AND subject <> ALL(:still)
    """)
    session.execute(query, {"kind": kind, "still": list(still)})


def update(session: Session, *, kind: str, details: Mapping[str, dict[str, Any]]) -> list[str]:
    """Open an incident for each subject in `details`, close the kind's others, and return the subjects that are new."""
    close_resolved(session, kind=kind, still=list(details))
    return [subject for subject, detail in details.items() if open_(session, kind=kind, subject=subject, detail=detail)]


def find_reported_subjects(session: Session, *, kind: str, subjects: Collection[str]) -> set[str]:
    """Return the subjects about which an incident of this kind was ever opened."""
    query = text("SELECT subject FROM incidents WHERE kind = :kind AND subject = ANY(:subjects)")
    return set(session.execute(query, {"kind": kind, "subjects": list(subjects)}).scalars())


def list_open(session: Session) -> list[RowMapping]:
    """Return the open incidents, oldest first."""
    return list(session.execute(_LIST).mappings())
