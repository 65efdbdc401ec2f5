"""Findings: present problems that a periodic check finds, and their incidents, which close when a problem is gone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from db import incidents

_CLOSED_SINCE = text("""
    SELECT EXISTS (SELECT FROM incidents WHERE kind = :kind AND subject = :subject AND closed_at >= :since)
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A present problem: the kind and the subject of its incident, and the detail to store.

    `since` is set where a person may close the incident for good: it is opened again only for a problem that is newer.
    """

    kind: str
    subject: str
    detail: dict[str, Any]
    since: datetime | None = None


def update_incidents(session: Session, findings: Sequence[Finding], *, kinds: Collection[str]) -> list[Finding]:
    """Close the incidents of these kinds whose problem is gone, open one for each new problem, and return the new."""
    for kind in kinds:
        still = [finding.subject for finding in findings if finding.kind == kind]
        incidents.close_resolved(session, kind=kind, still=still)
    return [finding for finding in findings if _open_unless_dealt_with(session, finding)]


def is_open(session: Session, *, kind: str, subject: str) -> bool:
    """Return whether an incident of this kind about the subject is open."""
    query = text(
        "SELECT EXISTS (SELECT FROM incidents WHERE kind = :kind AND subject = :subject AND closed_at IS NULL)"
    )
    return bool(session.execute(query, {"kind": kind, "subject": subject}).scalar_one())


def _open_unless_dealt_with(session: Session, finding: Finding) -> bool:
    """Open the incident of a finding; return False when it is open already, or was closed since the finding began."""
    if finding.since is not None:
        parameters = {"kind": finding.kind, "subject": finding.subject, "since": finding.since}
        if session.execute(_CLOSED_SINCE, parameters).scalar_one():
            return False
    return incidents.open_(session, kind=finding.kind, subject=finding.subject, detail=finding.detail)
