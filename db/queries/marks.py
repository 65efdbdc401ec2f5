"""Drawdowns of a study with open trades marked to market: each trade at the close of every bar while it is open.

The value of a trade at a moment is what its exits made so far and what the rest would make at that price, both in the
book's currency: exits at their own rates, the rest at the rate of its price, or of its entry where another series
gives the rate. The changes of all values, in order of time, give the engine's equity.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.core import states
from domain.comparison import numbers
from domain.context import PriceSide
from domain.decision import EngineSlot
from domain.intervals import Interval
from domain.study import ExitClock

_MODEL_TRADES = f"""
    SELECT trade_id, engine, trades.book, symbol, exchange, instrument_kind, side, multiplier, conversion, rate
    FROM trades JOIN experiments USING (experiment_id)
    WHERE study_id = :study_id AND is_shadow AND trades.status IN {states.ENTERED_TRADES}
"""
_SERIES = text(f"""
    SELECT DISTINCT wanted.symbol, wanted.exchange, wanted.instrument_kind,
           bars.exchange AS of_exchange, bars.instrument_kind AS of_kind, interval, bars.side
    FROM (SELECT DISTINCT book, symbol, exchange, instrument_kind FROM ({_MODEL_TRADES}) AS model) AS wanted
        LEFT JOIN LATERAL (SELECT DISTINCT exchange, instrument_kind, interval, side FROM bars
            WHERE bars.book = wanted.book AND bars.symbol = wanted.symbol
              AND bars.exchange IN (wanted.exchange, '')) AS bars ON true
""")
_DRAWDOWNS = text(f"""
    WITH series AS (
        SELECT * FROM unnest(cast(:symbols AS text[]), cast(:exchanges AS text[]), cast(:kinds AS text[]),
            cast(:of_exchanges AS text[]), cast(:of_kinds AS text[]), cast(:intervals AS text[]),
            cast(:sides AS text[])) AS s(symbol, exchange, instrument_kind, of_exchange, of_kind, interval, bar_side)),
    model AS (
        SELECT model.*, coalesce(holding_cost, 0) AS holding_cost, clock,
            CASE side WHEN 'long' THEN 1 ELSE -1 END * multiplier AS point,
            CASE WHEN o.equals_own THEN 'own' ELSE clock END AS filled_on
        FROM ({_MODEL_TRADES}) AS model CROSS JOIN (VALUES ('synchronized'), ('own')) AS clocks(clock)
            LEFT JOIN trade_outcomes AS o ON o.trade_id = model.trade_id AND o.exit_clock = clock),
    entries AS (
        SELECT trade_id, sum(quantity) AS quantity, sum(price * quantity) / sum(quantity) AS price, sum(fee) AS fee,
            min(filled_at) AS at
        FROM fills WHERE intent = 'entry' AND trade_id IN (SELECT trade_id FROM model) GROUP BY trade_id),
    points AS (
        SELECT model.trade_id, clock, entries.at, entries.price, entries.quantity AS held, 0::numeric AS realized,
            0 AS place
        FROM model JOIN entries USING (trade_id)
        UNION ALL
        SELECT model.trade_id, clock, f.filled_at, f.price, entries.quantity - sum(f.quantity) OVER so_far,
            sum(((f.price - entries.price) * point * f.quantity - f.fee
                - entries.fee * f.quantity / entries.quantity) * f.rate
                - holding_cost * f.quantity / entries.quantity) OVER so_far,
            row_number() OVER so_far
        FROM model JOIN entries USING (trade_id) JOIN fills AS f USING (trade_id)
        WHERE f.intent = 'exit' AND f.exit_clock = filled_on
        WINDOW so_far AS (PARTITION BY model.trade_id, clock ORDER BY f.filled_at, f.venue_fill_id)),
    stretches AS (
        SELECT *, lead(at, 1, cast('infinity' AS timestamptz))
            OVER (PARTITION BY trade_id, clock ORDER BY at, place) AS until
        FROM points),
    marks AS (
        SELECT trade_id, clock, at, price, held, realized, place FROM points
        UNION ALL
        SELECT trade_id, clock, bars.close_time, bars.close, held, realized, place
        FROM stretches JOIN model USING (trade_id, clock) JOIN series USING (symbol, exchange, instrument_kind)
            JOIN bars ON bars.book = model.book AND bars.symbol = model.symbol AND bars.exchange = of_exchange
                AND bars.instrument_kind = of_kind AND bars.interval = series.interval AND bars.side = bar_side
                AND bars.close_time > stretches.at AND bars.close_time < stretches.until
        WHERE held > 0),
    worth AS (
        SELECT trade_id, clock, engine, marks.at, place, realized
            + ((marks.price - entries.price) * point * held - entries.fee * held / entries.quantity)
            * CASE conversion WHEN 'own_price' THEN 1 / marks.price ELSE rate END AS amount
        FROM marks JOIN model USING (trade_id, clock) JOIN entries USING (trade_id)),
    changes AS (
        SELECT engine, clock, at, amount - lag(amount, 1, 0) OVER (
            PARTITION BY trade_id, clock ORDER BY at, place) AS change
        FROM worth),
    equity AS (
        SELECT engine, clock, at, :capital + sum(sum(change)) OVER (PARTITION BY engine, clock ORDER BY at) AS amount
        FROM changes GROUP BY engine, clock, at),
    peaks AS (
        SELECT engine, clock, amount,
            greatest(:capital, max(amount) OVER (PARTITION BY engine, clock ORDER BY at)) AS peak
        FROM equity)
    SELECT engine, clock, max((peak - amount) / peak) AS drawdown FROM peaks GROUP BY engine, clock
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
    rows = session.execute(_SERIES, {"study_id": study_id}).all()
    chosen = _choose_series(rows)
    if chosen is None:
        return {}
    columns = {
        "symbols": [row.symbol for row in chosen],
        "exchanges": [row.exchange for row in chosen],
        "kinds": [row.instrument_kind for row in chosen],
        "of_exchanges": [row.of_exchange for row in chosen],
        "of_kinds": [row.of_kind for row in chosen],
        "intervals": [row.interval for row in chosen],
        "sides": [row.side for row in chosen],
    }
    found = session.execute(_DRAWDOWNS, columns | {"study_id": study_id, "capital": capital})
    return {
        (EngineSlot(row.engine), ExitClock(row.clock)): numbers.round_to_12_digits(float(row.drawdown)) for row in found
    }


def _choose_series(rows: Any) -> list[Any] | None:
    """Return one series for each instrument: of its own exchange, finest, of mid prices; None where one has none."""
    best: dict[tuple[str, str, str], Any] = {}
    for row in rows:
        if row.interval is None:
            return None
        key = (row.symbol, row.exchange, row.instrument_kind)
        if key not in best or _rank(row) < _rank(best[key]):
            best[key] = row
    return list(best.values())


def _rank(row: Any) -> tuple[bool, timedelta, bool, str]:
    length = Interval.parse(row.interval).approximate
    return row.of_exchange != row.exchange, length, row.side != PriceSide.MID.value, row.side


def load_calendars(session: Session, study_id: UUID, *, by_kind: Mapping[str, str], default: str) -> frozenset[str]:
    """Return the calendars of the instruments of a study's entries; where none is known that of the kind."""
    rows = session.execute(_CALENDARS, {"study_id": study_id})
    return frozenset(row.calendar or by_kind.get(row.kind, default) for row in rows)
