"""The stored series of bars: which there are, from when to when, where they have gaps, and their bars."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.bars import SERIES, build_bar, series_key
from domain.context import Bar, PriceSide
from domain.intervals import Interval
from domain.ports import Feed
from domain.signal import Instrument, InstrumentKind

_LIST = text("""
    SELECT book, symbol, exchange, instrument_kind, interval, side, count(*) AS bars,
        min(open_time) AS first, max(open_time) AS last, max(close_time) AS last_end
    FROM bars WHERE book = ANY(:books) AND (cast(:symbol AS text) IS NULL OR symbol = :symbol)
    GROUP BY book, symbol, exchange, instrument_kind, interval, side
""")
_GAPS = text(f"""
    SELECT close_time, next_open FROM (
        SELECT close_time, lead(open_time) OVER (ORDER BY open_time) AS next_open FROM bars WHERE {SERIES}) AS following
    WHERE next_open > close_time ORDER BY close_time
""")
_BARS = text(f"""
    SELECT open_time, open, high, low, close, volume, close_time FROM bars WHERE {SERIES} ORDER BY open_time
""")
_INSTRUMENTS = text("""
    SELECT exchange, instrument_kind FROM signals WHERE book = :book AND symbol = :symbol
    GROUP BY exchange, instrument_kind ORDER BY exchange, instrument_kind
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredSeries:
    """A stored series: its key, its number of bars, the opens of its first and last, and when the last closed."""

    feed: Feed
    bars: int
    first: datetime
    last: datetime
    last_end: datetime


def list_series(session: Session, *, books: Collection[str], symbol: str | None = None) -> list[StoredSeries]:
    """Return the series of some books, of all symbols or of one, by book, symbol and interval."""
    rows = session.execute(_LIST, {"books": list(books), "symbol": symbol}).mappings()
    return sorted((_build_series(row) for row in rows), key=_sort_key)


def load_gaps(session: Session, feed: Feed) -> list[tuple[datetime, datetime]]:
    """Return from when to when a series has no bar, between its first and its last."""
    return [(row.close_time, row.next_open) for row in session.execute(_GAPS, series_key(feed))]


def stream_bars(session: Session, feed: Feed) -> Iterator[Bar]:
    """Yield the bars of a series, oldest first."""
    rows = session.execute(_BARS, series_key(feed), execution_options={"yield_per": 5000})
    return (build_bar(row, feed.interval) for row in rows)


def find_signal_instruments(session: Session, book: str, symbol: str) -> list[Instrument]:
    """Return the instruments that signals of a book name by a symbol."""
    rows = session.execute(_INSTRUMENTS, {"book": book, "symbol": symbol})
    return [Instrument(symbol=symbol, exchange=row.exchange, kind=InstrumentKind(row.instrument_kind)) for row in rows]


def _build_series(row: Any) -> StoredSeries:
    instrument = Instrument(symbol=row["symbol"], exchange=row["exchange"], kind=InstrumentKind(row["instrument_kind"]))
    feed = Feed(
        book=row["book"],
        instrument=instrument,
        interval=Interval.parse(row["interval"]),
        side=PriceSide(row["side"]),
    )
    return StoredSeries(feed=feed, bars=row["bars"], first=row["first"], last=row["last"], last_end=row["last_end"])


def _sort_key(series: StoredSeries) -> tuple[Any, ...]:
    feed = series.feed
    instrument = feed.instrument
    return (
        feed.book,
        instrument.symbol,
        instrument.exchange,
        instrument.kind.value,
        feed.interval.approximate,
        feed.side.value,
    )
