"""Market contexts and the bar windows they share; the hashed document can be rebuilt from their rows."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from db.core import bulk
from db.tables.signals import MarketContextRow
from domain import canonical, context_builder
from domain.context import MarketContext, Window

_COLUMNS = (
    "signal_id, timestamp, current_price, volume, indicators, quality, rest, market_contexts.window_hash, context_hash"
)
_WINDOWS_CACHED = 256
_window_cache: dict[str, Window] = {}
_REST = ("instrument", "quote", "depth", "rules")

_INSERT_WINDOW = text("""
    INSERT INTO bar_windows (window_hash, document) VALUES (:window_hash, cast(:document AS jsonb))
    ON CONFLICT (window_hash) DO NOTHING
""")


def record(session: Session, contexts: Sequence[MarketContext]) -> None:
    """Write contexts and their windows; a signal's first context stays."""
    windows = {context.window_hash: context for context in contexts}
    for window_hash in sorted(_find_missing_windows(session, windows)):
        document = json.dumps(context_builder.window_to_document(windows[window_hash].window))
        session.execute(_INSERT_WINDOW, {"window_hash": window_hash, "document": document})
    bulk.insert(session, MarketContextRow, [_build_row(context) for context in contexts])
    for context in contexts:
        _remember_window(context.window_hash, context.window)


def load(session: Session, signal_ids: Collection[UUID]) -> dict[UUID, MarketContext]:
    """Return the stored context of each signal that has one; equal windows are one object."""
    query = text(f"SELECT {_COLUMNS} FROM market_contexts WHERE signal_id = ANY(:ids)")
    rows = session.execute(query, {"ids": list(signal_ids)}).mappings().all()
    windows = _load_windows(session, {row["window_hash"] for row in rows})
    return {
        row["signal_id"]: context_builder.context_from_document(build_document(row), window=windows[row["window_hash"]])
        for row in rows
    }


def load_calendars(session: Session, trade_ids: Collection[UUID]) -> dict[UUID, str | None]:
    """Return, by trade, the name of its instrument's trading calendar as its entry's context has it; None for none."""
    query = text("""
        SELECT trade_id, rest->'rules'->>'calendar' AS calendar
        FROM trades JOIN experiments USING (experiment_id) JOIN market_contexts USING (signal_id)
        WHERE trade_id = ANY(:ids)
    """)
    return {row.trade_id: row.calendar for row in session.execute(query, {"ids": list(trade_ids)})}


def load_window_documents(session: Session, hashes: Collection[str]) -> dict[str, Mapping[str, Any]]:
    """Return the stored documents of windows, by hash."""
    if not hashes:
        return {}
    query = text("SELECT window_hash, document FROM bar_windows WHERE window_hash = ANY(:hashes)")
    return {row.window_hash: row.document for row in session.execute(query, {"hashes": list(hashes)})}


def build_document(row: RowMapping) -> dict[str, Any]:
    """Return the document that was hashed, rebuilt from a row of `market_contexts`."""
    return {
        "signal_id": str(row["signal_id"]),
        "as_of": canonical.format_time(row["timestamp"]),
        "current_price": _format_number(row["current_price"]),
        "volume": _format_number(row["volume"]),
        "indicators": row["indicators"],
        "quality": row["quality"],
        "window_hash": row["window_hash"],
        "context_hash": row["context_hash"],
        **row["rest"],
    }


def _load_windows(session: Session, hashes: Collection[str]) -> dict[str, Window]:
    """Return windows by hash, from the cache where they are in it; the content of a hash never changes."""
    windows = {key: window for key in hashes if (window := _window_cache.get(key)) is not None}
    for key, document in load_window_documents(session, set(hashes) - set(windows)).items():
        windows[key] = context_builder.window_from_document(document)
        _remember_window(key, windows[key])
    return windows


def _remember_window(window_hash: str, window: Window) -> None:
    """Cache a window by its hash, and drop the oldest beyond _WINDOWS_CACHED."""
    _window_cache[window_hash] = window
    while len(_window_cache) > _WINDOWS_CACHED:
        _window_cache.pop(next(iter(_window_cache)), None)


def _find_missing_windows(session: Session, hashes: Collection[str]) -> set[str]:
    query = text("SELECT window_hash FROM bar_windows WHERE window_hash = ANY(:hashes)")
    return set(hashes) - set(session.execute(query, {"hashes": list(hashes)}).scalars())


def context_id_for(signal_id: UUID) -> UUID:
    """Derive a context's id from its signal, so that a rerun writes the same row."""
    return uuid5(signal_id, "context")


def _build_row(context: MarketContext) -> dict[str, Any]:
    document = context_builder.context_to_document(context)
    return {
        "context_id": context_id_for(context.signal_id),
        "signal_id": context.signal_id,
        "timestamp": context.as_of,
        "symbol": context.instrument.symbol,
        "current_price": context.current_price,
        "bid": context.quote.bid,
        "ask": context.quote.ask,
        "volume": context.volume,
        "indicators": document["indicators"],
        "quality": document["quality"],
        "rest": {name: document[name] for name in _REST},
        "window_hash": context.window_hash,
        "context_hash": context.context_hash,
    }


def _format_number(value: Any) -> str | None:
    return None if value is None else canonical.format_number(value)
