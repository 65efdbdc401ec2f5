"""Records of studies: the data from which a study's comparison is computed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from db import experiments, studies
from db.queries import marks, signal_markets
from domain.comparison.record import Side, SideOutcome, StudyEntry, StudyRecord
from domain.comparison.trading_days import ROUND_THE_CLOCK, WEEKDAYS
from domain.decision import EngineSlot, Verdict
from domain.experiment import Assignment
from domain.policy import ExecutionMode
from domain.signal import Direction, Instrument, InstrumentKind
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
           a.action AS action_a, a.side AS side_a, a.context_hash AS context_hash_a, a.reasons AS reasons_a,
           b.action AS action_b, b.side AS side_b, b.context_hash AS context_hash_b, b.reasons AS reasons_b
    FROM experiments e
    JOIN signals s USING (signal_id)
    LEFT JOIN market_contexts c USING (signal_id)
    LEFT JOIN execution_policies p ON p.experiment_id = e.experiment_id
    LEFT JOIN decisions a ON a.experiment_id = e.experiment_id AND a.engine = 'A'
    LEFT JOIN decisions b ON b.experiment_id = e.experiment_id AND b.engine = 'B'
    WHERE e.study_id = :study_id
    ORDER BY s.seq
""")

_OUTCOMES = text("""
    SELECT o.experiment_id, o.engine, o.is_shadow, o.exit_clock, o.pnl, o.return_ratio, o.exit_reason, o.exit_time
    FROM trade_outcomes o JOIN experiments e USING (experiment_id)
    WHERE e.study_id = :study_id
""")

_ENTRY_BASES = text("""
    SELECT f.price_basis, count(*) AS entries
    FROM fills f JOIN trades t USING (trade_id) JOIN experiments e USING (experiment_id)
    WHERE e.study_id = :study_id AND t.is_shadow AND f.intent = 'entry'
    GROUP BY f.price_basis ORDER BY f.price_basis
""")

_INSTRUMENTS = text("""
    SELECT DISTINCT s.symbol, s.exchange, s.instrument_kind AS kind
    FROM experiments e JOIN signals s USING (signal_id) WHERE e.study_id = :study_id
""")

# An entry signal without an experiment belongs to the study that was running when it came.
_UNASSIGNED = text("""
    SELECT count(*) FROM signals s
    WHERE s.book = :book AND s.action = 'entry' AND s.stored_at >= :created_at
      AND NOT EXISTS (SELECT FROM experiments e WHERE e.signal_id = s.signal_id)
      AND NOT EXISTS (SELECT FROM studies later WHERE later.book = :book AND later.created_at > :created_at
                      AND later.created_at <= s.stored_at)
""")

_CALENDARS = {InstrumentKind.SPOT.value: ROUND_THE_CLOCK, InstrumentKind.PERP.value: ROUND_THE_CLOCK}
_Key = tuple[UUID, EngineSlot, bool]


class StudyUnknown(LookupError):
    """No study fits; the message names those that exist, or says that there is none yet."""


def load(session: Session, *, study: str | None = None, book: str | None = None) -> StudyRecord:
    """Return the record of the newest study of that name and book, either of which may be left open.

    Studies with experiments come before those without, and books other than `test` before it.

    Raises:
        StudyUnknown: when there is none.
    """
    row = session.execute(_STUDIES, {"name": study, "book": book}).mappings().one_or_none()
    if row is None:
        raise StudyUnknown(_explain_absence(session, study=study, book=book))
    entries = session.execute(_ENTRIES, {"study_id": row["study_id"]}).mappings().all()
    assignments = experiments.load(session, [entry["signal_id"] for entry in entries])
    outcomes = _load_outcomes(session, row["study_id"])
    return StudyRecord(
        study=studies.build_study(row),
        engines={EngineSlot.A: row["engine_a"], EngineSlot.B: row["engine_b"]},
        fill_model=row["fill_model"],
        reference_capital=row["reference_capital"],
        currency=row["base_currency"],
        entries=tuple(_build_entry(row, assignments[row["signal_id"]], outcomes) for row in entries),
        unassigned=session.execute(_UNASSIGNED, dict(row)).scalar_one(),
        stored_at=_newest_stored_at(entries),
        entry_bases=_count_entry_bases(session, row["study_id"]),
        instruments=_load_instruments(session, row["study_id"]),
        missing_bars=tuple(signal_markets.load_missing_of_study(session, row["study_id"])),
        calendars=marks.load_calendars(session, row["study_id"], by_kind=_CALENDARS, default=WEEKDAYS),
        marked_drawdowns=marks.compute_drawdowns(session, row["study_id"], capital=row["reference_capital"]),
    )


def _count_entry_bases(session: Session, study_id: UUID) -> dict[str, int]:
    """Return the number of model trades that were entered at each kind of price."""
    return {row.price_basis: row.entries for row in session.execute(_ENTRY_BASES, {"study_id": study_id})}


def _load_instruments(session: Session, study_id: UUID) -> frozenset[Instrument]:
    """Return the instruments that a study's entries are about."""
    rows = session.execute(_INSTRUMENTS, {"study_id": study_id})
    return frozenset(
        Instrument(symbol=row.symbol, exchange=row.exchange, kind=InstrumentKind(row.kind)) for row in rows
    )


def _explain_absence(session: Session, *, study: str | None, book: str | None) -> str:
    """Return the message that no study fits, with the studies that exist."""
    rows = session.execute(text("SELECT name, book FROM studies ORDER BY created_at DESC, study_id LIMIT 20")).all()
    if not rows:
        return "there is no study yet: run `orchestrator demo`, or send an alert to a running `orchestrator up`"
    wanted = " in ".join(
        part for part in (f"study {study!r}" if study else "a study", f"book {book!r}" if book else "") if part
    )
    existing = ", ".join(f"{row.name} (book {row.book})" for row in rows)
    return f"there is no {wanted.removeprefix('a ')}; there are: {existing}"


def _load_outcomes(session: Session, study_id: UUID) -> dict[_Key, dict[ExitClock, SideOutcome]]:
    """Return the outcomes of a study's sides (experiment, engine, whether shadow), by exit clock."""
    outcomes: dict[_Key, dict[ExitClock, SideOutcome]] = {}
    for row in session.execute(_OUTCOMES, {"study_id": study_id}):
        key = (row.experiment_id, EngineSlot(row.engine), row.is_shadow)
        outcomes.setdefault(key, {})[ExitClock(row.exit_clock)] = SideOutcome(
            pnl=row.pnl, return_ratio=row.return_ratio, exit_reason=row.exit_reason, exit_time=row.exit_time
        )
    return outcomes


def _build_entry(
    row: RowMapping, assignment: Assignment, outcomes: Mapping[_Key, dict[ExitClock, SideOutcome]]
) -> StudyEntry:
    return StudyEntry(
        signal_hash=row["signal_hash"],
        received_at=row["received_at"],
        assignment=assignment,
        mode=_convert(ExecutionMode, row["execution_mode"]),
        context_hash=row["context_hash"],
        sides={engine: _build_side(row, engine, outcomes) for engine in EngineSlot},
    )


def _build_side(row: RowMapping, engine: EngineSlot, outcomes: Mapping[_Key, dict[ExitClock, SideOutcome]]) -> Side:
    """Build one engine's side of an entry: its verdict, and its model and real outcomes."""
    suffix = engine.value.lower()
    real = outcomes.get((row["experiment_id"], engine, False), {})
    return Side(
        verdict=_convert(Verdict, row[f"action_{suffix}"]),
        context_hash=row[f"context_hash_{suffix}"],
        reasons=tuple(row[f"reasons_{suffix}"] or ()),
        direction=_convert(Direction, row[f"side_{suffix}"]),
        model=outcomes.get((row["experiment_id"], engine, True), {}),
        real=real.get(ExitClock.SYNCHRONIZED),
    )


def _newest_stored_at(entries: Any) -> datetime | None:
    """Return the time at which the newest entry was stored; None without entries."""
    return max((row["stored_at"] for row in entries), default=None)


def _convert(kind: Any, value: Any) -> Any:
    """Return the value as a member of an enum; None stays None."""
    return None if value is None else kind(value)
