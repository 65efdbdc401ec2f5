"""Stored bars: the implementation of the BarStore port, and the bulk load of bar files."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.core.session import Database
from domain.context import Bar, PriceSide
from domain.intervals import Interval
from domain.ports import Feed
from domain.signal import Instrument, InstrumentKind

SERIES = (
    "book = :book AND symbol = :symbol AND exchange = :exchange AND instrument_kind = :kind"
    " AND interval = :interval AND side = :side"
)
_BAR = "open_time, open, high, low, close, volume, close_time"
_FEEDS = text("""
    SELECT symbol, feed.*
    FROM unnest(cast(:symbols AS text[])) AS wanted(symbol) CROSS JOIN LATERAL (
        WITH RECURSIVE series AS (
            (SELECT exchange, instrument_kind, interval, side FROM bars
             WHERE book = :book AND bars.symbol = wanted.symbol
             ORDER BY exchange, instrument_kind, interval, side LIMIT 1)
            UNION ALL
            SELECT next.* FROM series CROSS JOIN LATERAL (
                SELECT exchange, instrument_kind, interval, side FROM bars
                WHERE book = :book AND bars.symbol = wanted.symbol
                  AND (exchange, instrument_kind, interval, side)
                    > (series.exchange, series.instrument_kind, series.interval, series.side)
                ORDER BY exchange, instrument_kind, interval, side LIMIT 1) AS next)
        SELECT * FROM series) AS feed
""")
# A bar may end later than one interval after its opening, where its session has a break; two are always enough.
_AROUND = f"""
    (SELECT {_BAR} FROM bars WHERE {SERIES} AND close_time <= :first ORDER BY close_time DESC LIMIT 1)
    UNION ALL
    (SELECT {_BAR} FROM bars
     WHERE {SERIES} AND close_time > :first AND close_time <= :until AND open_time <= :last)
    ORDER BY open_time
"""


class StoredBars:
    """Bar store on the database; each call is one statement without a transaction around it."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def feeds(self, book: str, instruments: Collection[Instrument]) -> dict[Instrument, Sequence[Feed]]:
        """Return the series stored for each instrument, finest interval first, with one statement.

        Series without an exchange fit any; they are returned only when none has the instrument's exchange.
        """
        symbols = sorted({instrument.symbol for instrument in instruments})
        with self._database.reading() as connection:
            rows = connection.execute(_FEEDS, {"book": book, "symbols": symbols}).all()
        recorded = defaultdict[str, list[Feed]](list)
        for row in rows:
            recorded[row.symbol].append(_build_feed(book, row.symbol, row))
        return {instrument: _choose_feeds(instrument, recorded[instrument.symbol]) for instrument in instruments}

    def last_closed(self, feed: Feed, *, as_of: datetime, count: int) -> Sequence[Bar]:
        """Return up to `count` newest bars that closed at or before `as_of`, oldest first."""
        query = f"SELECT {_BAR} FROM bars WHERE {SERIES} AND close_time <= :as_of ORDER BY close_time DESC LIMIT :count"
        return self._load_bars(query, feed, as_of=as_of, count=count)[::-1]

    def around(self, feed: Feed, *, first: datetime, last: datetime) -> Sequence[Bar]:
        """Return the last bar that closed at or before `first`, and those that closed later and opened by `last`."""
        until = last + 2 * feed.interval.approximate
        return self._load_bars(_AROUND, feed, first=first, last=last, until=until)

    def first_opened(self, feed: Feed, *, after: datetime, until: datetime) -> Bar | None:
        """Return the first bar that opened in (after, until]; only its open may be used at `until`."""
        query = (
            f"SELECT {_BAR} FROM bars WHERE {SERIES} AND open_time > :after AND open_time <= :until"
            " ORDER BY open_time LIMIT 1"
        )
        return next(iter(self._load_bars(query, feed, after=after, until=until)), None)

    def closed_between(self, feed: Feed, *, after: datetime, until: datetime) -> Sequence[Bar]:
        """Return bars whose end is in (after, until], oldest first."""
        query = (
            f"SELECT {_BAR} FROM bars WHERE {SERIES} AND close_time > :after AND close_time <= :until"
            " ORDER BY close_time"
        )
        return self._load_bars(query, feed, after=after, until=until)

    def count_closed(self, feed: Feed, *, after: datetime, until: datetime) -> int:
        """Count the bars whose end is in (after, until]."""
        query = text(f"SELECT count(*) FROM bars WHERE {SERIES} AND close_time > :after AND close_time <= :until")
        with self._database.reading() as connection:
            return int(connection.execute(query, series_key(feed) | {"after": after, "until": until}).scalar_one())

    def _load_bars(self, query: str, feed: Feed, **limits: Any) -> list[Bar]:
        """Run a query for bars of a series, with its limits as further parameters."""
        with self._database.reading() as connection:
            rows = connection.execute(text(query), series_key(feed) | limits).all()
        return [build_bar(row, feed.interval) for row in rows]


def add(session: Session, feed: Feed, bars: Iterable[Bar]) -> None:
    """Insert many bars of one series at once, with COPY.

    Raises:
        sqlalchemy.exc.IntegrityError: when a bar is stored already.
    """
    copy = (
        "COPY bars (book, symbol, exchange, instrument_kind, interval, side, open_time, close_time,"
        " open, high, low, close, volume) FROM STDIN"
    )
    key = tuple(series_key(feed).values())
    connection = session.connection().connection.driver_connection
    assert connection is not None  # noqa: S101 - an open session has one
    with connection.cursor() as cursor, cursor.copy(copy) as out:
        for bar in bars:
            end = bar.end(feed.interval)
            out.write_row((*key, bar.open_time, end, bar.open, bar.high, bar.low, bar.close, bar.volume))


def series_key(feed: Feed) -> dict[str, str]:
    """Return the query parameters that identify a series."""
    return {
        "book": feed.book,
        "symbol": feed.instrument.symbol,
        "exchange": feed.instrument.exchange,
        "kind": feed.instrument.kind.value,
        "interval": str(feed.interval),
        "side": feed.side.value,
    }


def _build_feed(book: str, symbol: str, row: Any) -> Feed:
    kind = InstrumentKind(row.instrument_kind)
    return Feed(
        book=book,
        instrument=Instrument(symbol=symbol, exchange=row.exchange, kind=kind),
        interval=Interval.parse(row.interval),
        side=PriceSide(row.side),
    )


def _choose_feeds(instrument: Instrument, candidates: Sequence[Feed]) -> list[Feed]:
    """Return the series of the instrument itself, else those without an exchange, finest interval first."""
    exact = [feed for feed in candidates if feed.instrument == instrument]
    return sorted(exact or [feed for feed in candidates if not feed.instrument.exchange], key=_sort_key)


def _sort_key(feed: Feed) -> tuple[Any, str]:
    """Return the key that sorts series by interval, finest first, then by price side."""
    return feed.interval.approximate, feed.side.value


def build_bar(row: Any, interval: Interval) -> Bar:
    """Return the bar of a row with open time, prices, volume and close time, in this order."""
    open_time, open_price, high, low, close, volume, close_time = row
    return Bar(
        open_time=open_time,
        open=open_price,
        high=high,
        low=low,
        close=close,
        volume=volume,
        close_time=None if close_time == interval.end(open_time) else close_time,
    )
