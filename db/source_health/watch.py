"""Watching the sources: who fell silent, whose alerts never came, or will be stopped by TradingView before long."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from db import incidents
from db.source_health import gaps
from domain.books import STANDING_BOOKS

SILENT, TOO_FAST, EXPIRING, MISSING = "source_silent", "alerts_too_fast", "alerts_expire", "alerts_missing"
KINDS = (SILENT, TOO_FAST, EXPIRING, MISSING)
# TradingView stops an alert without a word when it fires more than 15 times in 3 minutes, and two months after it was
# made; both are warned of before.
FAST, FAST_WITHIN_S = 12, 180
EXPIRES_AFTER_DAYS, WARNED_DAYS_BEFORE = 60, 7

_SILENT = text("""
    SELECT name AS subject, heartbeat_s, last_at FROM sources CROSS JOIN LATERAL (
        SELECT greatest(created_at, (SELECT max(stored_at) FROM signals WHERE source = name),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFinding:
    """One thing an owner should know of: its kind, what it is about, and how it is told."""

    kind: str
    subject: str
    detail: dict[str, Any]


def find_problems(session: Session) -> list[SourceFinding]:
    """Return what is the matter with the sources of the standing books now."""
    given = {
        "books": list(STANDING_BOOKS),
        "within_s": FAST_WITHIN_S,
        "fast": FAST,
        "after_days": EXPIRES_AFTER_DAYS - WARNED_DAYS_BEFORE,
    }
    silent = [
        SourceFinding(
            kind=SILENT, subject=row.subject, detail={"since": row.last_at.isoformat(), "heartbeat_s": row.heartbeat_s}
        )
        for row in session.execute(_SILENT, given)
    ]
    fast = [
        SourceFinding(kind=TOO_FAST, subject=row.subject, detail={"alerts": row.times, "within_s": FAST_WITHIN_S})
        for row in session.execute(_TOO_FAST, given)
    ]
    expiring = [
        SourceFinding(kind=EXPIRING, subject=row.subject, detail={"renewed_at": row.renewed_at.isoformat()})
        for row in session.execute(_EXPIRING, given)
    ]
    missing = [
        SourceFinding(kind=MISSING, subject=one.subject, detail=one.detail) for one in gaps.find(session, kind=MISSING)
    ]
    return [*silent, *fast, *expiring, *missing]


def update_incidents(session: Session) -> list[SourceFinding]:
    """Open an incident for each new finding, close those whose cause is over, and return what is new.

    A gap that a person closed stays closed: it is over, and what is missing in it will hardly come.
    """
    found = find_problems(session)
    for kind in KINDS:
        incidents.close_resolved(session, kind=kind, still=[one.subject for one in found if one.kind == kind])
    known = incidents.find_reported_subjects(
        session, kind=MISSING, subjects=[one.subject for one in found if one.kind == MISSING]
    )
    fresh = [one for one in found if one.kind != MISSING or one.subject not in known]
    return [one for one in fresh if incidents.open_(session, kind=one.kind, subject=one.subject, detail=one.detail)]
