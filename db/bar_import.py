"""History added to a stored series: bars are only ever added, so that nothing a decision saw is changed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.bars import SERIES, series_key
from db.core import states
from domain.context import Bar
from domain.ports import Feed

_CREATE = text("""
    CREATE TEMPORARY TABLE imported (
        open_time timestamptz PRIMARY KEY, close_time timestamptz NOT NULL,
        open numeric, high numeric, low numeric, close numeric, volume numeric) ON COMMIT DROP
""")
_COPY = "COPY imported (open_time, close_time, open, high, low, close, volume) FROM STDIN"
_STILL_OPEN = text("DELETE FROM imported WHERE close_time > :until RETURNING open_time")
_STORED = f"""
    SELECT open_time, close_time, open, high, low, close FROM bars WHERE {SERIES}
      AND close_time > (SELECT min(open_time) FROM imported)
      AND open_time < (SELECT max(close_time) FROM imported)
"""
_KNOWN = text(f"""
    WITH stored AS ({_STORED}), known AS (
        DELETE FROM imported USING stored WHERE imported.open_time = stored.open_time
        RETURNING imported.open_time, (imported.open, imported.high, imported.low, imported.close)
            IS DISTINCT FROM (stored.open, stored.high, stored.low, stored.close) AS differs)
    SELECT count(*) AS bars, count(*) FILTER (WHERE differs) AS differing,
        min(open_time) FILTER (WHERE differs) AS first_differing FROM known
""")
_OVERLAPPING = text(f"""
    WITH stored AS ({_STORED})
    DELETE FROM imported USING stored
    WHERE imported.open_time < stored.close_time AND stored.open_time < imported.close_time
    RETURNING imported.open_time
""")
# Bars that reach into the time of open trades are late for them, see `db.late_bars`.
_ADD = text(f"""
    WITH added AS (
        INSERT INTO bars (book, symbol, exchange, instrument_kind, interval, side, open_time, close_time,
            open, high, low, close, volume)
        SELECT :book, :symbol, :exchange, :kind, :interval, :side, open_time, close_time, open, high, low, close, volume
        FROM imported ORDER BY open_time ON CONFLICT DO NOTHING RETURNING *
    ), late AS (
        INSERT INTO late_bars (book, symbol, exchange, instrument_kind, interval, side, open_time)
        SELECT book, symbol, exchange, instrument_kind, interval, side, open_time FROM added
        WHERE close_time > (SELECT min(entry_at) FROM trades
                            WHERE book = :book AND symbol = :symbol AND status IN {states.UNFINISHED_TRADES}))
    SELECT count(*) FROM added
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportedBars:
    """Counts of the bars of an import: those that were added, and why the others were not.

    `known` are there already, `differing` of them with other prices, from `first_differing` on. `overlapping` reach
    into a stored bar that opens at another time, `still_open` had not closed yet.
    """

    added: int
    known: int
    differing: int
    first_differing: datetime | None
    overlapping: int
    first_overlapping: datetime | None
    still_open: int


def add_missing(session: Session, feed: Feed, bars: Iterable[Bar], *, until: datetime) -> ImportedBars:
    """Add the bars of a series that are not stored yet and had closed by `until`; what is stored stays as it is."""
    session.execute(text("SET LOCAL statement_timeout = 0"))
    session.execute(_CREATE)
    _copy(session, feed, bars)
    key = series_key(feed)
    still_open = session.execute(_STILL_OPEN, {"until": until}).scalars().all()
    known = session.execute(_KNOWN, key).one()
    overlapping = set(session.execute(_OVERLAPPING, key).scalars())
    added: int = session.execute(_ADD, key).scalar_one()
    session.execute(text("DROP TABLE imported"))
    return ImportedBars(
        added=added,
        known=known.bars,
        differing=known.differing,
        first_differing=known.first_differing,
        overlapping=len(overlapping),
        first_overlapping=min(overlapping, default=None),
        still_open=len(still_open),
    )


def _copy(session: Session, feed: Feed, bars: Iterable[Bar]) -> None:
    connection = session.connection().connection.driver_connection
    assert connection is not None  # noqa: S101 - an open session has one
    with connection.cursor() as cursor, cursor.copy(_COPY) as out:
        for bar in bars:
            out.write_row((bar.open_time, bar.end(feed.interval), bar.open, bar.high, bar.low, bar.close, bar.volume))
    session.execute(text("ANALYZE imported"))
