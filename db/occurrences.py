"""Occurrences: the numbers that tell apart alerts with identical bodies and no time of their own.

Of such bodies those within a minute are one alert, sent again; a later one is the next occurrence. The number is part
of the signal's hash. A transaction that numbers a body holds its lock until it ends.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.signal import NewSignal

TIMELESS_WINDOW = timedelta(seconds=60)

BodyKey = tuple[str, str, str]  # book, source, content hash
NewestOccurrences = dict[BodyKey, tuple[int, datetime]]  # with the time of arrival

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


def load_newest(session: Session, signals: Collection[NewSignal]) -> NewestOccurrences:
    """Lock the bodies of signals without a time of their own; return each body's newest stored occurrence."""
    keys = sorted({_body_key(signal) for signal in signals if signal.timeless})
    if not keys:
        return {}
    lock(session, signals)
    columns = dict(zip(("books", "sources", "hashes"), map(list, zip(*keys, strict=True)), strict=True))
    rows = session.execute(_NEWEST, columns)
    return {(row.book, row.source, row.content_hash): (row.occurrence, row.received_at) for row in rows}


def number_arrival(signal: NewSignal, received_at: datetime, newest: NewestOccurrences) -> int:
    """Return the occurrence number of a signal arriving now, and note it in `newest`; 0 when it states its time."""
    if not signal.timeless:
        return 0
    occurrence, before = newest.get(_body_key(signal), (-1, None))
    if before is None or received_at - before >= TIMELESS_WINDOW:
        occurrence, before = occurrence + 1, received_at
    newest[_body_key(signal)] = occurrence, before
    return occurrence


def number_late_arrival(session: Session, signal: NewSignal, received_at: datetime) -> int:
    """Return the occurrence number of a signal that arrived at `received_at` but is stored only now, under its lock.

    It is that of the body stored within a minute of it. Without one it takes a number that no other has or will have:
    the next after the newest, or, when a newer one is stored already, one below all.
    """
    if not signal.timeless:
        return 0
    book, source, content_hash = _body_key(signal)
    bounds = {"at": received_at, "window_s": TIMELESS_WINDOW.total_seconds()}
    row = session.execute(_AROUND, bounds | {"book": book, "source": source, "hash": content_hash}).one()
    if row.near is not None:
        return int(row.near)
    if row.newest is None:
        return 0
    return int(row.lowest - 1 if row.newest_at > received_at else row.newest + 1)


def lock(session: Session, signals: Collection[NewSignal]) -> None:
    """Lock the bodies of signals without a time of their own until the transaction ends, in a fixed order."""
    session.execute(_LOCK, {"keys": sorted({_lock_number(_body_key(signal)) for signal in signals if signal.timeless})})


def _body_key(signal: NewSignal) -> BodyKey:
    """Return the key under which equal bodies are counted: book, source and content hash."""
    return signal.book, signal.source, signal.content_hash


def _lock_number(key: BodyKey) -> int:
    """Return the number of a body's advisory lock: the first 64 bits of a hash."""
    digest = hashlib.sha256("\x1f".join(key).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
