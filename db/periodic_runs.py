"""Runs of the periodic tasks: when each entry of beat's schedule last ended in a worker, so that beat is watched.

Times are those of the database's clock. Right after a start, silence is counted from the start.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from db import incidents
from db.canaries import CanarySettings

BEAT_LATE = "beat_late"
BEAT = "beat"
_RUNS_MISSED = 3
# A beat that hangs must be replaced within the time after which a silent queue is an alarm, its start included.
_SHARE_BEFORE_RESTART = 0.5
_VERY_LATE = 2
_REGISTER = text("""
    INSERT INTO periodic_runs (entry, every_s)
    SELECT * FROM unnest(cast(:entries AS text[]), cast(:every_s AS numeric[])) ORDER BY 1
    ON CONFLICT (entry) DO UPDATE SET every_s = excluded.every_s, registered_at = clock_timestamp()
""")
_FORGET_OTHERS = text("DELETE FROM periodic_runs WHERE entry <> ALL(:entries)")
_RECORD = text("UPDATE periodic_runs SET ran_at = clock_timestamp() WHERE entry = :entry")
# The distance in either direction: a time in the future was stored before the database's clock was set back.
_LIST = text("""
    SELECT entry, every_s::float8 AS every_s, ran_at,
        abs(extract(epoch FROM clock_timestamp() - greatest(ran_at, registered_at)))::float8 AS silent_s
    FROM periodic_runs ORDER BY entry
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class PeriodicRun:
    """An entry of the schedule: its interval, when it last ended (None: never), and the seconds since then."""

    entry: str
    every_s: float
    ran_at: datetime | None
    silent_s: float
    late_after_s: float

    @property
    def is_late(self) -> bool:
        """Return whether the entry did not run for too long."""
        return self.silent_s > self.late_after_s


def register(session: Session, every_s: Mapping[str, float]) -> None:
    """Store the entries of the schedule with their intervals; count their silence from now on."""
    session.execute(_FORGET_OTHERS, {"entries": list(every_s)})
    session.execute(_REGISTER, {"entries": list(every_s), "every_s": list(every_s.values())})


def record(session: Session, entry: str) -> None:
    """Record that a run of an entry ended now."""
    session.execute(_RECORD, {"entry": entry})


def list_all(session: Session, intervals: CanarySettings) -> list[PeriodicRun]:
    """Return every entry, by name; one is late after three intervals, and after the time of a silent queue."""
    return [
        PeriodicRun(
            entry=row.entry,
            every_s=row.every_s,
            ran_at=row.ran_at,
            silent_s=row.silent_s,
            late_after_s=max(intervals.silent_after_s, _RUNS_MISSED * row.every_s),
        )
        for row in session.execute(_LIST)
    ]


def is_beat_stuck(runs: Sequence[PeriodicRun], intervals: CanarySettings, *, is_worker_stuck: bool) -> bool:
    """Return whether beat itself must have stopped, because no entry ran at all, or some did not for very long.

    A worker that is stuck stops the entries of its own queues only; then nothing but a silence of all is beat's fault.
    """
    if not runs:
        return False
    longest_s = max(intervals.silent_after_s * _SHARE_BEFORE_RESTART, _RUNS_MISSED * _shortest_s(runs))
    is_some_overdue = any(run.silent_s > _VERY_LATE * run.late_after_s for run in runs)
    return min(run.silent_s for run in runs) > longest_s or (is_some_overdue and not is_worker_stuck)


def _shortest_s(runs: Sequence[PeriodicRun]) -> float:
    return min((run.every_s for run in runs), default=0.0)


def update_incident(session: Session, runs: Sequence[PeriodicRun], *, is_stuck: bool) -> bool:
    """Open the incident about beat when entries are late or beat is stuck, else close it; return whether it is new."""
    late = [run for run in runs if run.is_late or is_stuck]
    if not late:
        incidents.close_resolved(session, kind=BEAT_LATE, still=())
        return False
    detail = {"entries": [run.entry for run in late], "silent_s": round(min(run.silent_s for run in late))}
    return incidents.open_(session, kind=BEAT_LATE, subject=BEAT, detail=detail)
