"""What a study's open trades were worth at the close of every bar, and the calendars of its instruments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
from sqlalchemy import text
from sqlalchemy.orm import Session

from db.core import states
from domain.comparison import marking
from domain.comparison.marking import MarkedFill, MarkedTrade, Prices
from domain.context import PriceSide
from domain.decision import EngineSlot
from domain.intervals import Interval
from domain.money import Conversion
from domain.signal import Direction
from domain.study import ExitClock

_Instrument = tuple[str, str, str]
_MODEL_TRADES = f"""
    SELECT trade_id, engine, trades.book, symbol, exchange, instrument_kind, side, multiplier, conversion, rate
    FROM trades JOIN experiments USING (experiment_id)
    WHERE study_id = :study_id AND is_shadow AND trades.status IN {states.ENTERED_TRADES}
"""
_SERIES = text(f"""
    SELECT wanted.*, bars.exchange AS of_exchange, bars.instrument_kind AS of_kind, interval, bars.side
    FROM (SELECT DISTINCT book, symbol, exchange, instrument_kind FROM ({_MODEL_TRADES}) AS model) AS wanted
        LEFT JOIN LATERAL (SELECT DISTINCT exchange, instrument_kind, interval, side FROM bars
            WHERE bars.book = wanted.book AND bars.symbol = wanted.symbol
              AND bars.exchange IN (wanted.exchange, '')) AS bars ON true
""")
_TRADES = text(f"""
    SELECT model.*, clock, coalesce(o.holding_cost, 0) AS holding_cost, entry.*
    FROM ({_MODEL_TRADES}) AS model CROSS JOIN (VALUES ('synchronized'), ('own')) AS clocks(clock)
        LEFT JOIN trade_outcomes AS o ON o.trade_id = model.trade_id AND o.exit_clock = clock
        JOIN LATERAL (SELECT sum(quantity) AS quantity, sum(price * quantity) / sum(quantity) AS price,
                sum(fee) AS fee, extract(epoch FROM min(filled_at)) AS at
            FROM fills WHERE fills.trade_id = model.trade_id AND intent = 'entry') AS entry ON entry.quantity > 0
""")
_EXITS = text(f"""
    SELECT f.trade_id, clock, extract(epoch FROM f.filled_at) AS at, f.price, f.quantity, f.fee, f.rate
    FROM ({_MODEL_TRADES}) AS model CROSS JOIN (VALUES ('synchronized'), ('own')) AS clocks(clock)
        LEFT JOIN trade_outcomes AS o ON o.trade_id = model.trade_id AND o.exit_clock = clock
        JOIN fills AS f ON f.trade_id = model.trade_id AND f.intent = 'exit'
            AND f.exit_clock = CASE WHEN o.equals_own THEN 'own' ELSE clock END
    ORDER BY f.filled_at, f.venue_fill_id
""")
_CLOSES = text("""
    SELECT extract(epoch FROM close_time)::float8 AS at, close::float8 AS close FROM bars
    WHERE book = :book AND symbol = :symbol AND exchange = :of_exchange AND instrument_kind = :of_kind
      AND interval = :interval AND side = :side AND close_time > to_timestamp(cast(:since AS float8))
    ORDER BY close_time
""")
_CALENDARS = text("""
    SELECT DISTINCT c.rest->'rules'->>'calendar' AS calendar, s.instrument_kind AS kind
    FROM experiments e JOIN signals s USING (signal_id) LEFT JOIN market_contexts c USING (signal_id)
    WHERE e.study_id = :study_id
""")


def compute_drawdowns(
    session: Session, study_id: UUID, *, capital: Decimal
) -> dict[tuple[EngineSlot, ExitClock], float]:
    """Return the largest fall of each engine's equity from its peak on each clock, with open trades at every close.

    It is empty where an instrument that was traded has no stored bars, and for engines without a trade.
    """
    chosen = _choose_series(session.execute(_SERIES, {"study_id": study_id}).all())
    if not chosen:
        return {}
    groups = _load_trades(session, study_id)
    since = min(trade.at for trades in groups.values() for trade in trades)
    prices = {key: _load_prices(session, row, since=since) for key, row in chosen.items()}
    return {
        key: marking.compute_marked_drawdown(trades, prices, capital=float(capital)) for key, trades in groups.items()
    }


def _load_trades(session: Session, study_id: UUID) -> dict[tuple[EngineSlot, ExitClock], list[MarkedTrade]]:
    """Return the entered model trades of a study by engine and clock."""
    exits: dict[tuple[UUID, str], list[MarkedFill]] = {}
    for row in session.execute(_EXITS, {"study_id": study_id}):
        fill = MarkedFill(
            at=float(row.at),
            price=float(row.price),
            quantity=float(row.quantity),
            fee=float(row.fee),
            rate=float(row.rate),
        )
        exits.setdefault((row.trade_id, row.clock), []).append(fill)
    groups: dict[tuple[EngineSlot, ExitClock], list[MarkedTrade]] = {}
    for row in session.execute(_TRADES, {"study_id": study_id}):
        trade = _build_trade(row, exits.get((row.trade_id, row.clock), ()))
        groups.setdefault((EngineSlot(row.engine), ExitClock(row.clock)), []).append(trade)
    return groups


def _build_trade(row: Any, exits: Sequence[MarkedFill]) -> MarkedTrade:
    is_own_price = row.conversion == Conversion.OWN_PRICE.value
    return MarkedTrade(
        series=_key(row),
        at=float(row.at),
        price=float(row.price),
        quantity=float(row.quantity),
        fee=float(row.fee),
        point_value=float(row.multiplier) * Direction(row.side).sign,
        rate=None if is_own_price else float(row.rate),
        holding_cost=float(row.holding_cost),
        exits=tuple(exits),
    )


def _load_prices(session: Session, series: Any, *, since: float) -> Prices:
    """Return the closes of a series after a time in seconds."""
    rows = session.execute(_CLOSES, {**series._mapping, "since": since}).all()  # noqa: SLF001 - SQLAlchemy's public name
    return Prices(times=np.array([row.at for row in rows]), closes=np.array([row.close for row in rows]))


def _key(row: Any) -> _Instrument:
    return row.symbol, row.exchange, row.instrument_kind


def _choose_series(rows: Sequence[Any]) -> dict[_Instrument, Any]:
    """Return one series for each instrument: of its own exchange, finest, of mid prices; nothing where one has none."""
    best: dict[_Instrument, Any] = {}
    for row in rows:
        if row.interval is None:
            return {}
        if _key(row) not in best or _rank(row) < _rank(best[_key(row)]):
            best[_key(row)] = row
    return best


def _rank(row: Any) -> tuple[bool, timedelta, bool, str]:
    length = Interval.parse(row.interval).approximate
    return row.of_exchange != row.exchange, length, row.side != PriceSide.MID.value, row.side


def load_calendars(session: Session, study_id: UUID, *, by_kind: Mapping[str, str], default: str) -> frozenset[str]:
    """Return the calendars of the instruments of a study's entries; where none is known that of the kind."""
    rows = session.execute(_CALENDARS, {"study_id": study_id})
    return frozenset(row.calendar or by_kind.get(row.kind, default) for row in rows)
