"""The arithmetic of `bench soak` on series whose answer is known."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bench import trends
from bench.trends import Series, Trend


def a_trend(values: Sequence[float], *, every_s: float = 10.0, allowed: float = 1.0, bound: str | None = None) -> Trend:
    points = [(number * every_s, value) for number, value in enumerate(values)]
    return trends.find_trend(Series(name="memory", unit="MB", points=points, allowed=allowed, bound=bound))


def test_a_line_has_its_slope_and_its_growth_in_thirty_days() -> None:
    trend = a_trend([100 + 0.5 * number for number in range(40)])

    assert trend.per_hour == pytest.approx(180)
    assert trend.in_30_days == pytest.approx(0.05 * 30 * 86_400)
    assert (trend.first, trend.last) == (105, 119.5)
    assert trend.verdict == "grows"


def test_growth_that_something_ends_is_bounded() -> None:
    assert a_trend([100 + number for number in range(40)], bound="replaced").verdict == "bounded"


def test_what_rises_at_first_and_then_stays_is_flat() -> None:
    assert a_trend([10.0 * number for number in range(10)] + [100.0] * 30).verdict == "flat"


def test_noise_around_a_level_is_flat_and_a_slope_within_the_same_noise_is_found() -> None:
    noise = [(-1) ** number * (number % 3) for number in range(200)]

    assert a_trend([100 + one for one in noise]).verdict == "flat"
    assert a_trend([100 + one + 0.2 * number for number, one in enumerate(noise)]).verdict == "grows"


def test_growth_within_what_is_allowed_is_flat() -> None:
    values = [100 + number for number in range(40)]

    assert a_trend(values, allowed=0.1 * 30 * 86_400 + 1).verdict == "flat"
    assert a_trend(values, allowed=0.1 * 30 * 86_400 - 1).verdict == "grows"


def test_falling_values_are_flat_and_a_few_points_say_nothing() -> None:
    assert a_trend([100.0 - number for number in range(40)]).verdict == "flat"
    assert a_trend([1.0, 2.0, 3.0]).verdict == "unknown"
    assert a_trend([]).verdict == "unknown"


def test_the_error_of_a_slope_is_that_of_least_squares() -> None:
    slope, error = trends.fit_slope([(0, 0), (1, 2), (2, 1), (3, 3)])

    assert slope == pytest.approx(0.8)
    assert error == pytest.approx((1.8 / 2 / 5) ** 0.5)
