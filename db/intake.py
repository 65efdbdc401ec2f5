"""Intake: alerts become signals, many in one transaction, each of them once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import text
from sqlalchemy.orm import Session

from db import alert_bars, books
from domain.books import is_replay_book
from domain.signal import Flag, NewSignal, signal_id_for

TIMELESS_WINDOW = timedelta(seconds=60)
_COLUMNS = {
    "signal_id": "uuid",
    "book": "text",
    "source": "text",
    "strategy": "text",
    "symbol": "text",
    "exchange": "text",
    "instrument_kind": "text",
    "direction": "text",
    "action": "text",
    "timeframe": "text",
    "timestamp": "timestamptz",
    "event_at": "timestamptz",
    "received_at": "timestamptz",
    "price": "numeric",
    "confidence": "numeric",
    "sequence": "bigint",
    "position_before": "text",
    "position_after": "text",
    "signal_hash": "text",
    "content_hash": "text",
    "occurrence": "bigint",
    "dialect": "text",
    "read_from": "jsonb",
    "raw_body": "bytea",
    "raw_payload": "jsonb",
    "flags": "jsonb",
    "is_test": "boolean",
}
_NAMES = ", ".join(f'"{name}"' for name in _COLUMNS)
_TYPES = ", ".join(f'"{name}" {kind}' for name, kind in _COLUMNS.items())
# Rows are numbered in order of arrival but inserted in order of id, so that two writers never wait for each other.
_INSERT = text(f"""
    INSERT INTO signals (seq, {_NAMES}) OVERRIDING SYSTEM VALUE
    SELECT * FROM (
        SELECT nextval('signals_seq_seq') AS seq, given.*
        FROM json_to_recordset(CAST(:rows AS json)) AS given({_TYPES})) AS numbered
    ORDER BY signal_id
    ON CONFLICT (signal_id) DO NOTHING RETURNING signal_id
""")
_LOCK = text("SELECT pg_advisory_xact_lock(key) FROM unnest(CAST(:keys AS bigint[])) AS key")
_NEWEST = text("""
    SELECT given.book, given.source, given.content_hash, newest.occurrence, newest.received_at
    FROM unnest(CAST(:books AS text[]), CAST(:sources AS text[]), CAST(:hashes AS text[]))
        AS given(book, source, content_hash)
    CROSS JOIN LATERAL (
        SELECT occurrence, received_at FROM signals
        WHERE book = given.book AND source = given.source AND content_hash = given.content_hash
        ORDER BY received_at DESC, occurrence DESC LIMIT 1) AS newest
""")
_AROUND = text("""
    SELECT (array_agg(occurrence ORDER BY abs(extract(epoch FROM received_at - :at)))
                FILTER (WHERE abs(extract(epoch FROM received_at - :at)) < :window_s))[1] AS near,
           (array_agg(occurrence ORDER BY received_at DESC, occurrence DESC))[1] AS newest,
           max(received_at) AS newest_at, least(min(occurrence), 0) AS lowest
    FROM signals WHERE book = :book AND source = :source AND content_hash = :hash
""")
_FLAGS = text("SELECT signal_id, flags FROM signals WHERE signal_id = ANY(:ids)")
_JSON = msgspec.json.Encoder(decimal_format="number")
_LARGEST_INTEGER = 2**63 - 1
_LARGEST_EXPONENT = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """A signal to be stored, and the lag (seconds) beyond which its source calls it stale.

    `is_late` calls it stale whatever it says: it came in time, but was understood only later.
    """

    signal: NewSignal
    max_lag_s: int
    is_late: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What became of an arrival: the signal's id, and whether it is new or was there before."""

    signal_id: UUID
    signal_hash: str
    flags: tuple[str, ...]
    is_new: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class _Placed:
    """An arrival on its book's clock, with its occurrence among identical bodies and the id that follows from it."""

    signal: NewSignal
    received_at: datetime
    flags: tuple[str, ...]
    occurrence: int
    signal_hash: str
    signal_id: UUID


def record(session: Session, arrivals: Sequence[Arrival], *, now: datetime) -> list[Receipt]:
    """Store what is new among the arrivals and answer each of them, in order.

    `now` is the wall clock; arrivals of a replay book are received at the book's cursor. A signal that is stored
    already, or is twice among the arrivals, is answered with the one that is there.
    """
    clocks = load_clocks(session, {one.signal.book for one in arrivals}, now=now)
    newest = _newest(session, arrivals)
    placed = [_place(one, clocks[one.signal.book], newest) for one in arrivals]
    return _store(session, placed)


def record_late(session: Session, arrivals: Sequence[Arrival], *, received_at: datetime) -> list[Receipt]:
    """Store what came at `received_at` and is understood only now, among what was stored meanwhile; as `record` does.

    Of identical bodies without a time, those within a minute are one. Any other takes its number where no later one
    has or will have it: after the newest, or, when a newer one is there, below all.
    """
    _lock(session, [_key(one.signal) for one in arrivals if one.signal.timeless])
    placed = [
        _numbered(one, received_at, _late_occurrence(session, one.signal, received_at) if one.signal.timeless else 0)
        for one in arrivals
    ]
    return _store(session, placed)


def _store(session: Session, placed: Sequence[_Placed]) -> list[Receipt]:
    rows = _JSON.encode([_row(one) for one in placed]).decode()
    new = set(session.execute(_INSERT, {"rows": rows}).scalars())
    stored_flags = _stored_flags(session, [one.signal_id for one in placed if one.signal_id not in new])
    fresh = [one for one in placed if one.signal_id in new]
    alert_bars.record(session, [(one.signal, one.received_at) for one in fresh])
    return _receipts(placed, new, stored_flags)


def load_clocks(session: Session, names: Iterable[str], *, now: datetime) -> dict[str, datetime]:
    """Return what time it is in each book: `now`, or a replay's cursor."""
    told = dict.fromkeys(names, now)
    replays = [name for name in told if is_replay_book(name)]
    if replays:
        told |= {book.book: book.cursor for book in books.load(session, replays).values() if book.cursor is not None}
    return told


def is_stale(signal: NewSignal, *, received_at: datetime, max_lag_s: int) -> bool:
    """Say whether an alert came too late, or claims a time too far ahead; one that tells no time is never stale.

    Late counts from the firing time, else from the end of the bar it names.
    """
    begun = signal.event_at or signal.timestamp
    if begun is None:
        return False
    length = signal.timeframe.approximate if signal.event_at is None and signal.timeframe is not None else timedelta(0)
    allowed = timedelta(seconds=max_lag_s)
    return received_at - begun > length + allowed or begun - received_at > allowed


def compute_signal_hash(content_hash: str, *, source: str, occurrence: int) -> str:
    """Return the SHA-256 (hex) that names a signal within its book."""
    return hashlib.sha256("\x1f".join((content_hash, source, str(occurrence))).encode()).hexdigest()


def _place(
    arrival: Arrival, received_at: datetime, newest: dict[tuple[str, str, str], tuple[int, datetime]]
) -> _Placed:
    signal = arrival.signal
    return _numbered(arrival, received_at, _occurrence(signal, received_at, newest) if signal.timeless else 0)


def _numbered(arrival: Arrival, received_at: datetime, occurrence: int) -> _Placed:
    signal = arrival.signal
    named = compute_signal_hash(signal.content_hash, source=signal.source, occurrence=occurrence)
    stale = arrival.is_late or is_stale(signal, received_at=received_at, max_lag_s=arrival.max_lag_s)
    return _Placed(
        signal=signal,
        received_at=received_at,
        flags=(Flag.STALE.value,) if stale else (),
        occurrence=occurrence,
        signal_hash=named,
        signal_id=signal_id_for(book=signal.book, source=signal.source, signal_hash=named),
    )


def _occurrence(
    signal: NewSignal, received_at: datetime, newest: dict[tuple[str, str, str], tuple[int, datetime]]
) -> int:
    """Return the newest occurrence when it is within the window, else the next; and remember which is newest now."""
    occurrence, before = newest.get(_key(signal), (-1, None))
    if before is None or received_at - before >= TIMELESS_WINDOW:
        occurrence, before = occurrence + 1, received_at
    newest[_key(signal)] = occurrence, before
    return occurrence


def _newest(session: Session, arrivals: Sequence[Arrival]) -> dict[tuple[str, str, str], tuple[int, datetime]]:
    keys = sorted({_key(one.signal) for one in arrivals if one.signal.timeless})
    if not keys:
        return {}
    _lock(session, keys)
    columns = dict(zip(("books", "sources", "hashes"), map(list, zip(*keys, strict=True)), strict=True))
    rows = session.execute(_NEWEST, columns)
    return {(row.book, row.source, row.content_hash): (row.occurrence, row.received_at) for row in rows}


def _late_occurrence(session: Session, signal: NewSignal, received_at: datetime) -> int:
    given = {"at": received_at, "window_s": TIMELESS_WINDOW.total_seconds()}
    book, source, content_hash = _key(signal)
    row = session.execute(_AROUND, given | {"book": book, "source": source, "hash": content_hash}).one()
    if row.near is not None:
        return int(row.near)
    if row.newest is None:
        return 0
    return int(row.lowest - 1 if row.newest_at > received_at else row.newest + 1)


def _lock(session: Session, keys: Iterable[tuple[str, str, str]]) -> None:
    session.execute(_LOCK, {"keys": sorted({_lock_key(key) for key in keys})})


def _key(signal: NewSignal) -> tuple[str, str, str]:
    return signal.book, signal.source, signal.content_hash


def _lock_key(key: tuple[str, str, str]) -> int:
    digest = hashlib.sha256("\x1f".join(key).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _stored_flags(session: Session, ids: Sequence[UUID]) -> dict[UUID, tuple[str, ...]]:
    if not ids:
        return {}
    return {row.signal_id: tuple(row.flags) for row in session.execute(_FLAGS, {"ids": list(ids)})}


def _receipts(placed: Sequence[_Placed], new: set[UUID], stored_flags: Mapping[UUID, tuple[str, ...]]) -> list[Receipt]:
    receipts, seen = [], set[UUID]()
    for one in placed:
        identifier = one.signal_id
        receipts.append(
            Receipt(
                signal_id=identifier,
                signal_hash=one.signal_hash,
                flags=stored_flags.get(identifier, one.flags),
                is_new=identifier in new and identifier not in seen,
            )
        )
        seen.add(identifier)
    return receipts


def _row(one: _Placed) -> dict[str, Any]:
    signal = one.signal
    return {
        "signal_id": one.signal_id,
        "book": signal.book,
        "source": signal.source,
        "strategy": signal.strategy,
        "symbol": signal.symbol,
        "exchange": signal.exchange,
        "instrument_kind": signal.instrument_kind.value,
        "direction": signal.direction.value,
        "action": signal.action.value,
        "timeframe": str(signal.timeframe) if signal.timeframe is not None else None,
        "timestamp": signal.timestamp,
        "event_at": signal.event_at,
        "received_at": one.received_at,
        "price": signal.price,
        "confidence": signal.confidence,
        "sequence": signal.sequence,
        "position_before": signal.position_before.value if signal.position_before is not None else None,
        "position_after": signal.position_after.value if signal.position_after is not None else None,
        "signal_hash": one.signal_hash,
        "content_hash": signal.content_hash,
        "occurrence": one.occurrence,
        "dialect": signal.dialect,
        "read_from": signal.read_from,
        "raw_body": rf"\x{signal.raw_body.hex()}",
        "raw_payload": _storable(signal.raw_payload),
        "flags": one.flags,
        "is_test": signal.is_test,
    }


def _storable(value: Any) -> Any:
    """Return a payload whose numbers jsonb can hold: those beyond its range as text."""
    match value:
        case dict():
            return {key: _storable(one) for key, one in value.items()}
        case list():
            return [_storable(one) for one in value]
        case Decimal():
            return value if abs(value.adjusted()) <= _LARGEST_EXPONENT else str(value)
        case int() if abs(value) > _LARGEST_INTEGER:
            return _storable(Decimal(value))
        case _:
            return value
