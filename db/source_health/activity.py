"""The activity of the standing books' sources: their last messages, their rates and their quarantined messages."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.source_health import watch
from domain.books import STANDING_BOOKS

# Any authenticated message of a source counts as heard, one in quarantine and one of its bar feed too.
_ACTIVITY = text("""
    SELECT name, enabled, heartbeat_s, last_signal_at, greatest(last_signal_at, last_event_at, last_bar_at) AS heard_at,
        recent.alerts AS recent_alerts, coalesce(quarantined_in_day, 0) AS quarantined_in_day,
        coalesce(quarantined, 0) AS quarantined, coalesce(refused, 0) AS quarantine_refused,
        extract(epoch FROM clock_timestamp() - last_signal_at)::float8 AS signal_age_s,
        extract(epoch FROM clock_timestamp()
            - greatest(last_signal_at, last_event_at, last_bar_at, created_at))::float8 AS silent_s,
        CASE WHEN last_signal_at > renewed_at THEN
            extract(epoch FROM renewed_at + make_interval(days => :expires_after_days) - clock_timestamp())::float8
        END AS ends_in_s,
        ARRAY(SELECT kind FROM incidents WHERE closed_at IS NULL AND kind = ANY(:kinds)
              AND split_part(subject, ' ', 1) = name ORDER BY kind, opened_at) AS warnings
    FROM sources
    CROSS JOIN LATERAL (
        SELECT max(stored_at) AS last_signal_at FROM signals WHERE source = name) AS accepted
    CROSS JOIN LATERAL (
        SELECT count(*) AS alerts FROM signals
        WHERE source = name AND stored_at > clock_timestamp() - make_interval(secs => :within_s)) AS recent
    LEFT JOIN (
        SELECT source, max(received_at) AS last_event_at, count(*) AS quarantined,
            count(*) FILTER (WHERE received_at > clock_timestamp() - interval '1 day') AS quarantined_in_day
        FROM webhook_events GROUP BY source) AS events ON events.source = name
    LEFT JOIN quarantine_refusals ON quarantine_refusals.source = name
    WHERE book = ANY(:books) ORDER BY name
""")
_TOTALS = text("""
    SELECT name, (SELECT count(*) FROM signals WHERE source = name) AS signals
    FROM sources WHERE book = ANY(:books) ORDER BY name
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceActivity:
    """Activity of one source.

    `silent_s` counts from its last message, else from its creation. `recent_alerts` are those of the last three
    minutes. `quarantined` counts the messages in quarantine,
    `quarantine_refused` those that were not kept. `ends_in_s` is the time until TradingView ends
    its alerts, None when none arrived since they were created. `warnings` are the kinds of its open incidents.
    """

    name: str
    enabled: bool
    heartbeat_s: int | None
    heard_at: datetime | None
    last_signal_at: datetime | None
    signal_age_s: float | None
    silent_s: float
    recent_alerts: int
    quarantined_in_day: int
    quarantined: int
    quarantine_refused: int
    ends_in_s: float | None
    warnings: list[str]


def load(session: Session) -> list[SourceActivity]:
    """Return the activity of each source of the standing books, by name."""
    parameters = {
        "books": list(STANDING_BOOKS),
        "kinds": list(watch.KINDS),
        "within_s": watch.FAST_WITHIN_S,
        "expires_after_days": watch.EXPIRES_AFTER_DAYS,
    }
    return [SourceActivity(**row) for row in session.execute(_ACTIVITY, parameters).mappings()]


def count_signals(session: Session) -> dict[str, int]:
    """Return the number of signals of each source of the standing books."""
    return {row.name: row.signals for row in session.execute(_TOTALS, {"books": list(STANDING_BOOKS)})}
