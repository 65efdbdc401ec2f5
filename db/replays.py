"""Books of replays as a whole: locking, completing and removing them."""

from __future__ import annotations

from sqlalchemy import text
from sqlalchemy.orm import Session

_OF_SIGNALS = ("experiments", "market_contexts", "task_failures", "signal_events")
_OF_BOOK = ("signals", "webhook_events", "sources", "bars", "studies", "policy_versions", "books")


def try_lock(session: Session, book: str) -> bool:
    """Lock the book for this transaction; return False when another process has it locked."""
    query = text("SELECT pg_try_advisory_xact_lock(hashtextextended('replay:' || :book, 0))")
    return bool(session.execute(query, {"book": book}).scalar_one())


def is_complete(session: Session, book: str) -> bool:
    """Return whether the book exists and was replayed to its end."""
    query = text("SELECT EXISTS (SELECT FROM books WHERE book = :book AND completed)")
    return bool(session.execute(query, {"book": book}).scalar_one())


def mark_complete(session: Session, book: str) -> None:
    """Record that a replay has reached its end."""
    session.execute(text("UPDATE books SET completed = true WHERE book = :book AND kind = 'replay'"), {"book": book})


def remove(session: Session, book: str) -> None:
    """Remove an incomplete replay's book with everything in it; books of other kinds are never removed."""
    incomplete = session.execute(
        text("SELECT FROM books WHERE book = :book AND kind = 'replay' AND NOT completed"), {"book": book}
    )
    if not incomplete.all():
        return
    parameters = {"book": book}
    signals = "(SELECT signal_id FROM signals WHERE book = :book)"
    experiments = f"(SELECT experiment_id FROM experiments WHERE signal_id IN {signals})"
    orders = "(SELECT order_id FROM orders WHERE book = :book)"
    trades = "(SELECT trade_id FROM trades WHERE book = :book)"
    clients = "(SELECT client_order_id FROM orders WHERE book = :book)"
    statements = [
        f"DELETE FROM trade_outcomes WHERE experiment_id IN {experiments}",
        f"DELETE FROM fills WHERE trade_id IN {trades}",
        f"DELETE FROM order_events WHERE order_id IN {orders}",
        f"DELETE FROM paper_ledger WHERE client_order_id IN {clients}",
        *(f"DELETE FROM {table} WHERE book = :book" for table in ("orders", "trades", "quotes")),
        *(f"DELETE FROM {table} WHERE experiment_id IN {experiments}" for table in ("decisions", "execution_policies")),
        *(f"DELETE FROM {table} WHERE signal_id IN {signals}" for table in _OF_SIGNALS),
        *(f"DELETE FROM {table} WHERE book = :book" for table in _OF_BOOK),
    ]
    for statement in statements:
        session.execute(text(statement), parameters)
