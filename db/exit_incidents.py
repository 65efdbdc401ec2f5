"""Incidents about exits: real trades that stay open although an alert may have meant to close them.

Each names the trades and the command that closes them. They are closed by themselves when those trades are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from db import incidents
from db.core import states
from db.exit_results import WaitingExit
from domain.books import opens_incidents
from domain.exit_matching import ClosingAlert, ExitMatch, ExitResult, OpenTrade, TradeKey
from domain.message_symbols import may_mean
from domain.signal import Signal
from domain.trade import Order

MISSED, AMBIGUOUS, NOT_PRICED = "exit_missed", "exit_ambiguous", "exit_not_priced"
REFUSED, QUARANTINED, ENTRY_OUTDATED = "exit_refused", "exit_in_quarantine", "entry_outdated"
RESTORED_DIFFERS, WAITS_FOR_OPENING = "restored_trade_differs", "exit_waits_for_opening"
_ABOUT_TRADES = (MISSED, AMBIGUOUS, NOT_PRICED, REFUSED, QUARANTINED, RESTORED_DIFFERS, WAITS_FOR_OPENING)
KINDS = (*_ABOUT_TRADES, ENTRY_OUTDATED)
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class UnreadMessage:
    """A message that was not accepted: its id, sender, text, and the fields that could not be read."""

    event_id: UUID
    source: str
    book: str
    text: str
    unreadable: tuple[str, ...]


_REAL_OF_MODELS = text(f"""
    SELECT real.trade_id FROM trades AS model JOIN trades AS real USING (experiment_id, engine)
    WHERE model.trade_id = ANY(:ids) AND NOT real.is_shadow AND real.status IN {states.UNFINISHED_TRADES}
    ORDER BY real.entry_at, real.trade_id
""")
_REAL_OF_SOURCES = text(f"""
    SELECT trades.trade_id, trades.book, trades.source, trades.symbol, trades.side, sources.symbols
    FROM trades JOIN sources ON sources.name = trades.source
    WHERE trades.source = ANY(:sources) AND NOT trades.is_shadow AND trades.status IN {states.UNFINISHED_TRADES}
    ORDER BY trades.entry_at, trades.trade_id
""")
_DEAD_EXITS = text(f"""
    SELECT signals.signal_id, signals.book, signals.source, signals.symbol,
        array_agg(trades.trade_id ORDER BY trades.entry_at, trades.trade_id) AS trade_ids
    FROM signals JOIN trades USING (book, source)
    WHERE signals.status = 'dead' AND signals.action = 'exit' AND signals.stage < {states.DISPATCHED}
      AND NOT trades.is_shadow AND trades.status IN {states.UNFINISHED_TRADES} AND trades.side = signals.direction
      AND trades.entry_at <= signals.received_at AND left(trades.symbol, 1) = left(signals.symbol, 1)
      AND NOT EXISTS (SELECT FROM incidents WHERE kind = :kind AND subject = signals.signal_id::text)
    GROUP BY signals.signal_id, signals.book, signals.source, signals.symbol
""")
_CLOSE_FINISHED = text(f"""
    UPDATE incidents SET closed_at = clock_timestamp()
    WHERE closed_at IS NULL AND kind = ANY(:kinds) AND NOT EXISTS (
        SELECT FROM jsonb_array_elements_text(detail->'trades') AS named(id)
        JOIN trades ON trades.trade_id = named.id::uuid WHERE trades.status IN {states.UNFINISHED_TRADES})
""")
_CLOSE_SENT = text(f"""
    UPDATE incidents SET closed_at = clock_timestamp()
    WHERE closed_at IS NULL AND kind = :kind AND detail ? 'client_order_id' AND NOT EXISTS (
        SELECT FROM orders WHERE trade_id = incidents.subject::uuid AND intent = 'exit'
          AND state IN {states.SENDABLE_ORDERS})
""")


def close_command(trade_ids: Iterable[UUID]) -> str:
    """Return the commands that close real trades."""
    return "; ".join(f"orchestrator trades close {trade_id} --reason TEXT" for trade_id in trade_ids)


def open_about_trades(
    session: Session, *, kind: str, subject: object, book: str, real_ids: Sequence[UUID], **detail: Any
) -> None:
    """Open and log an incident that names trades and the commands that close the real ones; none for test alerts."""
    if not opens_incidents(book):
        return
    trades = list(dict.fromkeys([*(str(trade_id) for trade_id in real_ids), *detail.pop("trades", ())]))
    known = {name: value for name, value in detail.items() if value is not None}
    full = {"book": book, **known, "trades": trades, "close": close_command(real_ids) or None}
    if incidents.open_(session, kind=kind, subject=str(subject), detail=full):
        log.error("incident.opened", kind=kind, subject=str(subject), book=book, trades=trades)


def open_about_match(session: Session, alert: ClosingAlert, match: ExitMatch) -> None:
    """Open the incidents about the trades that an alert leaves open although it may have meant them."""
    signal = alert.signal
    detail = {"source": signal.source, "symbol": signal.symbol, "signal": str(signal.signal_id)}
    if match.result is ExitResult.AMBIGUOUS:
        open_about_trades(
            session,
            kind=AMBIGUOUS,
            subject=signal.signal_id,
            book=signal.book,
            real_ids=[trade.trade_id for trade in match.ambiguous if not trade.is_shadow],
            trades=[str(trade.trade_id) for trade in match.ambiguous],
            why="it fits the open trades of several keys: " + _describe_keys(match.ambiguous),
            **detail,
        )
    for trade in match.missed:
        open_about_trades(
            session,
            kind=MISSED,
            subject=trade.trade_id,
            book=signal.book,
            real_ids=[trade.trade_id],
            side=trade.side.value,
            why=_explain_miss(alert, trade),
            **detail,
        )


def open_about_waiting(session: Session, book: str, alert: WaitingExit, *, opens_at: datetime | None) -> None:
    """Open the incident about an alert that waits for a price, naming the real trades that it closes.

    `opens_at` is when the exchange opens, None while it is open.
    """
    open_about_trades(
        session,
        kind=NOT_PRICED if opens_at is None else WAITS_FOR_OPENING,
        why=None if opens_at is None else _explain_opening(opens_at, "its trades close at the first price after that"),
        opens_at=None if opens_at is None else opens_at.isoformat(),
        subject=alert.signal_id,
        book=book,
        real_ids=list(session.execute(_REAL_OF_MODELS, {"ids": list(alert.trade_ids)}).scalars()),
        source=alert.source,
        symbol=alert.symbol,
        since=alert.received_at.isoformat(),
        trades=[str(trade_id) for trade_id in alert.trade_ids],
    )


def open_about_closed_exchange(session: Session, order: Order, *, opens_at: datetime) -> None:
    """Open the incident about a real trade whose exit waits until its exchange opens."""
    open_about_trades(
        session,
        kind=WAITS_FOR_OPENING,
        subject=order.trade_id,
        book=order.book,
        real_ids=[order.trade_id],
        symbol=order.quote.instrument.symbol,
        client_order_id=order.client_order_id,
        opens_at=opens_at.isoformat(),
        why=_explain_opening(opens_at, "the order is sent then"),
    )


def open_about_quarantine(session: Session, events: Sequence[UnreadMessage]) -> None:
    """Open an incident for each open real trade that an unreadable message of its source may be the exit of."""
    wanted = [event for event in events if opens_incidents(event.book)]
    if not wanted:
        return
    sources = sorted({event.source for event in wanted})
    open_rows = list(session.execute(_REAL_OF_SOURCES, {"sources": sources}))
    for event in wanted:
        for row in (row for row in open_rows if (row.book, row.source) == (event.book, event.source)):
            if may_mean(event.text, row.symbol, unreadable=event.unreadable, mapped=row.symbols):
                open_about_trades(
                    session,
                    kind=QUARANTINED,
                    subject=row.trade_id,
                    book=row.book,
                    real_ids=[row.trade_id],
                    source=row.source,
                    symbol=row.symbol,
                    side=row.side,
                    message=str(event.event_id),
                )


def open_about_outdated_entry(session: Session, entry: Signal, *, closed_by: UUID) -> None:
    """Open the incident about an entry whose exit came before it."""
    open_about_trades(
        session,
        kind=ENTRY_OUTDATED,
        subject=entry.signal_id,
        book=entry.book,
        real_ids=[],
        source=entry.source,
        symbol=entry.symbol,
        side=entry.direction.value,
        why=f"alert {closed_by} fired later, arrived earlier, and closes it",
    )


def open_about_dead_exits(session: Session) -> None:
    """Open an incident, once, about each exit that was given up while a real trade it may mean is open."""
    for row in session.execute(_DEAD_EXITS, {"kind": MISSED}):
        open_about_trades(
            session,
            kind=MISSED,
            subject=row.signal_id,
            book=row.book,
            real_ids=row.trade_ids,
            source=row.source,
            symbol=row.symbol,
            signal=str(row.signal_id),
            why="the work on the exit failed too often; `orchestrator signals rerun` tries it again",
        )


def close_finished(session: Session) -> None:
    """Close the incidents about exits whose trades are all closed by now, or whose wait for an opening is over."""
    session.execute(_CLOSE_FINISHED, {"kinds": list(_ABOUT_TRADES)})
    session.execute(_CLOSE_SENT, {"kind": WAITS_FOR_OPENING})


def _explain_miss(alert: ClosingAlert, trade: OpenTrade) -> str:
    """Return why an alert did not close a trade."""
    if alert.is_stale:
        return "the alert is stale, and stale alerts close nothing"
    if trade.side is not alert.side:
        return f"the alert closes {alert.side.value} and the trade is {trade.side.value}"
    if alert.signal.is_entry:
        return "an entry closes the opposite side of its own key only"
    return f"the exit's own key has entries of its own; the trade is of {_describe_keys([trade])}"


def _explain_opening(opens_at: datetime, consequence: str) -> str:
    return f"its exchange is closed until {opens_at:%Y-%m-%d %H:%M} UTC; {consequence}"


def _describe_keys(trades: Sequence[OpenTrade]) -> str:
    """Return the strategies and instruments of trades, each key once."""
    keys = dict.fromkeys(trade.key for trade in trades)
    return ", ".join(_describe_key(key) for key in keys)


def _describe_key(key: TradeKey) -> str:
    instrument = key.instrument
    parts = (key.strategy, instrument.exchange, instrument.symbol, instrument.kind.value)
    return " ".join(part for part in parts if part)
