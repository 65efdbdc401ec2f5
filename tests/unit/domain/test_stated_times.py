"""Whether one alert fired before another: by the same kind of time, else only when it is certain."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from domain.intervals import Interval
from domain.stated_times import StatedTime, is_before

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
HOUR = Interval.parse("1h")


def stated(
    *, fired: int | None = None, bar: int | None = None, arrived: int = 0, timeframe: Interval | None = HOUR
) -> StatedTime:
    """Return a stated time; all numbers are seconds from noon."""

    def at(seconds: int | None) -> datetime | None:
        return None if seconds is None else NOON + timedelta(seconds=seconds)

    return StatedTime(
        fired_at=at(fired), bar_at=at(bar), timeframe=timeframe, arrived_at=NOON + timedelta(seconds=arrived)
    )


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (stated(fired=-5), stated(fired=-4)),
        (stated(bar=-7200), stated(bar=-3600)),
        (stated(fired=-172_800), stated(fired=0)),
        (stated(bar=-7200, arrived=0), stated(fired=-3000)),
        (stated(fired=-100), stated(arrived=0)),
    ],
)
def test_an_alert_that_fired_earlier_is_before(first: StatedTime, second: StatedTime) -> None:
    assert is_before(first, second)
    assert not is_before(second, first)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (stated(fired=-4), stated(fired=-4)),
        (stated(bar=-3600), stated(bar=-3600)),
        (stated(arrived=1), stated(arrived=0)),
        (stated(bar=-3600, timeframe=Interval.parse("5m")), stated(bar=-7200)),
        (stated(arrived=5), stated(fired=19_800, arrived=0)),
        (stated(fired=4, arrived=5), stated(fired=19_800, arrived=3)),
        (stated(bar=0, timeframe=None, arrived=3), stated(fired=2, arrived=3)),
    ],
)
def test_what_cannot_be_known_is_not_before(first: StatedTime, second: StatedTime) -> None:
    assert not is_before(first, second)
