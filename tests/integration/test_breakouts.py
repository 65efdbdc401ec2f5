"""Breakouts over hourly bars and over minute bars, through the stages of the pipeline: the same trades and results.

An alert that fires because the price has left a range is the hardest case of a measurement: within its hour the move
that made it fire is over. The walk is random, with a fixed seed, and its alerts are the first breaks of the range of
the twelve hours before.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from domain.context import Bar, MarketContext
from domain.decision import Decision, Verdict
from domain.intervals import Interval
from domain.signal import Signal
from engines import sizing
from stack.servers import ServerUrls
from tasks.parts import Parts
from tests.support.builders.markets import START
from tests.support.builders.tick_walks import TickWalk, a_tick_walk
from tests.support.fakes.scripted_engines import scripted_panel
from tests.support.pipeline import prepared, rows
from tests.support.replayed_book import ReplayedBook, list_violations

HOUR, MINUTE = Interval.parse("1h"), Interval.parse("1m")
AN_HOUR, EVERY = timedelta(hours=1), timedelta(seconds=15)
PER_HOUR = AN_HOUR // EVERY
DAYS, RANGE_HOURS, HOURLY_MOVE_BPS = 14, 12, 60.0
WARM_UP_HOURS = 24  # as long as the engine needs to know how far the price moves in an hour
AGREEMENT_BPS = 10


@dataclass(frozen=True, kw_only=True)
class Break:
    """The first price beyond a range, and when it was there."""

    at: datetime
    price: Decimal
    direction: str


@pytest.fixture
def parts(database_url: str, server_urls: ServerUrls) -> Iterator[Parts]:
    made = prepared(database_url, server_urls.redis_url)
    yield made
    made.database.dispose()


def test_first_breaks_of_a_range_measure_alike_over_hourly_and_over_minute_bars(parts: Parts) -> None:
    walk = a_tick_walk(
        ticks=DAYS * 24 * PER_HOUR, every=EVERY, step_bps=HOURLY_MOVE_BPS / math.sqrt(PER_HOUR), seed=2022
    )
    breaks = list(find_first_breaks(walk))

    hourly, minutely = (replay_breaks(parts, size, walk.bars(size), breaks) for size in (HOUR, MINUTE))

    assert len(breaks) == len(hourly) == len(minutely) > 15
    pairs = list(zip(hourly, minutely, strict=True))
    entries = [abs(fine["entry_price"] / coarse["entry_price"] - 1) * 10_000 for coarse, fine in pairs]
    differences = [coarse["bps"] - fine["bps"] for coarse, fine in pairs]
    assert max(entries) < AGREEMENT_BPS
    assert abs(statistics.mean(differences)) < AGREEMENT_BPS
    assert list_violations(parts) == []


def find_first_breaks(walk: TickWalk) -> Iterator[Break]:
    """Yield the first break of the range of the last complete hours, then none for as many hours."""
    bars, rests_until = walk.bars(HOUR), 0
    for hour in range(WARM_UP_HOURS, len(bars)):
        before = bars[hour - RANGE_HOURS : hour]
        low, high = min(bar.low for bar in before), max(bar.high for bar in before)
        found = find_break(walk, hour, low=low, high=high) if hour >= rests_until else None
        if found is not None:
            rests_until = hour + RANGE_HOURS
            yield found


def find_break(walk: TickWalk, hour: int, *, low: Decimal, high: Decimal) -> Break | None:
    """Return the first price of an hour outside a range, a few seconds after it came."""
    for tick in range(PER_HOUR):
        after = hour * AN_HOUR + tick * EVERY
        price = walk.price_at(after)
        if not low <= price <= high:
            return Break(
                at=START + after + timedelta(seconds=7), price=price, direction="long" if price > high else "short"
            )
    return None


def enter_as_built_in_engines_do(signal: Signal, context: MarketContext) -> Decision:
    """Enter whatever is asked, with the stop, targets, trailing stop and size of the built-in engines."""
    plan = sizing.size_entry(signal, context, share=Decimal(1)).plan
    return Decision(verdict=Verdict.ENTER, reasons=("scripted",), rationale={}, plan=plan, confidence=Decimal(70))


def replay_breaks(parts: Parts, size: Interval, bars: Sequence[Bar], breaks: Sequence[Break]) -> list[dict[str, Any]]:
    """Replay the breaks over bars of one size; return the outcomes of engine A in order, with the result in bps."""
    book = ReplayedBook(parts=parts)
    book.load({str(size): bars})
    book.parts = replace(parts, engines=scripted_panel(enter_as_built_in_engines_do, enter_as_built_in_engines_do))
    for found in breaks:
        book.alert(found.at.isoformat(), price=str(found.price), direction=found.direction)
    book.end((START + timedelta(days=DAYS)).isoformat())
    query = """
        SELECT o.entry_price, o.exit_reason, o.pnl / (t.quantity * o.entry_price) * 10000 AS bps
        FROM trade_outcomes o JOIN trades t USING (trade_id)
        WHERE t.book = :book AND t.engine = 'A' AND t.is_shadow AND o.exit_clock = 'own'
        ORDER BY t.entry_at
    """
    return rows(parts.database, query, book=book.book)
