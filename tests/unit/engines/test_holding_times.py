"""How long the plans of engines may be."""

from __future__ import annotations

from datetime import timedelta

import pytest

from domain.intervals import Interval
from engines.holding_times import find_longest_built_in_hold


@pytest.mark.parametrize(
    ("intervals", "longest"),
    [
        (["5m"], timedelta(hours=4)),
        (["5m", "1h"], timedelta(hours=48)),
        (["1d"], timedelta(hours=48)),
        (["1h", "1w"], timedelta(days=30)),
        ([], timedelta(days=180)),
    ],
)
def test_the_built_in_engines_hold_as_long_as_their_plans_on_the_longest_interval(
    intervals: list[str], longest: timedelta
) -> None:
    assert find_longest_built_in_hold([Interval.parse(text) for text in intervals]) == longest
