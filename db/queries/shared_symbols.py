"""Symbols that several sources of a book trade."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

_SHARED = text("""
    SELECT symbol, array_agg(DISTINCT source ORDER BY source) AS names
    FROM signals JOIN sources ON sources.name = signals.source
    WHERE signals.book = :book AND sources.enabled GROUP BY symbol HAVING count(DISTINCT source) > 1 ORDER BY symbol
""")


def load(session: Session, book: str) -> dict[str, list[str]]:
    """Return, by symbol, the enabled sources of a book that sent alerts about it, where there are several."""
    return {row.symbol: list(row.names) for row in session.execute(_SHARED, {"book": book})}
