from __future__ import annotations

import math
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain.comparison import naive, numbers, paired
from domain.comparison.paired import Cell
from domain.comparison.record import StudyEntry
from domain.study import ExitClock
from tests.support.builders.study_records import CAPITAL, MONDAY, A, B, a_record, a_side, an_ending, an_entry

SYNC, OWN = ExitClock.SYNCHRONIZED, ExitClock.OWN
ALPHA = Decimal("0.05")
DIFFERENCES = [Decimal(thousandths) / 1000 for thousandths in (12, -4, 7, 0, 21, -15, 9, 3, -2, 16, 5, -8)]
SIDES = st.none() | st.decimals(min_value=-9_999, max_value=9_999, places=4)


def an_entry_of(number: int, a: Decimal | None, b: Decimal | None) -> StudyEntry:
    sides = (a_side() if pnl is None else a_side(an_ending(pnl)) for pnl in (a, b))
    return an_entry(*sides, number=number)


def test_a_pair_is_what_b_earned_more_than_a_on_the_reference_notional() -> None:
    record = a_record([an_entry(a_side(an_ending(100)), a_side(an_ending(-50)))])

    (pair,) = paired.build_pairs(record, clock=SYNC)

    assert pair.difference == Decimal("-0.0015")
    assert pair.cell is Cell.BOTH


def test_an_engine_that_did_not_trade_counts_as_zero() -> None:
    record = a_record([an_entry(b=a_side(an_ending(100))), an_entry(a_side(an_ending(100)), number=2)])

    pairs = paired.build_pairs(record, clock=SYNC)

    assert [(pair.cell, pair.difference) for pair in pairs] == [
        (Cell.ONLY_B, Decimal("0.001")),
        (Cell.ONLY_A, Decimal("-0.001")),
    ]


def test_an_entry_is_no_pair_until_both_sides_have_ended() -> None:
    assert paired.build_pairs(a_record([an_entry(a_side(None), a_side(an_ending(5)))]), clock=SYNC) == []


def test_an_entry_whose_sides_saw_different_snapshots_is_left_out_as_a_whole() -> None:
    record = a_record([an_entry(a_side(an_ending(5)), a_side(an_ending(9), context_hash="another"))])

    assert paired.build_pairs(record, clock=SYNC) == []


def test_each_clock_has_its_own_pairs() -> None:
    record = a_record([an_entry(a_side(an_ending(0)), a_side(an_ending(100), own=an_ending(300)))])

    assert [pair.difference for pair in paired.build_pairs(record, clock=OWN)] == [Decimal("0.003")]


@settings(deadline=None)  # the first interval imports scipy
@given(st.lists(st.tuples(SIDES, SIDES), min_size=1, max_size=40))
def test_cells_share_out_all_pairs_and_sum_to_the_estimate(sides: list[tuple[Decimal | None, Decimal | None]]) -> None:
    record = a_record([an_entry_of(number, a, b) for number, (a, b) in enumerate(sides)])
    pairs = paired.build_pairs(record, clock=SYNC)

    cells = paired.split_by_cell(pairs)
    estimate = naive.compute_interval([pair.difference for pair in pairs], alpha=ALPHA).estimate

    assert sum(cell.pairs for cell in cells.values()) == len(sides)
    assert math.fsum(cell.share for cell in cells.values()) == pytest.approx(1, abs=1e-10)
    assert math.fsum(cell.contribution for cell in cells.values()) == pytest.approx(estimate, abs=1e-12)
    assert cells[Cell.NONE].contribution == 0


@pytest.mark.property_id(34)
@settings(deadline=None)  # the first interval imports scipy
@given(st.lists(SIDES, min_size=2, max_size=30))
def test_the_same_engine_twice_differs_by_exactly_nothing(sides: list[Decimal | None]) -> None:
    record = a_record([an_entry_of(number, side, side) for number, side in enumerate(sides)])

    interval = naive.compute_interval([pair.difference for pair in paired.build_pairs(record, clock=SYNC)], alpha=ALPHA)

    assert (interval.estimate, interval.low, interval.high) == (0.0, None, None)
    assert interval.note == naive.NO_VARIATION


def test_blocks_are_the_distinct_days_of_entry() -> None:
    entries = [an_entry(number=n, at=MONDAY + n * timedelta(hours=8)) for n in range(4)]

    assert paired.count_entry_days(paired.build_pairs(a_record(entries), clock=SYNC)) == 2


def test_the_naive_interval_is_the_published_one() -> None:
    interval = naive.compute_interval(DIFFERENCES, alpha=ALPHA)

    assert interval.estimate == pytest.approx(0.00366666666667, abs=1e-12)
    assert interval.low == pytest.approx(-0.00283735554728, abs=1e-12)
    assert interval.high == pytest.approx(0.0101706888806, abs=1e-12)


def test_the_naive_interval_is_silent_below_two_pairs() -> None:
    none, single = (naive.compute_interval(DIFFERENCES[:count], alpha=ALPHA) for count in (0, 1))

    assert (none.estimate, none.low, none.note) == (None, None, naive.NO_PAIRS)
    assert (single.estimate, single.low, single.note) == (0.012, None, naive.ONE_PAIR)


def test_the_running_interval_ends_where_the_interval_stands() -> None:
    *_, last = naive.iterate_running_intervals(DIFFERENCES, alpha=ALPHA)
    interval = naive.compute_interval(DIFFERENCES, alpha=ALPHA)

    assert last.count == 12
    assert (last.estimate, last.low, last.high) == pytest.approx((interval.estimate, interval.low, interval.high))


@settings(deadline=None)  # the first interval imports scipy
@given(st.lists(st.decimals(min_value=-1, max_value=1, places=20), min_size=2, max_size=30), st.randoms())
def test_the_interval_does_not_depend_on_the_order_of_the_pairs(values: list[Decimal], chance: object) -> None:
    shuffled = list(values)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    assert naive.compute_interval(shuffled, alpha=ALPHA) == naive.compute_interval(values, alpha=ALPHA)


def test_the_execution_gap_is_real_minus_model_of_the_same_engine() -> None:
    record = a_record(
        [
            an_entry(a_side(an_ending(100), real=an_ending(80))),
            an_entry(a_side(an_ending(50), real=an_ending(50)), a_side(an_ending(70)), number=2),
            an_entry(a_side(None, real=an_ending(9)), number=3),
        ]
    )

    gap = paired.compute_execution_gap(record, (A, B))

    assert (gap.mean, gap.count) == (float(Decimal(-10) / CAPITAL), 2)
    assert paired.compute_execution_gap(record, (B,)).mean is None


def test_ratios_have_twelve_digits_and_no_negative_zero() -> None:
    assert numbers.divide(Decimal(1), Decimal(3)) == 0.333333333333
    assert math.copysign(1, numbers.round_to_12_digits(-0.0)) == 1
