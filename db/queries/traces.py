"""Traces of signals: all rows that belong to one signal, from the alert to the outcomes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.core import listing
from db.core.listing import PageQuery, SortKey

Columns = dict[str, Any]
_HEX_DIGITS = 32

_SIGNAL = """
    SELECT signal_id, source, strategy, symbol, exchange, instrument_kind, direction, action, timeframe, timestamp,
           event_at, received_at, price, confidence, sequence, position_before, position_after, signal_hash,
           content_hash, occurrence, dialect, read_from, raw_payload, flags, book, is_test, stage, status, processed,
           experiment_id, processing_lock, locked_by, lock_expires_at, attempts, next_attempt_at, last_error, seq,
           stored_at
    FROM signals WHERE signal_id = :id
"""
_CONTEXT = """
    SELECT c.*, w.document AS bars FROM market_contexts c JOIN bar_windows w USING (window_hash) WHERE signal_id = :id
"""
_EXPERIMENT = """
    SELECT e.*, s.name AS study FROM experiments e JOIN studies s USING (study_id) WHERE signal_id = :id
"""
_POLICY = "SELECT p.* FROM execution_policies p JOIN experiments USING (experiment_id) WHERE signal_id = :id"
_DECISIONS = """
    SELECT d.* FROM decisions d JOIN experiments USING (experiment_id) WHERE signal_id = :id ORDER BY engine
"""
_TRADES = """
    SELECT t.* FROM trades t JOIN experiments USING (experiment_id) WHERE signal_id = :id
    ORDER BY engine, is_shadow DESC
"""
_ORDERS = """
    SELECT o.*, t.engine, t.is_shadow, q.at AS quote_at, q.bid, q.ask, q.last
    FROM orders o JOIN quotes q USING (quote_id) JOIN trades t USING (trade_id)
        JOIN experiments USING (experiment_id)
    WHERE signal_id = :id ORDER BY t.engine, t.is_shadow DESC, o.exit_clock, o.leg, o.attempt
"""
_FILLS = """
    SELECT f.* FROM fills f JOIN trades USING (trade_id) JOIN experiments USING (experiment_id)
    WHERE signal_id = :id ORDER BY f.filled_at, f.venue_fill_id
"""
_EVENTS = """
    SELECT v.* FROM order_events v JOIN orders USING (order_id) JOIN trades USING (trade_id)
        JOIN experiments USING (experiment_id)
    WHERE signal_id = :id ORDER BY v.event_id
"""
_OUTCOMES = """
    SELECT o.* FROM trade_outcomes o JOIN experiments USING (experiment_id) WHERE signal_id = :id
    ORDER BY engine, is_shadow DESC, exit_clock DESC
"""
_TRADE_STATES = text("""
    SELECT signal_id, engine, is_shadow, t.status FROM trades t JOIN experiments USING (experiment_id)
    WHERE signal_id = ANY(:ids) ORDER BY signal_id, engine, is_shadow
""")
_STAGES = "SELECT stage, written_by, at FROM signal_events WHERE signal_id = :id ORDER BY stage"
_EXIT_RESULT = "SELECT * FROM exit_results WHERE signal_id = :id"
_FAILURES = "SELECT * FROM task_failures WHERE signal_id = :id ORDER BY failure_id"
SIGNALS = PageQuery(
    select="""
        SELECT signal_id, received_at, book, source, strategy, symbol, exchange, instrument_kind, direction, action,
               timeframe, price, stage, status, attempts, flags, is_test, last_error, seq,
               (SELECT traceback_hash FROM task_failures AS f WHERE f.signal_id = signals.signal_id
                ORDER BY failure_id DESC LIMIT 1) AS traceback_hash
        FROM signals
    """,
    conditions={
        "book": "book = :book",
        "source": "source = :source",
        "symbol": "symbol = :symbol",
        "action": "action = :action",
        "status": "status = :status",
        "since": "received_at >= :since",
        "until": "received_at < :until",
    },
    order=(SortKey(column="seq", kind=int, sql="seq"),),
)


class SignalUnknown(LookupError):
    """No signal has that id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """All rows that belong to one signal, by table; None or empty for stages that it has not reached.

    Each order has its `fills` and `events`. The raw body is never part of a trace.
    """

    signal: Columns
    context: Columns | None
    experiment: Columns | None
    policy: Columns | None
    decisions: list[Columns]
    orders: list[Columns]
    trades: list[Columns]
    outcomes: list[Columns]
    failures: list[Columns]
    stages: list[Columns]
    exit_result: Columns | None


def load(session: Session, signal_id: UUID) -> Trace:
    """Return the trace of one signal.

    Raises:
        SignalUnknown: when there is none.
    """

    def load_rows(query: str) -> list[Columns]:
        """Return the rows of a query about the signal."""
        return [dict(row) for row in session.execute(text(query), {"id": signal_id}).mappings()]

    signals = load_rows(_SIGNAL)
    if not signals:
        raise SignalUnknown(f"there is no signal {signal_id}")
    return Trace(
        signal=signals[0],
        context=_first_row(load_rows(_CONTEXT)),
        experiment=_first_row(load_rows(_EXPERIMENT)),
        policy=_first_row(load_rows(_POLICY)),
        decisions=load_rows(_DECISIONS),
        orders=_attach_parts(load_rows(_ORDERS), fills=load_rows(_FILLS), events=load_rows(_EVENTS)),
        trades=load_rows(_TRADES),
        outcomes=load_rows(_OUTCOMES),
        failures=load_rows(_FAILURES),
        stages=load_rows(_STAGES),
        exit_result=_first_row(load_rows(_EXIT_RESULT)),
    )


def load_newest(session: Session, *, book: str | None = None, status: str | None = None, limit: int) -> list[Columns]:
    """Return up to `limit` signals, newest first, with the columns of `SIGNALS`."""
    conditions = {"book": book, "status": status}
    filters = {name: value for name, value in conditions.items() if value is not None}
    return listing.load_page(session, SIGNALS, filters=filters, limit=limit)


def find_by_prefix(session: Session, prefix: str, *, limit: int) -> list[UUID]:
    """Return up to `limit` ids of signals that begin with 1 to 32 hexadecimal digits, in the order of ids."""
    query = text(
        "SELECT signal_id FROM signals WHERE signal_id BETWEEN :first AND :last ORDER BY signal_id LIMIT :limit"
    )
    first, last = UUID(prefix.ljust(_HEX_DIGITS, "0")), UUID(prefix.ljust(_HEX_DIGITS, "f"))
    return list(session.execute(query, {"first": first, "last": last, "limit": limit}).scalars())


def find_last(session: Session) -> UUID | None:
    """Return the id of the signal that arrived last; None when there is none."""
    return session.execute(text("SELECT signal_id FROM signals ORDER BY seq DESC LIMIT 1")).scalar_one_or_none()


def load_trade_states(session: Session, signal_ids: Sequence[UUID]) -> dict[UUID, list[Columns]]:
    """Return engine, shadow flag and status of each trade, by the signal that opened it."""
    rows = session.execute(_TRADE_STATES, {"ids": list(signal_ids)}).mappings()
    states: dict[UUID, list[Columns]] = {}
    for row in rows:
        states.setdefault(row["signal_id"], []).append(dict(row))
    return states


def find_signal_of_experiment(session: Session, experiment_id: UUID) -> UUID | None:
    """Return the signal of an experiment; None when there is no such experiment."""
    query = text("SELECT signal_id FROM experiments WHERE experiment_id = :id")
    return session.execute(query, {"id": experiment_id}).scalar_one_or_none()


def find_signal_of_trade(session: Session, trade_id: UUID) -> UUID | None:
    """Return the signal of a trade; None when there is no such trade."""
    query = text("SELECT signal_id FROM trades JOIN experiments USING (experiment_id) WHERE trade_id = :id")
    return session.execute(query, {"id": trade_id}).scalar_one_or_none()


def find_waiting_exits(session: Session, experiment_id: UUID) -> list[UUID]:
    """Return the alerts that close trades of an experiment and wait for a price, oldest first."""
    query = text("""
        SELECT signal_id FROM exit_results
        WHERE waits_since IS NOT NULL AND settled_at IS NULL AND EXISTS (
            SELECT FROM trades WHERE experiment_id = :id AND trade_ids ? trade_id::text)
        ORDER BY waits_since, signal_id
    """)
    return list(session.execute(query, {"id": experiment_id}).scalars())


def _attach_parts(orders: list[Columns], **parts: Sequence[Mapping[str, Any]]) -> list[Columns]:
    """Return the orders, each with its own rows of every part under the part's name."""
    for order in orders:
        for name, rows in parts.items():
            order[name] = [dict(row) for row in rows if row["order_id"] == order["order_id"]]
    return orders


def _first_row(rows: list[Columns]) -> Columns | None:
    return rows[0] if rows else None
