"""Exit results: which trades each alert closes, decided once before anything is closed, so that a rerun decides alike.

A rerun finds closed what the first run closed, and would take that for an exit that found nothing open.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.core import bulk
from db.open_trades import build_stated_time
from db.tables.exits import ExitResultRow
from domain.exit_matching import ClosingAlert, ExitMatch
from domain.signal import Signal

_KNOWN = text("SELECT signal_id, trade_ids FROM exit_results WHERE signal_id = ANY(:ids)")
_ALERTS = text("""
    SELECT signal_id, event_at, timestamp, timeframe, received_at, EXISTS (
        SELECT FROM signals AS earlier
        WHERE (earlier.book, earlier.source, earlier.symbol) = (mine.book, mine.source, mine.symbol)
          AND (earlier.strategy, earlier.exchange, earlier.instrument_kind)
            = (mine.strategy, mine.exchange, mine.instrument_kind)
          AND earlier.action = 'entry' AND (earlier.direction = mine.direction) = (mine.action = 'exit')
          AND earlier.seq < mine.seq) AS knows_entry
    FROM signals AS mine WHERE signal_id = ANY(:ids)
""")
_ADD_FLAGS = text("""
    UPDATE signals SET flags = flags || jsonb_build_array(given.flag)
    FROM unnest(cast(:ids AS uuid[]), cast(:flags AS text[])) AS given(id, flag)
    WHERE signal_id = given.id AND NOT flags ? given.flag
""")
_SETTLE = text("""
    UPDATE exit_results SET settled_at = clock_timestamp() WHERE signal_id = ANY(:ids) AND settled_at IS NULL
""")
_WAIT = text("""
    UPDATE exit_results SET waits_since = clock_timestamp()
    WHERE signal_id = ANY(:ids) AND settled_at IS NULL AND waits_since IS NULL
""")
_WAITING = text("""
    SELECT exit_results.signal_id, trade_ids, book, source, symbol, direction, action, received_at,
        clock_timestamp() - waits_since AS waited
    FROM exit_results JOIN signals USING (signal_id)
    WHERE waits_since IS NOT NULL AND settled_at IS NULL AND book = :book ORDER BY seq
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitingExit:
    """An alert whose trades could not be closed for want of a price, and the seconds since then."""

    signal_id: UUID
    trade_ids: tuple[UUID, ...]
    source: str
    symbol: str
    is_entry: bool
    received_at: datetime
    waited_s: float


def load_known(session: Session, signal_ids: Collection[UUID]) -> dict[UUID, tuple[UUID, ...]]:
    """Return the model trades that alerts close, of those for which this is decided already."""
    rows = session.execute(_KNOWN, {"ids": list(signal_ids)})
    return {row.signal_id: tuple(UUID(trade_id) for trade_id in row.trade_ids) for row in rows}


def load_alerts(session: Session, signals: Sequence[Signal]) -> list[ClosingAlert]:
    """Return the alerts of signals with the times they state and whether their key had an entry, in order."""
    if not signals:
        return []
    rows = {row.signal_id: row for row in session.execute(_ALERTS, {"ids": [signal.signal_id for signal in signals]})}
    return [
        ClosingAlert(
            signal=signal,
            stated=build_stated_time(rows[signal.signal_id]),
            knows_entry=rows[signal.signal_id].knows_entry,
        )
        for signal in signals
    ]


def record(session: Session, matches: Mapping[UUID, ExitMatch]) -> None:
    """Store what was decided about alerts; what is stored already stays."""
    rows = [
        {
            "signal_id": signal_id,
            "result": match.result.value,
            "trade_ids": [str(trade_id) for trade_id in match.closes],
            "differs": list(match.differs),
        }
        for signal_id, match in matches.items()
    ]
    bulk.insert(session, ExitResultRow, rows)


def add_flags(session: Session, flags: Mapping[UUID, str]) -> None:
    """Add a flag to each signal that does not have it."""
    if flags:
        session.execute(_ADD_FLAGS, {"ids": list(flags), "flags": list(flags.values())})


def mark_settled(session: Session, signal_ids: Collection[UUID]) -> None:
    """Record that nothing is left to do for these alerts."""
    if signal_ids:
        session.execute(_SETTLE, {"ids": list(signal_ids)})


def mark_waiting(session: Session, signal_ids: Collection[UUID]) -> None:
    """Record that the trades of these alerts are closed at the first price that comes."""
    if signal_ids:
        session.execute(_WAIT, {"ids": list(signal_ids)})


def load_waiting(session: Session, book: str) -> list[WaitingExit]:
    """Return the alerts of a book that wait for a price, oldest first."""
    return [
        WaitingExit(
            signal_id=row.signal_id,
            trade_ids=tuple(UUID(trade_id) for trade_id in row.trade_ids),
            source=row.source,
            symbol=row.symbol,
            is_entry=row.action == "entry",
            received_at=row.received_at,
            waited_s=row.waited.total_seconds(),
        )
        for row in session.execute(_WAITING, {"book": book})
    ]
