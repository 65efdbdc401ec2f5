"""The naive interval against Student's table, for several alphas."""

from __future__ import annotations

from decimal import Decimal

import pytest

from domain.comparison import naive

THREE = [Decimal(1), Decimal(2), Decimal(3)]  # mean 2, deviation 1


@pytest.mark.parametrize(("alpha", "quantile"), [("0.05", 4.302652730), ("0.1", 2.919985580), ("0.01", 9.924843201)])
def test_the_interval_is_that_of_students_table(alpha: str, quantile: float) -> None:
    interval = naive.compute_interval(THREE, alpha=Decimal(alpha))
    *_, last = naive.iterate_running_intervals(THREE, alpha=Decimal(alpha))

    half = quantile / 3**0.5
    assert (interval.estimate, interval.note) == (2.0, None)
    assert (interval.low, interval.high) == pytest.approx((2 - half, 2 + half), rel=1e-8)
    assert (last.count, last.estimate) == (3, 2.0)
    assert (last.low, last.high) == pytest.approx((2 - half, 2 + half), rel=1e-8)


@pytest.mark.parametrize(
    ("differences", "estimate", "note"),
    [
        ([], None, naive.NO_PAIRS),
        ([Decimal(4)], 4.0, naive.ONE_PAIR),
        ([Decimal(4), Decimal(4)], 4.0, naive.NO_VARIATION),
        ([Decimal(0), Decimal(0), Decimal(0)], 0.0, naive.NO_VARIATION),
    ],
)
def test_without_a_spread_there_is_an_estimate_but_no_interval(
    differences: list[Decimal], estimate: float | None, note: str
) -> None:
    interval = naive.compute_interval(differences, alpha=Decimal("0.05"))

    assert interval == naive.NaiveInterval(estimate=estimate, low=None, high=None, note=note)
    points = list(naive.iterate_running_intervals(differences, alpha=Decimal("0.05")))
    assert [(point.count, point.estimate, point.low, point.high) for point in points] == [
        (count, estimate, None, None) for count in range(1, len(differences) + 1)
    ]
