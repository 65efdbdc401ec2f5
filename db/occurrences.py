"""Occurrences: the numbers that tell apart alerts with identical bodies, which are part of the signals' hashes.

Of identical bodies without a time of their own those within a minute are one alert, sent again. Of identical bodies
that name their bar and differ in nothing but their firing time all are one alert. Whatever the time between them, a
body is the next occurrence when its key was closed since (for an exit: entered since): then it is a new order. A
transaction that numbers repeated bodies holds the lock of their source and symbol until it ends, and every other one
that stores alerts of these holds it shared, so that no exit is overlooked that is being stored at the same time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain.signal import Action, Direction, NewSignal

TIMELESS_WINDOW = timedelta(seconds=60)

BodyKey = tuple[str, str, str]  # book, source, content hash


@dataclass(kw_only=True)
class Occurrence:
    """The newest alert with one body: its number, its arrival and its firing time.

    `is_over` is whether its key was closed since, or entered since where the alert is an exit.
    """

    signal: NewSignal
    number: int
    arrived_at: datetime
    fired_at: datetime | None
    is_over: bool


NewestOccurrences = dict[BodyKey, Occurrence]

_LOCK = text("""
    SELECT CASE WHEN alone THEN pg_advisory_xact_lock(key) ELSE pg_advisory_xact_lock_shared(key) END
    FROM unnest(CAST(:keys AS bigint[]), CAST(:alone AS boolean[])) AS wanted(key, alone)
""")
_KNOWN = text("""
    SELECT DISTINCT given.book, given.source, given.content_hash
    FROM unnest(CAST(:books AS text[]), CAST(:sources AS text[]), CAST(:hashes AS text[]))
        AS given(book, source, content_hash)
    JOIN signals USING (book, source, content_hash)
""")
_NEWEST = text("""
    SELECT given.book, given.source, given.content_hash, newest.occurrence, newest.received_at, newest.event_at,
        EXISTS (
            SELECT FROM signals AS later
            WHERE (later.book, later.source, later.symbol, later.strategy)
                = (given.book, given.source, newest.symbol, newest.strategy)
              AND later.seq > newest.seq AND later.received_at >= newest.received_at
              AND CASE WHEN newest.action = 'entry' THEN (later.direction = newest.direction) = (later.action = 'exit')
                  ELSE later.action = 'entry' AND later.direction = newest.direction END) AS is_over
    FROM unnest(CAST(:books AS text[]), CAST(:sources AS text[]), CAST(:hashes AS text[]))
        AS given(book, source, content_hash)
    CROSS JOIN LATERAL (
        SELECT * FROM signals
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
    """Lock the sources and symbols of signals; return the newest stored occurrence of each body that may be repeated.

    A body of a bar that is not stored yet needs no lock of its own: a second one at the same time gets the same number.
    """
    numbered = {_body_key(signal): signal for signal in signals if signal.timeless}
    numbered |= _find_stored(session, {_body_key(signal): signal for signal in signals if signal.is_of_bar})
    lock(session, signals, alone=list(numbered.values()))
    if not numbered:
        return {}
    return {
        (row.book, row.source, row.content_hash): Occurrence(
            signal=numbered[row.book, row.source, row.content_hash],
            number=row.occurrence,
            arrived_at=row.received_at,
            fired_at=row.event_at,
            is_over=row.is_over,
        )
        for row in session.execute(_NEWEST, _to_columns(numbered))
    }


def number_arrival(signal: NewSignal, received_at: datetime, newest: NewestOccurrences) -> int:
    """Return the occurrence number of a signal arriving now, and note it in `newest`; 0 when it has an id."""
    number = _choose_number(signal, received_at, newest)
    for other in newest.values():
        other.is_over = other.is_over or _ends(signal, other.signal)
    return number


def number_late_arrival(session: Session, signal: NewSignal, received_at: datetime) -> int:
    """Return the occurrence number of a signal that arrived at `received_at` but is stored only now, under its lock.

    It is that of the body stored within a minute of it. Without one it takes a number that no other has or will have:
    the next after the newest, or, when a newer one is stored already, one below all. Alerts that name their bar are
    numbered as if they arrived now.
    """
    if signal.is_of_bar:
        return number_arrival(signal, received_at, load_newest(session, [signal]))
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


def lock(session: Session, signals: Collection[NewSignal], *, alone: Collection[NewSignal]) -> None:
    """Lock the sources and symbols of signals until the transaction ends, in a fixed order.

    Those of `alone` are locked against all others, the rest only against these.
    """
    exclusive = {_lock_number(signal) for signal in alone}
    keys = sorted({_lock_number(signal) for signal in signals})
    if keys:
        session.execute(_LOCK, {"keys": keys, "alone": [key in exclusive for key in keys]})


def _choose_number(signal: NewSignal, received_at: datetime, newest: NewestOccurrences) -> int:
    """Return the number of a signal; a new occurrence takes the place of the one before in `newest`."""
    if not signal.timeless and not signal.is_of_bar:
        return 0
    before = newest.get(_body_key(signal))
    if before is not None and not _is_new(signal, received_at, before):
        return before.number
    number = 0 if before is None else before.number + 1
    newest[_body_key(signal)] = Occurrence(
        signal=signal, number=number, arrived_at=received_at, fired_at=signal.event_at, is_over=False
    )
    return number


def _is_new(signal: NewSignal, received_at: datetime, before: Occurrence) -> bool:
    """Return whether an alert with the body of the one before is another order, not that one sent again."""
    if signal.timeless:
        return before.is_over or received_at - before.arrived_at >= TIMELESS_WINDOW
    return before.is_over and (signal.event_at is None or signal.event_at != before.fired_at)


def _ends(signal: NewSignal, earlier: NewSignal) -> bool:
    """Return whether a signal makes a later repetition of an earlier one a new order."""
    if (signal.book, signal.source, signal.symbol, signal.strategy) != (
        earlier.book,
        earlier.source,
        earlier.symbol,
        earlier.strategy,
    ):
        return False
    if earlier.action is Action.ENTRY:
        return _closed_side(signal) is earlier.direction
    return signal.action is Action.ENTRY and signal.direction is earlier.direction


def _closed_side(signal: NewSignal) -> Direction:
    """Return the side that a signal closes: an exit the one it names, an entry the opposite."""
    return signal.direction if signal.action is Action.EXIT else signal.direction.opposite


def _find_stored(session: Session, bodies: dict[BodyKey, NewSignal]) -> dict[BodyKey, NewSignal]:
    """Return those of the bodies that are stored already."""
    if not bodies:
        return {}
    rows = session.execute(_KNOWN, _to_columns(bodies))
    return {key: bodies[key] for key in ((row.book, row.source, row.content_hash) for row in rows)}


def _to_columns(keys: Collection[BodyKey]) -> dict[str, list[str]]:
    return dict(zip(("books", "sources", "hashes"), map(list, zip(*sorted(keys), strict=True)), strict=True))


def _body_key(signal: NewSignal) -> BodyKey:
    """Return the key under which equal bodies are counted: book, source and content hash."""
    return signal.book, signal.source, signal.content_hash


def _lock_number(signal: NewSignal) -> int:
    """Return the number of the advisory lock of a source and symbol: the first 64 bits of a hash."""
    digest = hashlib.sha256("\x1f".join((signal.book, signal.source, signal.symbol)).encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)
