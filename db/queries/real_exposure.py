"""Real exposure: real trades and orders of a book, their positions, and those that the switch wants closed."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.core import states


@dataclass(frozen=True, slots=True, kw_only=True)
class RealExposure:
    """Numbers of a book's real trades that are pending or open, and of its entry orders that may still fill."""

    trades: int
    orders: int

    @property
    def is_open(self) -> bool:
        """Whether anything is open for real, or may still be opened by an order that was sent."""
        return self.trades > 0 or self.orders > 0


def count_exposure(session: Session, book: str) -> RealExposure:
    """Count the real trades and entry orders of a book."""
    query = text(f"""
        SELECT (SELECT count(*) FROM trades WHERE book = :book AND NOT is_shadow
                  AND status IN {states.UNFINISHED_TRADES}) AS trades,
            (SELECT count(*) FROM orders WHERE book = :book AND venue <> 'model' AND intent = 'entry'
               AND state IN {states.SENT_ORDERS}) AS orders
    """)
    row = session.execute(query, {"book": book}).one()
    return RealExposure(trades=row.trades, orders=row.orders)


def find_to_flatten(session: Session) -> dict[str, set[UUID]]:
    """Return, by book, the experiments with real trades that the policy in force wants closed (`flatten`)."""
    query = text(f"""
        SELECT book, experiment_id FROM trades
        WHERE NOT is_shadow AND status IN {states.UNFINISHED_TRADES} AND (
            SELECT flatten FROM policy_versions WHERE policy_versions.book = trades.book
            ORDER BY policy_version_id DESC LIMIT 1)
    """)
    experiments: dict[str, set[UUID]] = {}
    for row in session.execute(query):
        experiments.setdefault(row.book, set()).add(row.experiment_id)
    return experiments


def load_settled_positions(session: Session, book: str) -> dict[str, Decimal]:
    """Return the quantity that real trades hold, by symbol (short below 0), of symbols without unsettled orders."""
    query = text(f"""
        SELECT symbol, sum(CASE fills.side WHEN 'buy' THEN fills.quantity ELSE -fills.quantity END) AS quantity
        FROM trades JOIN fills USING (trade_id) WHERE book = :book AND NOT is_shadow AND symbol NOT IN (
            SELECT symbol FROM trades JOIN orders USING (trade_id) WHERE trades.book = :book AND NOT is_shadow
              AND state IN {states.UNSETTLED_ORDERS})
        GROUP BY symbol HAVING sum(CASE fills.side WHEN 'buy' THEN fills.quantity ELSE -fills.quantity END) <> 0
    """)
    return {row.symbol: row.quantity for row in session.execute(query, {"book": book})}


def load_positions(session: Session, book: str) -> dict[str, Decimal]:
    """Return the quantity that real trades hold, by symbol (short below 0), as far as it is known."""
    query = text("""
        SELECT symbol, sum(CASE fills.side WHEN 'buy' THEN fills.quantity ELSE -fills.quantity END) AS quantity
        FROM trades JOIN fills USING (trade_id) WHERE book = :book AND NOT is_shadow GROUP BY symbol
    """)
    return {row.symbol: row.quantity for row in session.execute(query, {"book": book})}


def list_unsettled_symbols(session: Session, book: str) -> list[str]:
    """Return the symbols with unsettled orders, whose positions cannot be compared yet."""
    query = text(f"""
        SELECT DISTINCT symbol FROM trades JOIN orders USING (trade_id)
        WHERE trades.book = :book AND NOT is_shadow AND state IN {states.UNSETTLED_ORDERS} ORDER BY symbol
    """)
    return list(session.execute(query, {"book": book}).scalars())
