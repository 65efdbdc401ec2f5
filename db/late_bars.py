"""Late bars: those that arrived after newer ones of their symbol, behind the walk of trades that were open then.

A trade that has made no exit yet is walked again from its entry, now with the late bar. For one that has, the bar comes
too late: where it reaches the trade's stop or a target, that is told.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.orm import Session

from db import exit_incidents
from db.core import states

LATE_BAR = "late_bar"
_KEY = "book, symbol, exchange, instrument_kind, interval, side, open_time"
_PENDING = text(f"""
    SELECT {_KEY} FROM late_bars WHERE book = :book AND settled_at IS NULL ORDER BY {_KEY} FOR UPDATE SKIP LOCKED
""")
_BARS = """
    unnest(cast(:symbols AS text[]), cast(:exchanges AS text[]), cast(:kinds AS text[]), cast(:intervals AS text[]),
        cast(:sides AS text[]), cast(:open_times AS timestamptz[]))
        AS late(symbol, exchange, instrument_kind, interval, side, open_time)
    JOIN bars ON bars.book = :book AND (bars.symbol, bars.exchange, bars.instrument_kind, bars.interval, bars.side,
        bars.open_time) = (late.symbol, late.exchange, late.instrument_kind, late.interval, late.side, late.open_time)
"""
_OF_ITS_INSTRUMENT = """trades.book = bars.book AND trades.symbol = bars.symbol AND trades.is_shadow
    AND (bars.exchange = '' OR (bars.exchange, bars.instrument_kind) = (trades.exchange, trades.instrument_kind))
    AND trades.entry_at < bars.close_time"""
# A bar at whose open a trade was entered, at most 5 s later, is walked whole.
_WALK_START = """coalesce((
    SELECT max(begun.open_time) FROM orders JOIN quotes USING (quote_id)
        JOIN bars AS begun ON (begun.book, begun.symbol) = (trades.book, trades.symbol)
    WHERE orders.trade_id = trades.trade_id AND orders.intent = 'entry' AND quotes.basis = 'open'
      AND begun.open_time <= trades.entry_at AND begun.open_time >= trades.entry_at - interval '5 seconds'
    ), trades.entry_at)"""
_ENTRY_PRICE = """(SELECT min(fills.price)::text FROM fills
    WHERE fills.trade_id = trades.trade_id AND fills.intent = 'entry')"""
_WALK_AGAIN = text(f"""
    UPDATE trades SET evaluated_to = {_WALK_START}, walk = jsonb_build_object(
        'stop', plan->>'stop', 'remaining', '1', 'targets_hit', 0, 'best', NULL, 'legs', 0, 'price', {_ENTRY_PRICE})
    WHERE status = 'open' AND (walk->>'legs')::int = 0 AND trade_id IN (
        SELECT trade_id FROM {_BARS} JOIN trades ON {_OF_ITS_INSTRUMENT}
        WHERE trades.status = 'open' AND bars.close_time <= trades.evaluated_to)
    RETURNING trade_id
""")
_REACHES_A_LEVEL = """CASE trades.side
    WHEN 'long' THEN bars.low <= (trades.plan->>'stop')::numeric OR EXISTS (
        SELECT FROM jsonb_array_elements(trades.plan->'targets') AS target
        WHERE (target->>'price')::numeric <= bars.high)
    ELSE bars.high >= (trades.plan->>'stop')::numeric OR EXISTS (
        SELECT FROM jsonb_array_elements(trades.plan->'targets') AS target
        WHERE (target->>'price')::numeric >= bars.low) END"""
_TOO_LATE = text(f"""
    SELECT trades.trade_id, trades.book, trades.symbol, trades.side, bars.open_time, bars.interval, bars.low, bars.high,
        ARRAY(SELECT real.trade_id FROM trades AS real
              WHERE (real.experiment_id, real.engine) = (trades.experiment_id, trades.engine) AND NOT real.is_shadow
                AND real.status IN {states.UNFINISHED_TRADES}) AS real_ids
    FROM {_BARS} JOIN trades ON {_OF_ITS_INSTRUMENT}
    WHERE trades.status IN {states.ENTERED_TRADES} AND (trades.walk->>'legs')::int > 0 AND {_REACHES_A_LEVEL}
      AND (bars.close_time <= trades.evaluated_to OR EXISTS (
        SELECT FROM fills WHERE fills.trade_id = trades.trade_id AND fills.exit_clock = 'own'
          AND fills.filled_at >= bars.close_time))
    ORDER BY bars.open_time, trades.trade_id
""")
_SETTLE = text("""
    UPDATE late_bars SET settled_at = clock_timestamp(), walked_again = :walked_again, too_late_for = :too_late_for
    WHERE book = :book AND symbol = :symbol AND settled_at IS NULL AND open_time = ANY(:open_times)
""")
log = structlog.get_logger()


def settle(session: Session, book: str) -> None:
    """Have the trades walked again that the late bars of a book can still change, and tell of those they cannot."""
    pending = session.execute(_PENDING, {"book": book}).all()
    for symbol in sorted({row.symbol for row in pending}):
        _settle_symbol(session, book, symbol, [row for row in pending if row.symbol == symbol])


def _settle_symbol(session: Session, book: str, symbol: str, rows: list[Any]) -> None:
    parameters = _list_columns(book, rows)
    too_late = list(session.execute(_TOO_LATE, parameters))
    walked_again = set(session.execute(_WALK_AGAIN, parameters).scalars())
    _open_incidents(session, too_late)
    counts = {"walked_again": len(walked_again), "too_late_for": len({row.trade_id for row in too_late})}
    session.execute(_SETTLE, {"book": book, "symbol": symbol, "open_times": parameters["open_times"]} | counts)
    log.warning("bars.late", book=book, symbol=symbol, bars=len(rows), **counts)


def _list_columns(book: str, rows: list[Any]) -> dict[str, Any]:
    return {
        "book": book,
        "symbols": [row.symbol for row in rows],
        "exchanges": [row.exchange for row in rows],
        "kinds": [row.instrument_kind for row in rows],
        "intervals": [row.interval for row in rows],
        "sides": [row.side for row in rows],
        "open_times": [row.open_time for row in rows],
    }


def _open_incidents(session: Session, too_late: Iterable[Any]) -> None:
    """Open an incident for each trade whose stop or target a bar reached that came after the trade's exit."""
    for row in too_late:
        exit_incidents.open_about_trades(
            session,
            kind=LATE_BAR,
            subject=row.trade_id,
            book=row.book,
            real_ids=row.real_ids,
            symbol=row.symbol,
            side=row.side,
            bar=f"{row.interval} {row.open_time.isoformat()}",
            low=str(row.low),
            high=str(row.high),
            trades=[str(row.trade_id)],
        )
