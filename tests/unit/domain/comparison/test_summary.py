from __future__ import annotations

import statistics
from datetime import timedelta
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.comparison import summary
from domain.signal import Direction
from domain.study import ExitClock
from tests.support.builders.study_records import (
    CAPITAL,
    MONDAY,
    A,
    B,
    a_record,
    a_side,
    an_ending,
    an_entry,
    trades_of_a,
)

SYNC, OWN = ExitClock.SYNCHRONIZED, ExitClock.OWN
PNLS = st.lists(st.decimals(min_value=-50_000, max_value=50_000, places=8), max_size=30)


@pytest.mark.property_id(18)
@given(PNLS, PNLS)
def test_total_pnl_is_the_exact_sum_of_that_engines_trades(of_a: list[Decimal], of_b: list[Decimal]) -> None:
    entries = [an_entry(a_side(an_ending(pnl)), number=number) for number, pnl in enumerate(of_a)]
    entries += [an_entry(b=a_side(an_ending(pnl)), number=number) for number, pnl in enumerate(of_b, start=100)]
    record = a_record(entries)

    a, b = (summary.summarize(record, engine, clock=SYNC) for engine in (A, B))

    assert Fraction(a.total_pnl) == sum(map(Fraction, of_a))
    assert Fraction(b.total_pnl) == sum(map(Fraction, of_b))
    assert (a.trades, b.trades) == (len(of_a), len(of_b))


@pytest.mark.property_id(19)
@given(PNLS)
def test_win_rate_and_average_follow_from_the_trades(pnls: list[Decimal]) -> None:
    figures = summary.summarize(trades_of_a(pnls), A, clock=SYNC)

    if not pnls:
        assert figures.win_rate is None
        assert figures.average_pnl is None
        return
    wins = len([pnl for pnl in pnls if pnl > 0])
    assert figures.wins == wins
    assert figures.win_rate == pytest.approx(wins / len(pnls), rel=1e-11)
    assert figures.average_pnl is not None
    exact = sum(map(Fraction, pnls), Fraction(0)) / len(pnls)
    assert abs(Fraction(figures.average_pnl) - exact) <= Fraction(1, 10**10)


@given(PNLS, st.randoms())
def test_no_figure_depends_on_the_order_of_the_rows(pnls: list[Decimal], chance: object) -> None:
    record = trades_of_a(pnls)
    shuffled = list(record.entries)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    assert summary.summarize(a_record(shuffled), A, clock=SYNC) == summary.summarize(record, A, clock=SYNC)


def test_a_break_even_trade_is_no_win() -> None:
    figures = summary.summarize(trades_of_a([0, 5, -5]), A, clock=SYNC)

    assert (figures.trades, figures.wins) == (3, 1)


def test_a_held_entry_counts_as_a_decision_and_not_as_a_trade() -> None:
    figures = summary.summarize(a_record([an_entry()]), A, clock=SYNC)

    assert (figures.decisions, figures.trades, figures.total_pnl) == (1, 0, Decimal(0))


def test_a_trade_that_has_not_ended_is_not_counted() -> None:
    figures = summary.summarize(a_record([an_entry(a_side(None))]), A, clock=SYNC)

    assert (figures.decisions, figures.trades) == (1, 0)


def test_each_clock_has_its_own_figures() -> None:
    record = a_record([an_entry(a_side(an_ending(10), own=an_ending(25)))])

    assert summary.summarize(record, A, clock=SYNC).total_pnl == 10
    assert summary.summarize(record, A, clock=OWN).total_pnl == 25


def test_drawdown_is_the_deepest_fall_from_a_peak_of_capital_and_profit() -> None:
    figures = summary.summarize(trades_of_a([10_000, -22_000, 5_000, -1_000]), A, clock=SYNC)

    assert figures.max_drawdown == 0.2


def test_drawdown_is_measured_from_the_capital_when_the_first_trade_loses() -> None:
    assert summary.compute_max_drawdown([Decimal(-5_000), Decimal(0)], capital=CAPITAL) == 0.05


def test_drawdown_is_zero_when_the_curve_never_falls() -> None:
    assert summary.summarize(trades_of_a([1, 2, 3]), A, clock=SYNC).max_drawdown == 0


def test_trades_that_closed_at_one_moment_make_one_point() -> None:
    record = trades_of_a([100, -300], every=timedelta(0))

    assert [point.pnl for point in summary.build_equity_curve(record, A, clock=SYNC)] == [-200]


def test_sharpe_is_that_of_daily_returns_with_quiet_days_as_zero() -> None:
    pnls = [300, -100, 200]
    record = trades_of_a([*pnls], every=timedelta(days=10))
    daily = [0.0] * 21
    daily[0], daily[10], daily[20] = (pnl / 100_000 for pnl in pnls)

    expected = statistics.mean(daily) / statistics.stdev(daily) * 365**0.5

    assert summary.summarize(record, A, clock=SYNC).sharpe == pytest.approx(expected, rel=1e-10)


@pytest.mark.parametrize(("days", "is_told"), [(18, False), (19, True)])
def test_sharpe_is_not_told_below_twenty_days(days: int, is_told: bool) -> None:
    record = trades_of_a([100, 200], every=timedelta(days=days))

    assert (summary.summarize(record, A, clock=SYNC).sharpe is not None) is is_told


def test_sharpe_is_not_told_without_variation() -> None:
    every_day_alike = trades_of_a([Decimal("0.1")] * 25, every=timedelta(days=1))
    never_traded = summary.summarize(trades_of_a([1, 2], every=timedelta(days=30)), B, clock=SYNC)

    assert summary.summarize(every_day_alike, A, clock=SYNC).sharpe is None
    assert never_traded.sharpe is None


def test_both_engines_are_measured_over_the_same_days() -> None:
    late = an_entry(b=a_side(an_ending(7, closed=MONDAY + timedelta(days=40))), number=2)
    record = a_record([*trades_of_a([5, -3]).entries, late])

    measured = summary.find_span(record)

    assert measured is not None
    assert (measured.first, measured.last, measured.days) == (MONDAY, MONDAY + timedelta(days=40), 41)
    assert summary.summarize(record, A, clock=SYNC).sharpe is not None


def test_exit_reasons_are_counted_by_the_side_the_engine_took() -> None:
    record = a_record(
        [
            an_entry(a_side(an_ending(1, reason="target"))),
            an_entry(a_side(an_ending(1, reason="stop"), direction=Direction.SHORT), number=2),
            an_entry(number=3),
        ]
    )

    counts = summary.count_exit_reasons(record, A, clock=SYNC)

    assert counts == {Direction.LONG: {"target": 1}, Direction.SHORT: {"stop": 1}}
