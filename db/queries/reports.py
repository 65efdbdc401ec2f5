"""Studies as they are reported: which one is meant, and everything its comparison needs."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from db import experiments, studies
from domain.comparison.record import Side, SideOutcome, StudyEntry, StudyRecord
from domain.decision import EngineSlot, Verdict
from domain.experiment import Assignment
from domain.policy import ExecutionMode
from domain.signal import Direction
from domain.study import ExitClock

_STUDIES = text("""
    SELECT studies.*, books.reference_capital, books.base_currency
    FROM studies JOIN books USING (book)
    WHERE (cast(:name AS text) IS NULL OR name = :name) AND (cast(:book AS text) IS NULL OR book = :book)
    ORDER BY EXISTS (SELECT FROM experiments WHERE experiments.study_id = studies.study_id) DESC,
             book = 'test', studies.created_at DESC, study_id
    LIMIT 1
""")

_ENTRIES = text("""
    SELECT e.experiment_id, e.signal_id, s.signal_hash, s.received_at, s.stored_at, c.context_hash, p.execution_mode,
           a.action AS action_a, a.side AS side_a, a.context_hash AS context_hash_a,
           b.action AS action_b, b.side AS side_b, b.context_hash AS context_hash_b
    FROM experiments e
    JOIN signals s USING (signal_id)
    LEFT JOIN market_contexts c USING (signal_id)
    LEFT JOIN execution_policies p ON p.experiment_id = e.experiment_id
    LEFT JOIN decisions a ON a.experiment_id = e.experiment_id AND a.engine = 'A'
    LEFT JOIN decisions b ON b.experiment_id = e.experiment_id AND b.engine = 'B'
    WHERE e.study_id = :study_id
    ORDER BY s.seq
""")

_ENDINGS = text("""
    SELECT o.experiment_id, o.engine, o.is_shadow, o.exit_clock, o.pnl, o.return_ratio, o.exit_reason, o.exit_time
    FROM trade_outcomes o JOIN experiments e USING (experiment_id)
    WHERE e.study_id = :study_id
""")

# An entry signal without an experiment belongs to the study that was running when it came.
_UNASSIGNED = text("""
    SELECT count(*) FROM signals s
    WHERE s.book = :book AND s.action = 'entry' AND s.stored_at >= :created_at
      AND NOT EXISTS (SELECT FROM experiments e WHERE e.signal_id = s.signal_id)
      AND NOT EXISTS (SELECT FROM studies later WHERE later.book = :book AND later.created_at > :created_at
                      AND later.created_at <= s.stored_at)
""")

_Key = tuple[UUID, EngineSlot, bool]


class StudyUnknown(LookupError):
    """There is no such study; the message names those that exist, or says that there is none yet."""


def load(session: Session, *, study: str | None = None, book: str | None = None) -> StudyRecord:
    """Return the newest study of that name in that book; without either, of all, one with signals before one without.

    Raises:
        StudyUnknown: when there is none.
    """
    row = session.execute(_STUDIES, {"name": study, "book": book}).mappings().one_or_none()
    if row is None:
        raise StudyUnknown(_what_there_is(session, study=study, book=book))
    entries = session.execute(_ENTRIES, {"study_id": row["study_id"]}).mappings().all()
    assignments = experiments.load(session, [one["signal_id"] for one in entries])
    endings = _endings(session, row["study_id"])
    return StudyRecord(
        study=studies.build_study(row),
        engines={EngineSlot.A: row["engine_a"], EngineSlot.B: row["engine_b"]},
        fill_model=row["fill_model"],
        reference_capital=row["reference_capital"],
        currency=row["base_currency"],
        entries=tuple(_entry(one, assignments[one["signal_id"]], endings) for one in entries),
        unassigned=session.execute(_UNASSIGNED, dict(row)).scalar_one(),
        stored_at=_newest(entries),
    )


def _what_there_is(session: Session, *, study: str | None, book: str | None) -> str:
    rows = session.execute(text("SELECT name, book FROM studies ORDER BY created_at DESC, study_id LIMIT 20")).all()
    if not rows:
        return "there is no study yet: run `orchestrator demo`, or send an alert to a running `orchestrator up`"
    wanted = " in ".join(
        part for part in (f"study {study!r}" if study else "a study", f"book {book!r}" if book else "") if part
    )
    there = ", ".join(f"{row.name} (book {row.book})" for row in rows)
    return f"there is no {wanted.removeprefix('a ')}; there are: {there}"


def _endings(session: Session, study_id: UUID) -> dict[_Key, dict[ExitClock, SideOutcome]]:
    found: dict[_Key, dict[ExitClock, SideOutcome]] = {}
    for row in session.execute(_ENDINGS, {"study_id": study_id}):
        key = (row.experiment_id, EngineSlot(row.engine), row.is_shadow)
        found.setdefault(key, {})[ExitClock(row.exit_clock)] = SideOutcome(
            pnl=row.pnl, return_ratio=row.return_ratio, exit_reason=row.exit_reason, exit_time=row.exit_time
        )
    return found


def _entry(row: RowMapping, assignment: Assignment, endings: Mapping[_Key, dict[ExitClock, SideOutcome]]) -> StudyEntry:
    return StudyEntry(
        signal_hash=row["signal_hash"],
        received_at=row["received_at"],
        assignment=assignment,
        mode=_optional(ExecutionMode, row["execution_mode"]),
        context_hash=row["context_hash"],
        sides={engine: _side(row, engine, endings) for engine in EngineSlot},
    )


def _side(row: RowMapping, engine: EngineSlot, endings: Mapping[_Key, dict[ExitClock, SideOutcome]]) -> Side:
    suffix = engine.value.lower()
    real = endings.get((row["experiment_id"], engine, False), {})
    return Side(
        verdict=_optional(Verdict, row[f"action_{suffix}"]),
        context_hash=row[f"context_hash_{suffix}"],
        direction=_optional(Direction, row[f"side_{suffix}"]),
        model=endings.get((row["experiment_id"], engine, True), {}),
        real=real.get(ExitClock.SYNCHRONIZED),
    )


def _newest(entries: Any) -> datetime | None:
    return max((row["stored_at"] for row in entries), default=None)


def _optional(kind: Any, value: Any) -> Any:
    return None if value is None else kind(value)
