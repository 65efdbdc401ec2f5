"""The markets that recent entry signals of the books are about, and the bars that engines last saw of each."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from domain.comparison.record import MissingBars
from domain.intervals import Interval
from domain.signal import Instrument, InstrumentKind

# The newest signals of each book are read by an index, so that the query costs the same however many there are.
_RECENT_SIGNALS, _MOST = 2000, 50
_MARKETS = text("""
    WITH recent AS (
        SELECT newest.* FROM unnest(cast(:books AS text[])) AS wanted(book) CROSS JOIN LATERAL (
            SELECT seq, signal_id, book, source, symbol, exchange, instrument_kind, timeframe, action, received_at
            FROM signals WHERE signals.book = wanted.book ORDER BY seq DESC LIMIT :recent) AS newest),
    markets AS (
        SELECT book, symbol, exchange, instrument_kind, timeframe, max(received_at) AS last_at, max(seq) AS last_seq,
            array_agg(DISTINCT source ORDER BY source) AS sources,
            (array_agg(signal_id ORDER BY seq DESC))[1] AS signal_id
        FROM recent WHERE action = 'entry' GROUP BY book, symbol, exchange, instrument_kind, timeframe)
    SELECT markets.*, studies.bars_needed_a, studies.bars_needed_b,
        coalesce(jsonb_array_length(windows.document->'base'->'bars'), 0) AS bars_seen
    FROM markets
    LEFT JOIN studies ON studies.book = markets.book AND studies.status = 'running'
    LEFT JOIN market_contexts AS contexts USING (signal_id)
    LEFT JOIN bar_windows AS windows USING (window_hash)
    ORDER BY last_seq DESC LIMIT :most
""")
_MISSING_OF_STUDY = text("""
    WITH newest AS (
        SELECT DISTINCT ON (s.symbol, s.exchange, s.instrument_kind, s.timeframe)
            s.symbol, s.exchange, s.timeframe, s.signal_id, e.study_id
        FROM experiments e JOIN signals s USING (signal_id) JOIN market_contexts c USING (signal_id)
        WHERE e.study_id = :study_id AND s.timeframe IS NOT NULL
        ORDER BY s.symbol, s.exchange, s.instrument_kind, s.timeframe, s.seq DESC)
    SELECT newest.symbol, newest.exchange, newest.timeframe, known, needed FROM newest
    JOIN studies USING (study_id)
    JOIN market_contexts USING (signal_id)
    JOIN bar_windows USING (window_hash)
    CROSS JOIN LATERAL (
        SELECT coalesce(jsonb_array_length(document->'base'->'bars'), 0) AS known,
            greatest(bars_needed_a, bars_needed_b) AS needed) AS counted
    WHERE known < needed ORDER BY newest.symbol, newest.exchange, newest.timeframe
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class SignalMarket:
    """One instrument and interval that entry signals of a book name.

    `bars_needed` is the most that an engine of the book's study needs, None when none says. `bars_seen` is how many the
    context of the last signal held.
    """

    book: str
    instrument: Instrument
    timeframe: Interval | None
    sources: tuple[str, ...]
    last_at: datetime
    bars_needed: int | None
    bars_seen: int


def load(session: Session, books: Collection[str]) -> list[SignalMarket]:
    """Return the markets of the newest signals of some books, the newest first."""
    parameters = {"books": list(books), "recent": _RECENT_SIGNALS, "most": _MOST}
    return [_build_market(row) for row in session.execute(_MARKETS, parameters).mappings()]


def load_missing_of_study(session: Session, study_id: UUID) -> list[MissingBars]:
    """Return the markets of a study whose last entry signal found fewer bars than an engine needs, by symbol."""
    return [MissingBars(**row) for row in session.execute(_MISSING_OF_STUDY, {"study_id": study_id}).mappings()]


def _build_market(row: RowMapping) -> SignalMarket:
    needed = [row[name] for name in ("bars_needed_a", "bars_needed_b") if row[name] is not None]
    return SignalMarket(
        book=row["book"],
        instrument=Instrument(
            symbol=row["symbol"], exchange=row["exchange"], kind=InstrumentKind(row["instrument_kind"])
        ),
        timeframe=Interval.parse(row["timeframe"]) if row["timeframe"] is not None else None,
        sources=tuple(row["sources"]),
        last_at=row["last_at"],
        bars_needed=max(needed, default=None),
        bars_seen=row["bars_seen"],
    )
