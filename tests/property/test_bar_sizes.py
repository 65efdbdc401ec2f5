"""The same alerts over bars of an hour and over bars of a minute: the measurement is the same (56)."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.intervals import Interval
from domain.ports import MarketData
from domain.signal import Direction
from tests.support.builders.markets import START
from tests.support.builders.plans_around_price import PlanAroundPrice, plans
from tests.support.builders.tick_walks import TickWalk, a_tick_walk
from tests.support.fakes.early_fills import FillsAtTheBarsOpen
from tests.support.measured_trades import MeasuredTrade, TimedAlert, measure, stored_bars

HOUR, MINUTE = Interval.parse("1h"), Interval.parse("1m")
AN_HOUR, EVERY = timedelta(hours=1), timedelta(seconds=15)
HOURS, HOURLY_MOVE_BPS = 48, 60.0
AGREEMENT_BPS = 10

HourlyMarkets = Callable[[TickWalk], MarketData]


@dataclass(frozen=True, kw_only=True)
class AlertDrawn:
    """An alert that fires in the direction of the move within its hour, as breakouts do, and is held as planned."""

    second: int
    exits_after: int | None
    plan: PlanAroundPrice


alerts = st.builds(
    AlertDrawn,
    second=st.integers(3600, 3600 * HOURS // 2),
    exits_after=st.none() | st.integers(1, 3600 * HOURS // 2 - 1),
    plan=plans(move_bps=HOURLY_MOVE_BPS, longest=24),
)


def pool_pairs(hourly_of: HourlyMarkets) -> list[tuple[MeasuredTrade, MeasuredTrade]]:
    """Measure the trades of many alerts over hourly and over minute bars of walks with fixed seeds."""
    pairs: list[tuple[MeasuredTrade, MeasuredTrade]] = []
    seeds = count()

    @settings(max_examples=150, derandomize=True, deadline=None, database=None)
    @given(drawn=st.lists(alerts, min_size=2, max_size=4))
    def add_walk(drawn: list[AlertDrawn]) -> None:
        per_hour = AN_HOUR // EVERY
        walk = a_tick_walk(
            ticks=HOURS * per_hour,
            every=EVERY,
            step_bps=HOURLY_MOVE_BPS / math.sqrt(per_hour),
            seed=next(seeds),
        )
        hourly, minutely = hourly_of(walk), stored_bars({MINUTE: walk.bars(MINUTE)})
        for alert in drawn:
            coarse, fine = (measure_alert(market, walk, alert) for market in (hourly, minutely))
            if coarse is not None and fine is not None:
                pairs.append((coarse, fine))

    add_walk()
    return pairs


def measure_alert(market: MarketData, walk: TickWalk, alert: AlertDrawn) -> MeasuredTrade | None:
    """Measure the trade of one alert, which has the price of its second, as does its exit."""
    after = timedelta(seconds=alert.second)
    is_up = walk.price_at(after) > walk.price_at(after - after % AN_HOUR)
    direction = Direction.LONG if is_up else Direction.SHORT
    entry = TimedAlert(at=START + after, direction=direction, price=walk.price_at(after))
    leaving = None
    if alert.exits_after is not None:
        exits_after = after + timedelta(seconds=alert.exits_after)
        leaving = TimedAlert(at=START + exits_after, direction=direction, price=walk.price_at(exits_after))
    return measure(market, entry, alert.plan.planner(bar=AN_HOUR), ends_at=START + walk.length, exit_at=leaving)


def compute_entry_difference(pair: tuple[MeasuredTrade, MeasuredTrade]) -> float:
    """Return how far apart the two entries are, in basis points."""
    coarse, fine = (trade.outcome.entry_price for trade in pair)
    return abs(float(coarse / fine - 1)) * 10_000


def compute_mean_difference(pairs: list[tuple[MeasuredTrade, MeasuredTrade]]) -> float:
    """Return the mean result over hourly bars minus that over minute bars, in basis points a trade."""
    return statistics.mean(float(coarse.result_bps - fine.result_bps) for coarse, fine in pairs)


@pytest.mark.property_id(56)
def test_hourly_and_minute_bars_measure_the_same_alerts_alike() -> None:
    pairs = pool_pairs(lambda walk: stored_bars({HOUR: walk.bars(HOUR)}))

    assert len(pairs) > 300
    assert max(map(compute_entry_difference, pairs)) < AGREEMENT_BPS
    assert abs(compute_mean_difference(pairs)) < AGREEMENT_BPS


@pytest.mark.property_id(56)
def test_hourly_bars_whose_alerts_fill_at_their_open_measure_something_else() -> None:
    def fill_at_the_open(walk: TickWalk) -> MarketData:
        bars = walk.bars(HOUR)
        return FillsAtTheBarsOpen(stored=stored_bars({HOUR: bars}), size=HOUR, bars=bars)

    pairs = pool_pairs(fill_at_the_open)

    assert compute_mean_difference(pairs) > AGREEMENT_BPS
