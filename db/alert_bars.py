"""Bars that alerts carry and that bar feeds send: the market data of a book without a venue's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.signal_rows import NumberedSignal
from domain import trading_hours
from domain.bar_messages import BarMessage
from domain.books import is_replay_book
from domain.context import PriceSide
from domain.intervals import Unit

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
_KEY = ("book", "symbol", "exchange", "instrument_kind", "interval", "side", "open_time")
_KEY_NAMES = ", ".join(_KEY)
# Inserted in order of the key, so that two writers never wait for each other. The keys of the new bars are returned.
_INSERT = text(f"""
    WITH stored AS (
        INSERT INTO bars ({_NAMES}) SELECT * FROM unnest({_ARRAYS}) AS given({_NAMES})
        ORDER BY {_KEY_NAMES}
        ON CONFLICT DO NOTHING RETURNING *),
    late AS (
        INSERT INTO late_bars ({_KEY_NAMES}) SELECT {_KEY_NAMES} FROM stored
        WHERE EXISTS (SELECT FROM bars WHERE (bars.book, bars.symbol) = (stored.book, stored.symbol)
                      AND bars.close_time > stored.close_time))
    SELECT {_KEY_NAMES} FROM stored
""")
# Locked in order of the name, so that two writers never wait for each other.
_HEARD = text("""
    WITH heard AS (SELECT name FROM sources WHERE name = ANY(:names) ORDER BY name FOR NO KEY UPDATE)
    UPDATE sources SET last_bar_at = :now FROM heard WHERE sources.name = heard.name
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class BarReceipt:
    """Result of a bar feed's message; `is_new` is False when the series had a bar of that time, or takes none."""

    is_new: bool


def record(session: Session, received: Sequence[NumberedSignal]) -> None:
    """Store the bars of alerts; the first value of a bar stays.

    A bar that comes after a newer one of its symbol is noted: the exits worker looks at the trades it may change.
    A bar that had not closed when its alert fired is not final and is left out. Replay books take their bars from
    files only.
    """
    rows = [row for alert in received if (row := _build_row(alert)) is not None]
    if rows:
        session.execute(_INSERT, {name: [row[name] for row in rows] for name in _COLUMNS})


def record_fed(session: Session, messages: Sequence[BarMessage], *, now: datetime) -> list[BarReceipt]:
    """Store the bars of feeds received now, as `record` does, and that their sources were heard.

    Replay books take their bars from files only.
    """
    rows = [_build_fed_row(message) for message in messages]
    kept = [row for row in rows if not is_replay_book(row["book"])]
    parameters = {name: [row[name] for row in kept] for name in _COLUMNS}
    new = {tuple(key) for key in session.execute(_INSERT, parameters)} if kept else set()
    session.execute(_HEARD, {"names": sorted({message.source for message in messages}), "now": now})
    return [BarReceipt(is_new=tuple(row[name] for name in _KEY) in new) for row in rows]


def _build_fed_row(message: BarMessage) -> dict[str, Any]:
    bar, instrument = message.bar, message.instrument
    return {
        "book": message.book,
        "symbol": instrument.symbol,
        "exchange": instrument.exchange,
        "instrument_kind": instrument.kind.value,
        "interval": str(message.interval),
        "side": PriceSide.MID.value,
        "open_time": bar.open_time,
        "close_time": message.closes_at,
        "open": bar.open,
        "high": bar.high,
        "low": bar.low,
        "close": bar.close,
        "volume": bar.volume,
    }


def _build_row(alert: NumberedSignal) -> dict[str, Any] | None:
    """Return the row of an alert's bar, or None when it carries no closed bar that may be stored."""
    signal = alert.signal
    bar, interval = signal.bar, signal.timeframe
    if bar is None or interval is None or is_replay_book(signal.book):
        return None
    if interval.unit is Unit.MONTH and bar.open_time.day > 28:
        return None
    close_time = trading_hours.bar_closes_at(signal.instrument, interval, bar.open_time, calendar=alert.calendar)
    if (signal.event_at or alert.received_at) + _FIRED_EARLY < close_time:
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
