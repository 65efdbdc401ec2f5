"""P&L recomputes from fills, for any sequence of partial fills and exits."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import outcomes
from domain.outcomes import TradeNotFlat
from domain.signal import Direction
from domain.study import ExitClock
from domain.trade import Clock, Fill, Intent
from tests.support.builders.trades import a_fill, a_plan, a_trade, minute

prices = st.decimals("0.0001", "1000000", places=4)
fees = st.decimals(0, 1000, places=4)
sides = st.sampled_from(Direction)
multipliers = st.sampled_from([Decimal(1), Decimal(50), Decimal("0.1")])


@st.composite
def parts(draw: st.DrawFn, total: int) -> list[Decimal]:
    """Split a whole number of thousandths into positive parts."""
    cuts = sorted(draw(st.sets(st.integers(1, total - 1), max_size=4))) if total > 1 else []
    return [Decimal(end - start) / 1000 for start, end in zip([0, *cuts], [*cuts, total], strict=True)]


@st.composite
def closed_fills(draw: st.DrawFn) -> tuple[Fill, ...]:
    """Draw the fills of one closed trade, entries and exits in parts, in any order."""
    total = draw(st.integers(1, 10**9))
    made = [
        a_fill(intent, quantity=quantity, price=draw(prices), fee=draw(fees), at=minute(draw(st.integers(0, 99))))
        for intent in Intent
        for quantity in draw(parts(total))
    ]
    return tuple(draw(st.permutations(made)))


def recomputed(fills: tuple[Fill, ...], side: Direction, multiplier: Decimal) -> Fraction:
    """Pay for each buy and be paid for each sell, in exact fractions."""
    paid = Fraction(0)
    for one in fills:
        direction = side.sign if one.intent is Intent.EXIT else -side.sign
        paid += direction * Fraction(one.price) * Fraction(one.quantity) * Fraction(multiplier) - Fraction(one.fee)
    return paid


@pytest.mark.property_id(40)
@settings(max_examples=200, deadline=None)
@given(fills=closed_fills(), side=sides, multiplier=multipliers)
def test_pnl_of_a_closed_trade_is_its_cash_flow(fills: tuple[Fill, ...], side: Direction, multiplier: Decimal) -> None:
    earned = outcomes.compute_pnl(fills, side, multiplier=multiplier)

    assert Fraction(earned) == recomputed(fills, side, multiplier)


@pytest.mark.property_id(40)
@settings(max_examples=200, deadline=None)
@given(fills=closed_fills(), side=sides, notional=st.integers(1, 10**7).map(Decimal))
def test_an_outcome_agrees_with_its_fills(fills: tuple[Fill, ...], side: Direction, notional: Decimal) -> None:
    trade = a_trade(a_plan(side))

    result = outcomes.compute_outcome(
        trade, fills, clock=ExitClock.OWN, equals_own=False, reference_notional=notional, exit_reason="stop"
    )

    assert Fraction(result.pnl) == recomputed(fills, side, Decimal(1))
    assert abs(result.return_ratio * notional - result.pnl) <= abs(result.pnl) * Decimal("1e-11")
    for intent, mean in ((Intent.ENTRY, result.entry_price), (Intent.EXIT, result.exit_price)):
        taken = [one.price for one in fills if one.intent is intent]
        assert min(taken) * Decimal("0.9999999999") <= mean <= max(taken) * Decimal("1.0000000001")
    assert outcomes.compute_open_quantity(fills, ExitClock.OWN) == 0


@settings(max_examples=200, deadline=None)
@given(fills=closed_fills(), side=sides)
def test_what_long_wins_short_loses_and_both_pay_the_fees(fills: tuple[Fill, ...], side: Direction) -> None:
    both = outcomes.compute_pnl(fills, side) + outcomes.compute_pnl(fills, side.opposite)

    assert both == -2 * sum((one.fee for one in fills), Decimal(0))


@settings(max_examples=200, deadline=None)
@given(fills=closed_fills(), data=st.data())
def test_without_one_of_its_fills_a_closed_trade_has_no_outcome(fills: tuple[Fill, ...], data: st.DataObject) -> None:
    missing = data.draw(st.sampled_from(range(len(fills))))
    left = fills[:missing] + fills[missing + 1 :]

    with pytest.raises(TradeNotFlat):
        outcomes.compute_outcome(
            a_trade(), left, clock=ExitClock.OWN, equals_own=False, reference_notional=Decimal(1), exit_reason="stop"
        )


@settings(max_examples=200, deadline=None)
@given(fills=closed_fills())
def test_one_clocks_exits_leave_the_other_clocks_position_alone(fills: tuple[Fill, ...]) -> None:
    opened = sum((one.quantity for one in fills if one.intent is Intent.ENTRY), Decimal(0))

    assert all(one.clock in (Clock.BOTH, Clock.OWN) for one in fills)
    assert outcomes.compute_open_quantity(fills, ExitClock.SYNCHRONIZED) == opened
