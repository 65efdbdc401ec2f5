"""Results on markets whose right answer is known: nothing can be earned on a random walk (55).

Alerts fire at any second of bars of any size, also because of how the price moved within the bar. All walks have fixed
seeds and their trades are pooled, so that the result of chance is the same in every run.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.context import Bar, PriceBasis
from domain.intervals import Interval
from domain.ports import MarketData
from domain.signal import Direction
from tests.support.builders.markets import START
from tests.support.builders.plans_around_price import PlanAroundPrice, plans
from tests.support.builders.tick_walks import TickWalk, a_tick_walk
from tests.support.fakes.early_fills import FillsAtTheBarsOpen
from tests.support.measured_trades import MeasuredTrade, TimedAlert, measure, stored_bars

Markets = Callable[[Interval, Sequence[Bar]], MarketData]

TICKS_PER_BAR, BARS = 120, 50
BAR_MOVES_BPS = 20.0
SIZES = ["1m", "5m", "15m", "1h", "4h"]
EXAMPLES = 300


class Cause(Enum):
    """Why an alert fires: whatever the price does, or with or against its move within the bar."""

    ANY = 0
    WITH_THE_MOVE = 1
    AGAINST_THE_MOVE = -1


@dataclass(frozen=True, kw_only=True)
class AlertDrawn:
    """An alert by the second at which it fires and the bars until its exit alert, if it gets one."""

    cause: Cause
    is_up: bool
    second: int
    has_price: bool
    exits_after: int | None
    exit_has_price: bool
    plan: PlanAroundPrice


@st.composite
def alerts(draw: st.DrawFn, *, bar_s: int, cause: st.SearchStrategy[Cause]) -> AlertDrawn:
    """Draw an alert in the first half of the walk."""
    return AlertDrawn(
        cause=draw(cause),
        is_up=draw(st.booleans()),
        second=draw(st.integers(bar_s, bar_s * BARS // 2)),
        has_price=draw(st.booleans()),
        exits_after=draw(st.none() | st.integers(1, bar_s * 10)),
        exit_has_price=draw(st.booleans()),
        plan=draw(plans(move_bps=BAR_MOVES_BPS, longest=20)),
    )


def pool_trades(market_of: Markets, *causes: Cause) -> dict[Cause, list[MeasuredTrade]]:
    """Measure the trades of many alerts, each group on a walk of its own, by the cause of the alert."""
    pool: dict[Cause, list[MeasuredTrade]] = {cause: [] for cause in causes}
    seeds = count()

    @settings(max_examples=EXAMPLES, derandomize=True, deadline=None, database=None)
    @given(data=st.data(), size=st.sampled_from(SIZES).map(Interval.parse))
    def add_walk(data: st.DataObject, size: Interval) -> None:
        bar_s = int(size.approximate.total_seconds())
        drawn = data.draw(st.lists(alerts(bar_s=bar_s, cause=st.sampled_from(causes)), min_size=2, max_size=4))
        walk = a_tick_walk(
            ticks=TICKS_PER_BAR * BARS,
            every=size.approximate / TICKS_PER_BAR,
            step_bps=BAR_MOVES_BPS / math.sqrt(TICKS_PER_BAR),
            seed=next(seeds),
        )
        bars = walk.bars(size)
        market = market_of(size, bars)
        for alert in drawn:
            trade = measure_alert(market, walk, bars, alert)
            if trade is not None:
                pool[alert.cause].append(trade)

    add_walk()
    return pool


def measure_alert(market: MarketData, walk: TickWalk, bars: Sequence[Bar], alert: AlertDrawn) -> MeasuredTrade | None:
    """Measure the trade of one alert of a walk."""
    size = walk.every * TICKS_PER_BAR
    fires_after = timedelta(seconds=alert.second)
    moved = walk.price_at(fires_after) - bars[fires_after // size].open
    is_up = (
        alert.is_up if alert.cause is Cause.ANY or not moved else (moved > 0) is (alert.cause is Cause.WITH_THE_MOVE)
    )
    entry = build_alert(walk, fires_after, is_up=is_up, has_price=alert.has_price)
    leaving = None
    if alert.exits_after is not None:
        exits_at = fires_after + timedelta(seconds=alert.exits_after)
        leaving = build_alert(walk, exits_at, is_up=is_up, has_price=alert.exit_has_price)
    return measure(market, entry, alert.plan.planner(bar=size), ends_at=START + walk.length, exit_at=leaving)


def build_alert(walk: TickWalk, after: timedelta, *, is_up: bool, has_price: bool) -> TimedAlert:
    """Build the alert of a moment of a walk."""
    return TimedAlert(
        at=START + after,
        direction=Direction.LONG if is_up else Direction.SHORT,
        price=walk.price_at(after) if has_price else None,
    )


def compute_excess(pool: Sequence[MeasuredTrade]) -> float:
    """Return by how many standard errors the mean result is above minus the cost."""
    excess = [float(trade.result_bps + trade.cost_bps) for trade in pool]
    return statistics.mean(excess) / (statistics.stdev(excess) / math.sqrt(len(excess)))


@pytest.mark.property_id(55)
def test_a_random_walk_earns_no_more_than_minus_the_cost_whatever_makes_alerts_fire() -> None:
    pool = pool_trades(lambda size, bars: stored_bars({size: bars}), *Cause)

    assert min(len(trades) for trades in pool.values()) > 200
    assert {cause: compute_excess(trades) <= 3 for cause, trades in pool.items()} == dict.fromkeys(Cause, True)
    together = [trade for trades in pool.values() for trade in trades]
    assert compute_excess(together) <= 3
    for basis in (PriceBasis.ALERT, PriceBasis.NEXT_OPEN):
        assert compute_excess([trade for trade in together if trade.entry_basis is basis]) <= 3


@pytest.mark.property_id(55)
def test_a_fill_at_the_open_of_the_bar_that_made_the_alert_fire_earns_on_a_random_walk() -> None:
    def fill_at_the_bars_open(size: Interval, bars: Sequence[Bar]) -> MarketData:
        return FillsAtTheBarsOpen(stored=stored_bars({size: bars}), size=size, bars=bars)

    pool = pool_trades(fill_at_the_bars_open, Cause.WITH_THE_MOVE)

    assert compute_excess(pool[Cause.WITH_THE_MOVE]) > 3
