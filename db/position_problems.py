"""Problems of open real positions that a person is told: those that no exit can reach, and those without new bars."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import RowMapping, text
from sqlalchemy.orm import Session

from db.core import states
from db.exit_incidents import close_command
from db.incident_findings import Finding
from domain import trading_hours
from domain.books import BOOKS_WITH_INCIDENTS
from domain.intervals import Interval
from domain.signal import Instrument, InstrumentKind

UNREACHABLE, BARS_STOPPED = "exit_unreachable", "bars_stopped"
KINDS = (UNREACHABLE, BARS_STOPPED)
OWED_TOO_LONG_S = 300
# Bars come with some delay, and one may be missing at the exchange.
_BARS_MISSED, _BARS_DELAYED = 2, timedelta(minutes=15)
_INTERVAL_WITHOUT_BARS = Interval.parse("1h")

# Alerts of a source that may not post are refused, exits included.
_OF_DISABLED_SOURCES = text(f"""
    SELECT sources.name AS subject, trades.book, array_agg(trade_id ORDER BY entry_at, trade_id) AS trade_ids
    FROM trades JOIN sources ON sources.name = trades.source
    WHERE NOT enabled AND NOT is_shadow AND trades.status IN {states.UNFINISHED_TRADES} AND trades.book = ANY(:books)
    GROUP BY sources.name, trades.book ORDER BY 1, 2
""")
# The engine's own exit is long made, no order of the trade is on its way, and none waits for its next attempt.
_OWED = text(f"""
    SELECT real.trade_id, real.book, real.source, real.symbol, min(own.created_at) AS owed_since
    FROM trades AS real JOIN trades AS model USING (experiment_id, engine)
    JOIN orders AS own ON own.trade_id = model.trade_id AND own.intent = 'exit' AND own.exit_clock = 'own'
    WHERE NOT real.is_shadow AND real.status = 'open' AND real.book = ANY(:books) AND model.is_shadow
      AND own.created_at < clock_timestamp() - make_interval(secs => :owed_s)
      AND NOT EXISTS (SELECT FROM orders AS made WHERE made.trade_id = real.trade_id AND made.intent = 'exit'
                      AND made.leg = own.leg AND made.state IN {states.FINISHED_EXITS})
      AND NOT EXISTS (SELECT FROM orders AS sent WHERE sent.trade_id = real.trade_id AND (
                          sent.state IN {states.OPEN_ORDERS}
                          OR sent.next_check_at > clock_timestamp() - make_interval(secs => :owed_s)))
    GROUP BY real.trade_id, real.book, real.source, real.symbol ORDER BY real.trade_id
""")
# While an order waits for a person nothing else is sent for its trade; its own incident may have been closed.
_IN_REVIEW = text("""
    SELECT trades.trade_id, trades.book, trades.source, trades.symbol, client_order_id
    FROM orders JOIN trades USING (trade_id)
    WHERE state = 'manual_review' AND NOT is_shadow AND status = 'open' AND trades.book = ANY(:books)
      AND NOT EXISTS (SELECT FROM incidents WHERE kind = 'order_manual_review' AND subject = order_id::text
                      AND closed_at IS NULL)
    ORDER BY trades.trade_id
""")
_NEWEST_BARS = text(f"""
    SELECT held.*, newest.interval, newest.close_time FROM (
        SELECT book, symbol, exchange, instrument_kind, max(entry_at) AS entry_at, max(created_at) AS created_at,
            array_agg(trade_id ORDER BY entry_at, trade_id) AS trade_ids
        FROM trades WHERE NOT is_shadow AND status = 'open' AND book = ANY(:books)
          AND status IN {states.UNFINISHED_TRADES}
        GROUP BY book, symbol, exchange, instrument_kind) AS held
    LEFT JOIN LATERAL (
        SELECT interval, close_time FROM bars WHERE bars.book = held.book AND bars.symbol = held.symbol
        ORDER BY close_time DESC LIMIT 1) AS newest ON true
    ORDER BY held.book, held.symbol, held.exchange, held.instrument_kind
""")


def find_problems(session: Session, *, now: datetime) -> list[Finding]:
    """Return the present problems of open real positions."""
    return [*_find_unreachable(session), *_find_without_bars(session, now=now)]


def _find_unreachable(session: Session) -> list[Finding]:
    """Return the positions whose exit cannot happen: of sources that may not post, owed for long, or in review."""
    books = {"books": list(BOOKS_WITH_INCIDENTS)}
    disabled = [
        _build_unreachable(row, str(row["subject"]), "its source is disabled, so the alert that closes it is refused")
        for row in session.execute(_OF_DISABLED_SOURCES, books).mappings()
    ]
    owed = [
        _build_unreachable(row, str(row["trade_id"]), f"its exit is due since {row['owed_since']:%Y-%m-%d %H:%M} UTC")
        for row in session.execute(_OWED, books | {"owed_s": OWED_TOO_LONG_S}).mappings()
    ]
    in_review = [
        _build_unreachable(row, str(row["trade_id"]), f"its order {row['client_order_id']} waits for a person")
        for row in session.execute(_IN_REVIEW, books).mappings()
    ]
    return [*disabled, *owed, *in_review]


def _build_unreachable(row: RowMapping, subject: str, why: str) -> Finding:
    trade_ids = row["trade_ids"] if "trade_ids" in row else [row["trade_id"]]
    detail = {"book": row["book"], "why": why, "trades": [str(trade_id) for trade_id in trade_ids]}
    return Finding(kind=UNREACHABLE, subject=subject, detail=detail | {"close": close_command(trade_ids)})


def _find_without_bars(session: Session, *, now: datetime) -> list[Finding]:
    rows = session.execute(_NEWEST_BARS, {"books": list(BOOKS_WITH_INCIDENTS)}).mappings()
    return [_build_without_bars(row) for row in rows if _have_bars_stopped(row, now=now)]


def _have_bars_stopped(row: RowMapping, *, now: datetime) -> bool:
    """Return whether the market was open for longer than two bars take, since the newest bar or the newest entry."""
    interval = _INTERVAL_WITHOUT_BARS if row["interval"] is None else Interval.parse(row["interval"])
    since = max(filter(None, (row["close_time"], row["entry_at"], row["created_at"])))
    allowed = _BARS_MISSED * interval.approximate + _BARS_DELAYED
    return trading_hours.count_traded_time(_build_instrument(row), since, now) > allowed


def _build_without_bars(row: RowMapping) -> Finding:
    newest = row["close_time"]
    return Finding(
        kind=BARS_STOPPED,
        subject=":".join(filter(None, (row["book"], row["exchange"], row["symbol"]))),
        detail={
            "newest_bar": "none" if newest is None else newest.isoformat(),
            "interval": row["interval"],
            "trades": [str(trade_id) for trade_id in row["trade_ids"]],
            "close": close_command(row["trade_ids"]),
        },
    )


def _build_instrument(row: RowMapping) -> Instrument:
    kind = InstrumentKind(row["instrument_kind"])
    return Instrument(symbol=row["symbol"], exchange=row["exchange"], kind=kind)
