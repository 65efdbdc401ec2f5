"""Bars that alerts carry: the market data of a book without a feed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from domain import trading_hours
from domain.books import is_replay_book
from domain.context import PriceSide
from domain.intervals import Unit
from domain.signal import NewSignal

_FIRED_EARLY = timedelta(seconds=1)
_COLUMNS = {
    "book": "text",
    "symbol": "text",
    "exchange": "text",
    "instrument_kind": "text",
    "interval": "text",
    "side": "text",
    "open_time": "timestamptz",
    "close_time": "timestamptz",
    "open": "numeric",
    "high": "numeric",
    "low": "numeric",
    "close": "numeric",
    "volume": "numeric",
}
_NAMES = ", ".join(f'"{name}"' for name in _COLUMNS)
_ARRAYS = ", ".join(f"CAST(:{name} AS {kind}[])" for name, kind in _COLUMNS.items())
# Inserted in order of the key, so that two writers never wait for each other.
_INSERT = text(f"""
    WITH stored AS (
        INSERT INTO bars ({_NAMES}) SELECT * FROM unnest({_ARRAYS}) AS given({_NAMES})
        ORDER BY book, symbol, exchange, instrument_kind, interval, side, open_time
        ON CONFLICT DO NOTHING RETURNING *)
    INSERT INTO late_bars (book, symbol, exchange, instrument_kind, interval, side, open_time)
    SELECT book, symbol, exchange, instrument_kind, interval, side, open_time FROM stored
    WHERE EXISTS (SELECT FROM bars WHERE (bars.book, bars.symbol) = (stored.book, stored.symbol)
                  AND bars.close_time > stored.close_time)
""")


def record(session: Session, received: Sequence[tuple[NewSignal, datetime]]) -> None:
    """Store the bars of alerts received at these times; the first value of a bar stays.

    A bar that comes after a newer one of its symbol is noted: the exits worker looks at the trades it may change.
    A bar that had not closed when its alert fired is not final and is left out. Replay books take their bars from
    files only.
    """
    rows = [row for signal, received_at in received if (row := _build_row(signal, received_at)) is not None]
    if rows:
        session.execute(_INSERT, {name: [row[name] for row in rows] for name in _COLUMNS})


def _build_row(signal: NewSignal, received_at: datetime) -> dict[str, Any] | None:
    """Return the row of an alert's bar, or None when it carries no closed bar that may be stored."""
    bar, interval = signal.bar, signal.timeframe
    if bar is None or interval is None or is_replay_book(signal.book):
        return None
    if interval.unit is Unit.MONTH and bar.open_time.day > 28:
        return None
    close_time = trading_hours.bar_closes_at(signal.instrument, interval, bar.open_time)
    if (signal.event_at or received_at) + _FIRED_EARLY < close_time:
        return None
    return {
        "book": signal.book,
        "symbol": signal.symbol,
        "exchange": signal.exchange,
        "instrument_kind": signal.instrument_kind.value,
        "interval": str(interval),
        "side": PriceSide.MID.value,
        "open_time": bar.open_time,
        "close_time": close_time,
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "volume": bar.volume,
    }
