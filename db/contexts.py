"""Market contexts and the bar windows they share; what is stored rebuilds the document that was hashed."""

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
_WINDOWS_KEPT = 256
_kept: dict[str, Window] = {}
_REST = ("instrument", "quote", "depth", "rules")

_INSERT_WINDOW = text("""
    INSERT INTO bar_windows (window_hash, document) VALUES (:window_hash, cast(:document AS jsonb))
    ON CONFLICT (window_hash) DO NOTHING
""")


def record(session: Session, contexts: Sequence[MarketContext]) -> None:
    """Write contexts and their windows; a signal's first context stays."""
    windows = {one.window_hash: one for one in contexts}
    for window_hash in sorted(_unknown(session, windows)):
        document = json.dumps(context_builder.window_to_document(windows[window_hash].window))
        session.execute(_INSERT_WINDOW, {"window_hash": window_hash, "document": document})
    bulk.insert(session, MarketContextRow, [_row(one) for one in contexts])
    for one in contexts:
        _remember_window(one.window_hash, one.window)


def load(session: Session, signal_ids: Collection[UUID]) -> dict[UUID, MarketContext]:
    """Return the stored context of each signal that has one; equal windows are one object."""
    query = text(f"SELECT {_COLUMNS} FROM market_contexts WHERE signal_id = ANY(:ids)")
    rows = session.execute(query, {"ids": list(signal_ids)}).mappings().all()
    known = _known_windows(session, {row["window_hash"] for row in rows})
    return {
        row["signal_id"]: context_builder.context_from_document(build_document(row), window=known[row["window_hash"]])
        for row in rows
    }


def load_window_documents(session: Session, hashes: Collection[str]) -> dict[str, Mapping[str, Any]]:
    """Return the stored documents of windows by hash."""
    if not hashes:
        return {}
    query = text("SELECT window_hash, document FROM bar_windows WHERE window_hash = ANY(:hashes)")
    return {row.window_hash: row.document for row in session.execute(query, {"hashes": list(hashes)})}


def build_document(row: RowMapping) -> dict[str, Any]:
    """Rebuild the hashed document from a row with this module's columns."""
    return {
        "signal_id": str(row["signal_id"]),
        "as_of": canonical.format_time(row["timestamp"]),
        "current_price": _number(row["current_price"]),
        "volume": _number(row["volume"]),
        "indicators": row["indicators"],
        "quality": row["quality"],
        "window_hash": row["window_hash"],
        "context_hash": row["context_hash"],
        **row["rest"],
    }


def _known_windows(session: Session, hashes: Collection[str]) -> dict[str, Window]:
    """Return windows by hash; a hash names its content, so what was read once is kept."""
    found = {key: window for key in hashes if (window := _kept.get(key)) is not None}
    for key, document in load_window_documents(session, set(hashes) - set(found)).items():
        found[key] = context_builder.window_from_document(document)
        _remember_window(key, found[key])
    return found


def _remember_window(window_hash: str, window: Window) -> None:
    """Remember a window by its hash, forgetting the oldest beyond a few."""
    _kept[window_hash] = window
    while len(_kept) > _WINDOWS_KEPT:
        _kept.pop(next(iter(_kept)), None)


def _unknown(session: Session, hashes: Collection[str]) -> set[str]:
    query = text("SELECT window_hash FROM bar_windows WHERE window_hash = ANY(:hashes)")
    return set(hashes) - set(session.execute(query, {"hashes": list(hashes)}).scalars())


def _row(context: MarketContext) -> dict[str, Any]:
    document = context_builder.context_to_document(context)
    return {
        "context_id": uuid5(context.signal_id, "context"),
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


def _number(value: Any) -> str | None:
    return None if value is None else canonical.format_number(value)
