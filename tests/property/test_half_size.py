"""An engine and the same engine at half the size: the same result for what each risks, to the last digit (57)."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from domain.intervals import Interval
from domain.signal import Direction
from tests.support.builders.markets import START
from tests.support.builders.plans_around_price import PlanAroundPrice, plans
from tests.support.builders.tick_walks import a_tick_walk
from tests.support.measured_trades import MeasuredTrade, TimedAlert, measure, stored_bars

SIZE = Interval.parse("15m")
BARS, TICKS_PER_BAR, MOVE_BPS = 30, 15, 25.0


def compute_r(trade: MeasuredTrade) -> Fraction:
    """Return P&L in units of what the trade loses at its stop, before costs."""
    risk = abs(trade.outcome.entry_price - trade.trade.plan.stop) * trade.trade.quantity
    return Fraction(trade.outcome.pnl) / Fraction(risk)


@pytest.mark.property_id(57)
@settings(max_examples=150, deadline=None)
@given(
    plan=plans(move_bps=MOVE_BPS, longest=10),
    seed=st.integers(0, 2**32),
    second=st.integers(60 * 15, 60 * 15 * 20),
    direction=st.sampled_from(Direction),
    has_price=st.booleans(),
)
def test_half_the_size_gives_exactly_the_same_result_for_what_it_risks(
    plan: PlanAroundPrice, seed: int, second: int, direction: Direction, *, has_price: bool
) -> None:
    every = SIZE.approximate / TICKS_PER_BAR
    walk = a_tick_walk(ticks=BARS * TICKS_PER_BAR, every=every, step_bps=MOVE_BPS / math.sqrt(TICKS_PER_BAR), seed=seed)
    after = timedelta(seconds=second)
    alert = TimedAlert(at=START + after, direction=direction, price=walk.price_at(after) if has_price else None)
    market = stored_bars({SIZE: walk.bars(SIZE)})

    whole, half = (
        measure(market, alert, sized.planner(bar=SIZE.approximate), ends_at=START + walk.length)
        for sized in (plan, replace(plan, quantity=plan.quantity / 2))
    )

    event(f"traded: {whole is not None}")
    if whole is None or half is None:
        assert whole is half
        return
    assert half.trade.quantity * 2 == whole.trade.quantity
    assert compute_r(whole) - compute_r(half) == 0
