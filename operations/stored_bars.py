"""Operations on the bars of standing books: import history, list the stored series, find the one to export."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from alerts.vocabulary import symbols
from db import bar_import, bar_series, books
from db.bar_import import ImportedBars
from db.bar_series import StoredSeries
from db.core.session import Session
from domain import canonical, trading_hours
from domain.books import STANDING_BOOKS
from domain.context import Bar
from domain.ports import Feed
from domain.signal import Instrument, InstrumentKind
from operations.audit_entry import AuditContext

_GAPS_SHOWN = 3


class SeriesUnclear(ValueError):
    """A symbol does not say which series is meant; the message lists the choices."""


def choose_instrument(session: Session, book: str, named: Instrument) -> Instrument:
    """Return the instrument as the alerts of a book name it, since snapshots look for its bars under that name.

    Raises:
        SeriesUnclear: when alerts name several of this symbol.
    """
    named_by_alerts = bar_series.find_signal_instruments(session, book, named.symbol)
    if named in named_by_alerts:
        return named
    fitting = [candidate for candidate in named_by_alerts if named.exchange in ("", candidate.exchange)]
    if len(fitting) > 1:
        choices = ", ".join(f"{format_instrument(choice)} ({choice.kind.value})" for choice in fitting)
        raise SeriesUnclear(f"alerts of the book {book} name several of {named.symbol}: {choices}; write one of them")
    return fitting[0] if fitting else named


def import_bars(session: Session, feed: Feed, bars: Iterable[Bar], *, audit: AuditContext) -> dict[str, Any]:
    """Add those bars of a series that are not stored and have closed, and return what came of them as a document."""
    books.ensure_standing(session)
    imported = bar_import.add_missing(session, feed, bars, until=audit.at)
    document = describe_feed(feed) | _describe_import(imported)
    audit.write_entry(session, "bars.imported", feed.instrument.symbol, **document)
    return document


def list_series(session: Session, *, book: str | None, symbol: str | None) -> list[dict[str, Any]]:
    """Return the stored series of the standing books as documents, with their gaps.

    Raises:
        SeriesUnclear: when the symbol cannot be read.
    """
    return [_describe_series(session, series) for series in _find_series(session, book=book, symbol=symbol)]


def find_feed(session: Session, *, book: str, symbol: str, interval: str | None, side: str | None) -> Feed:
    """Return the only stored series of a book that fits.

    Raises:
        SeriesUnclear: when none or several fit.
    """
    named = _parse_symbol(symbol)
    fitting = [
        series.feed
        for series in _find_series(session, book=book, symbol=symbol)
        if named.exchange in ("", series.feed.instrument.exchange)
        and interval in (None, str(series.feed.interval))
        and side in (None, series.feed.side.value)
    ]
    if not fitting:
        raise SeriesUnclear(f"the book {book} has no such bars of {symbol}; see: orchestrator bars list")
    if len(fitting) > 1:
        choices = "; ".join(format_feed(feed) for feed in fitting)
        raise SeriesUnclear(f"several series fit: {choices}; name exchange, --interval or --side")
    return fitting[0]


def describe_feed(feed: Feed) -> dict[str, Any]:
    """Return the key of a series as a document."""
    return {
        "book": feed.book,
        "symbol": feed.instrument.symbol,
        "exchange": feed.instrument.exchange,
        "instrument_kind": feed.instrument.kind.value,
        "interval": str(feed.interval),
        "side": feed.side.value,
    }


def format_instrument(instrument: Instrument) -> str:
    """Write an instrument as alerts name it, such as BINANCE:BTCUSDT.P."""
    symbol = instrument.symbol + (".P" if instrument.kind is InstrumentKind.PERP else "")
    return f"{instrument.exchange}:{symbol}" if instrument.exchange else symbol


def format_feed(feed: Feed) -> str:
    """Write a series as a text, such as `BINANCE:BTCUSDT 1h mid`."""
    return f"{format_instrument(feed.instrument)} {feed.interval} {feed.side.value}"


def _find_series(session: Session, *, book: str | None, symbol: str | None) -> list[StoredSeries]:
    wanted = STANDING_BOOKS if book is None else (book,)
    name = None if symbol is None else _parse_symbol(symbol).symbol
    return bar_series.list_series(session, books=wanted, symbol=name)


def _parse_symbol(symbol: str) -> Instrument:
    try:
        return symbols.parse(symbol)
    except symbols.SymbolUnreadable as error:
        raise SeriesUnclear(f"{symbol!r} {error}") from None


def _describe_import(imported: ImportedBars) -> dict[str, Any]:
    return {
        "added": imported.added,
        "known": imported.known,
        "differing": imported.differing,
        "first_differing": _format_optional_time(imported.first_differing),
        "overlapping": imported.overlapping,
        "first_overlapping": _format_optional_time(imported.first_overlapping),
        "still_open": imported.still_open,
    }


def _describe_series(session: Session, series: StoredSeries) -> dict[str, Any]:
    instrument = series.feed.instrument
    gaps = [
        gap for gap in bar_series.load_gaps(session, series.feed) if trading_hours.is_traded_between(instrument, *gap)
    ]
    return describe_feed(series.feed) | {
        "bars": series.bars,
        "first": canonical.format_time(series.first),
        "last": canonical.format_time(series.last),
        "gaps": len(gaps),
        "largest_gaps": _describe_largest(gaps),
    }


def _describe_largest(gaps: Sequence[tuple[datetime, datetime]]) -> list[dict[str, str]]:
    largest = sorted(gaps, key=lambda gap: gap[0] - gap[1])[:_GAPS_SHOWN]
    return [{"from": canonical.format_time(start), "to": canonical.format_time(end)} for start, end in sorted(largest)]


def _format_optional_time(at: datetime | None) -> str | None:
    return None if at is None else canonical.format_time(at)
