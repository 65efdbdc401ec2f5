"""Intake: alerts become signals, many in one transaction, each of them once."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.orm import Session

from db import alert_bars, books, occurrences
from db.signal_rows import NEW_SIGNAL_COLUMNS, NumberedSignal, build_row
from domain.books import is_replay_book
from domain.signal import Flag, NewSignal, signal_id_for

_NAMES = ", ".join(f'"{name}"' for name in NEW_SIGNAL_COLUMNS)
_TYPES = ", ".join(f'"{name}" {kind}' for name, kind in NEW_SIGNAL_COLUMNS.items())
# Rows are numbered in order of arrival but inserted in order of id, so that two writers never wait for each other.
_INSERT = text(f"""
    INSERT INTO signals (seq, {_NAMES}) OVERRIDING SYSTEM VALUE
    SELECT * FROM (
        SELECT nextval('signals_seq_seq') AS seq, given.*
        FROM json_to_recordset(CAST(:rows AS json)) AS given({_TYPES})) AS numbered
    ORDER BY signal_id
    ON CONFLICT (signal_id) DO NOTHING RETURNING signal_id
""")
_FLAGS = text("SELECT signal_id, flags FROM signals WHERE signal_id = ANY(:ids)")
_JSON = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A signal to be stored, the lag (seconds) beyond which its source calls it stale, and the source's calendar.

    `is_late` makes it stale in any case: it came in time, but was understood only later.
    """

    signal: NewSignal
    max_lag_s: int
    is_late: bool = False
    calendar: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """The stored signal that an arrival became; `is_new` is False when it was stored before."""

    signal_id: UUID
    signal_hash: str
    flags: tuple[str, ...]
    is_new: bool


def record(session: Session, arrivals: Sequence[Arrival], *, now: datetime) -> list[Receipt]:
    """Store the arrivals that are new and return a receipt for each, in order.

    `now` is the wall clock; arrivals of a replay book are received at the book's cursor. The receipt of a signal that
    is stored already, or that is twice among the arrivals, names the stored one.
    """
    clocks = load_clocks(session, {arrival.signal.book for arrival in arrivals}, now=now)
    newest = occurrences.load_newest(session, [arrival.signal for arrival in arrivals])
    numbered = list[NumberedSignal]()
    for arrival in arrivals:
        received_at = clocks[arrival.signal.book]
        occurrence = occurrences.number_arrival(arrival.signal, received_at, newest)
        numbered.append(_number_signal(arrival, received_at, occurrence))
    return _store(session, numbered)


def record_late(session: Session, arrivals: Sequence[Arrival], *, received_at: datetime) -> list[Receipt]:
    """Store arrivals that came at `received_at` but could be read only now (redrive); otherwise like `record`."""
    signals = [arrival.signal for arrival in arrivals]
    occurrences.lock(session, signals, alone=signals)
    numbered = list[NumberedSignal]()
    for arrival in arrivals:
        occurrence = occurrences.number_late_arrival(session, arrival.signal, received_at)
        numbered.append(_number_signal(arrival, received_at, occurrence))
    return _store(session, numbered)


def load_clocks(session: Session, names: Iterable[str], *, now: datetime) -> dict[str, datetime]:
    """Return the present time of each book: `now`, or a replay's cursor."""
    times = dict.fromkeys(names, now)
    replays = [name for name in times if is_replay_book(name)]
    if replays:
        times |= {book.book: book.cursor for book in books.load(session, replays).values() if book.cursor is not None}
    return times


def is_stale(signal: NewSignal, *, received_at: datetime, max_lag_s: int) -> bool:
    """Return whether an alert came too late, or claims a time too far ahead; without a time it is never stale.

    The lag counts from the time the alert fired, else from the end of the bar it names.
    """
    begun_at = signal.event_at or signal.timestamp
    if begun_at is None:
        return False
    length = signal.timeframe.approximate if signal.event_at is None and signal.timeframe is not None else timedelta(0)
    max_lag = timedelta(seconds=max_lag_s)
    return received_at - begun_at > length + max_lag or begun_at - received_at > max_lag


def compute_signal_hash(content_hash: str, *, source: str, occurrence: int) -> str:
    """Return the SHA-256 (hex) that names a signal within its book."""
    return hashlib.sha256("\x1f".join((content_hash, source, str(occurrence))).encode()).hexdigest()


def _number_signal(arrival: Arrival, received_at: datetime, occurrence: int) -> NumberedSignal:
    """Return an arrival with its hash, its id and its flags."""
    signal = arrival.signal
    signal_hash = compute_signal_hash(signal.content_hash, source=signal.source, occurrence=occurrence)
    stale = arrival.is_late or is_stale(signal, received_at=received_at, max_lag_s=arrival.max_lag_s)
    return NumberedSignal(
        signal=signal,
        received_at=received_at,
        calendar=arrival.calendar,
        flags=tuple(flag.value for flag in ((Flag.STALE,) if stale else ()) + signal.flags),
        occurrence=occurrence,
        signal_hash=signal_hash,
        signal_id=signal_id_for(book=signal.book, source=signal.source, signal_hash=signal_hash),
    )


def _store(session: Session, signals: Sequence[NumberedSignal]) -> list[Receipt]:
    """Insert the signals that are not there, and the bars of the new ones; return a receipt for each signal."""
    rows = _JSON.encode([build_row(signal) for signal in signals]).decode()
    new_ids = set(session.execute(_INSERT, {"rows": rows}).scalars())
    known_ids = [signal.signal_id for signal in signals if signal.signal_id not in new_ids]
    stored_flags = _load_flags(session, known_ids)
    alert_bars.record(session, [new for new in signals if new.signal_id in new_ids])
    return _build_receipts(signals, new_ids, stored_flags)


def _load_flags(session: Session, ids: Collection[UUID]) -> dict[UUID, tuple[str, ...]]:
    """Return the stored flags of signals, by id."""
    if not ids:
        return {}
    return {row.signal_id: tuple(row.flags) for row in session.execute(_FLAGS, {"ids": list(ids)})}


def _build_receipts(
    signals: Sequence[NumberedSignal], new_ids: set[UUID], stored_flags: Mapping[UUID, tuple[str, ...]]
) -> list[Receipt]:
    """Return a receipt for each signal; of equal ones among them only the first is new."""
    receipts, seen = [], set[UUID]()
    for signal in signals:
        receipts.append(
            Receipt(
                signal_id=signal.signal_id,
                signal_hash=signal.signal_hash,
                flags=stored_flags.get(signal.signal_id, signal.flags),
                is_new=signal.signal_id in new_ids and signal.signal_id not in seen,
            )
        )
        seen.add(signal.signal_id)
    return receipts
