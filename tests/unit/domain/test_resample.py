"""Longer bars from shorter ones."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from domain import resample
from domain.context import Bar
from tests.support.builders.markets import START, a_bar, a_walk, interval, minutes

_M1, _M5, _H1 = interval("1m"), interval("5m"), interval("1h")


def resample_to_five_minutes(bars: list[Bar], *, as_of: datetime) -> tuple[Bar, ...]:
    return resample.resample(bars, source=_M1, to=_M5, as_of=as_of)


def test_a_bucket_takes_first_open_extremes_last_close_and_total_volume() -> None:
    bars = [
        a_bar(START, "1.2", "1.3", "1.1", "1.25", volume="10"),
        a_bar(START + minutes(1), "1.25", "1.5", "1.2", "1.4", volume="5"),
        a_bar(START + minutes(4), "1.4", "1.45", "1.05", "1.15", volume="0.5"),
    ]

    combined = resample_to_five_minutes(bars, as_of=START + minutes(5))

    assert combined == (a_bar(START, "1.2", "1.5", "1.05", "1.15", volume="15.5"),)


def test_a_bucket_appears_exactly_when_it_ends() -> None:
    bars = a_walk(5)

    assert resample_to_five_minutes(bars, as_of=START + minutes(5) - minutes(0.001)) == ()
    assert len(resample_to_five_minutes(bars, as_of=START + minutes(5))) == 1


def test_bars_after_the_moment_change_nothing() -> None:
    bars = a_walk(30)

    assert resample_to_five_minutes(bars, as_of=START + minutes(17)) == resample_to_five_minutes(
        bars[:15], as_of=START + minutes(17)
    )


def test_a_bucket_without_bars_is_left_out() -> None:
    bars = [a_bar(START), a_bar(START + minutes(11))]

    combined = resample_to_five_minutes(bars, as_of=START + minutes(15))

    assert [bar.open_time for bar in combined] == [START, START + minutes(10)]


def test_one_missing_volume_makes_the_total_unknown() -> None:
    bars = [a_bar(START), a_bar(START + minutes(1), volume=None)]

    combined = resample_to_five_minutes(bars, as_of=START + minutes(5))

    assert combined[0].volume is None


def test_a_bucket_waits_for_its_last_source_bar_where_bars_begin_at_half_past() -> None:
    bars = [a_bar(START + minutes(30 + 60 * hour)) for hour in range(5)]
    four_hours = interval("4h")

    at_its_end = resample.resample(bars, source=_H1, to=four_hours, as_of=START + minutes(240))
    at_the_last_close = resample.resample(bars, source=_H1, to=four_hours, as_of=START + minutes(270))

    assert at_its_end == ()
    assert [bar.open_time for bar in at_the_last_close] == [START]


def test_weeks_start_on_monday_and_months_on_the_first() -> None:
    days = a_walk(60, step="1d", start=datetime(2026, 1, 1, tzinfo=UTC))

    weeks = resample.resample(days, source=interval("1d"), to=interval("1w"), as_of=days[40].open_time)
    months = resample.resample(days, source=interval("1d"), to=interval("1mo"), as_of=datetime(2026, 3, 1, tzinfo=UTC))

    assert weeks[1].open_time == datetime(2026, 1, 5, tzinfo=UTC)
    assert [bar.open_time for bar in months] == [datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)]
    assert months[1].close == days[58].close


def test_the_same_interval_gives_the_closed_bars_themselves() -> None:
    bars = a_walk(5)

    assert resample.resample(bars, source=_M1, to=_M1, as_of=START + minutes(3)) == tuple(bars[:3])


@pytest.mark.parametrize(
    ("source", "to"), [("2m", "5m"), ("5m", "1m"), ("7d", "1w"), ("1w", "1mo"), ("2d", "1mo"), ("1mo", "1d")]
)
def test_intervals_that_do_not_fit_are_refused(source: str, to: str) -> None:
    with pytest.raises(resample.IntervalsUnfit, match=f"bars of {source} do not make up bars of {to}"):
        resample.resample(a_walk(3), source=interval(source), to=interval(to), as_of=START)


@given(seed=st.integers(0, 10_000), end=st.integers(0, 400), dropped=st.sets(st.integers(0, 399)))
@settings(max_examples=100, deadline=None)
def test_two_steps_give_what_one_step_gives(seed: int, end: int, dropped: set[int]) -> None:
    bars = [bar for place, bar in enumerate(a_walk(400, seed=seed)) if place not in dropped]
    as_of = START + minutes(end)

    in_one = resample.resample(bars, source=_M1, to=_H1, as_of=as_of)
    halfway = resample.resample(bars, source=_M1, to=_M5, as_of=as_of)
    in_two = resample.resample(halfway, source=_M5, to=_H1, as_of=as_of)

    assert in_two == in_one
    assert all(_H1.end(bar.open_time) <= as_of for bar in in_one)
    assert sum(bar.volume or 0 for bar in in_one) == sum(
        (bar.volume or Decimal(0)) for bar in bars if _H1.end(_H1.floor(bar.open_time)) <= as_of
    )
