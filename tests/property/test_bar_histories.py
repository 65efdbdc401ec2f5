"""Histories that are cached while no bar was added return the same bars as those that are read each time."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.support.builders.markets import START, BarsInMemory, a_feed, a_walk, interval, minutes
from venues.bar_history import BarHistories, GrowingBarHistories

FEED = a_feed()
WALK = a_walk(60)
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, len(WALK) - 1)),
        st.tuples(st.just("ask"), st.integers(0, 4 * len(WALK))),
    ),
    min_size=2,
    max_size=60,
)


@given(steps=STEPS, to=st.sampled_from(("1m", "5m")), count=st.integers(1, 6))
def test_growing_histories_return_the_same_as_fresh_ones_however_late_bars_come(
    steps: list[tuple[str, int]], to: str, count: int
) -> None:
    store = BarsInMemory({FEED: []})
    growing, fresh = GrowingBarHistories(store), BarHistories(store)

    for step, number in steps:
        if step == "add":
            stored = {bar.open_time: bar for bar in (*store.series[FEED], WALK[number])}
            store.series[FEED] = [stored[at] for at in sorted(stored)]
            continue
        as_of = START + timedelta(seconds=15 * number)
        arguments = {"to": interval(to), "as_of": as_of, "count": count}

        assert growing.load_closed(FEED, **arguments) == fresh.load_closed(FEED, **arguments)  # type: ignore[arg-type]


def test_growing_histories_read_bars_once_while_none_is_added() -> None:
    store = BarsInMemory({FEED: WALK})
    growing = GrowingBarHistories(store)

    first, second = (
        growing.load_closed(FEED, to=interval("5m"), as_of=START + minutes(moment), count=4) for moment in (60.1, 60.9)
    )

    assert second is first
    assert store.calls["last_closed"] == 1
