"""Problems of sources, kept as incidents: silence, missing alerts, and alerts that TradingView stops or will stop."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

from db import incidents
from db.incident_findings import Finding
from db.source_health import gaps
from domain.books import STANDING_BOOKS

SILENT, TOO_FAST, EXPIRING, MISSING = "source_silent", "alerts_too_fast", "alerts_expire", "alerts_missing"
KINDS = (SILENT, TOO_FAST, EXPIRING, MISSING)
# TradingView stops an alert without notice when it fires more than 15 times in 3 minutes, and two months after it was
# created; the incidents come before either.
FAST, FAST_WITHIN_S = 12, 180
EXPIRES_AFTER_DAYS, WARNED_DAYS_BEFORE = 60, 7

_SILENT = text("""
    SELECT name AS subject, heartbeat_s, last_at FROM sources CROSS JOIN LATERAL (
        SELECT greatest(created_at, last_bar_at, (SELECT max(stored_at) FROM signals WHERE source = name),
            (SELECT max(received_at) FROM webhook_events WHERE source = name)) AS last_at) AS heard
    WHERE enabled AND book = ANY(:books) AND last_at < clock_timestamp() - make_interval(secs => heartbeat_s)
    ORDER BY name
""")
_TOO_FAST = text("""
    SELECT name || ' ' || symbol || CASE WHEN signals.strategy = '' THEN '' ELSE ' ' || signals.strategy END AS subject,
        count(*) AS times
    FROM sources JOIN signals ON signals.source = name
    WHERE enabled AND sources.book = ANY(:books)
      AND stored_at > clock_timestamp() - make_interval(secs => :within_s)
    GROUP BY name, symbol, signals.strategy HAVING count(*) >= :fast ORDER BY 1
""")
_EXPIRING = text("""
    SELECT name AS subject, renewed_at FROM sources
    WHERE enabled AND book = ANY(:books) AND renewed_at < clock_timestamp() - make_interval(days => :after_days)
      AND EXISTS (SELECT FROM signals WHERE source = name AND stored_at > renewed_at)
    ORDER BY name
""")


def find_problems(session: Session) -> list[Finding]:
    """Return the present problems of the sources of the standing books."""
    parameters = {
        "books": list(STANDING_BOOKS),
        "within_s": FAST_WITHIN_S,
        "fast": FAST,
        "after_days": EXPIRES_AFTER_DAYS - WARNED_DAYS_BEFORE,
    }
    silent = [
        Finding(
            kind=SILENT, subject=row.subject, detail={"since": row.last_at.isoformat(), "heartbeat_s": row.heartbeat_s}
        )
        for row in session.execute(_SILENT, parameters)
    ]
    fast = [
        Finding(kind=TOO_FAST, subject=row.subject, detail={"alerts": row.times, "within_s": FAST_WITHIN_S})
        for row in session.execute(_TOO_FAST, parameters)
    ]
    expiring = [
        Finding(kind=EXPIRING, subject=row.subject, detail={"renewed_at": row.renewed_at.isoformat()})
        for row in session.execute(_EXPIRING, parameters)
    ]
    missing = [
        Finding(kind=MISSING, subject=gap.subject, detail=gap.detail) for gap in gaps.find(session, kind=MISSING)
    ]
    return [*silent, *fast, *expiring, *missing]


def update_incidents(session: Session) -> list[Finding]:
    """Open an incident for each new problem, close those whose cause is over, and return the new problems.

    A gap whose incident somebody closed is not opened again: its missing alerts will hardly arrive any more.
    """
    findings = find_problems(session)
    for kind in KINDS:
        incidents.close_resolved(
            session, kind=kind, still=[finding.subject for finding in findings if finding.kind == kind]
        )
    known = incidents.find_reported_subjects(
        session, kind=MISSING, subjects=[finding.subject for finding in findings if finding.kind == MISSING]
    )
    fresh = [finding for finding in findings if finding.kind != MISSING or finding.subject not in known]
    return [
        finding
        for finding in fresh
        if incidents.open_(session, kind=finding.kind, subject=finding.subject, detail=finding.detail)
    ]
