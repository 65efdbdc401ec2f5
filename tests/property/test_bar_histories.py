"""Histories that are cached while no bar was added return the same bars as those that are read each time."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

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


@given(
    own=st.sets(st.integers(0, 39), max_size=20),
    finer=st.sets(st.integers(0, 199), max_size=120),
    asked_at=st.lists(st.integers(0, 4 * 220), min_size=1, max_size=5),
    count=st.integers(1, 30),
)
def test_finer_bars_fill_the_gaps_of_a_series_and_change_none_of_its_bars(
    own: set[int], finer: set[int], asked_at: list[int], count: int
) -> None:
    five, one = interval("5m"), interval("1m")
    own_feed, finer_feed = a_feed("5m"), a_feed("1m")
    own_bars, minute_bars = a_walk(40, step="5m"), a_walk(200)
    store = BarsInMemory(
        {own_feed: [own_bars[i] for i in sorted(own)], finer_feed: [minute_bars[i] for i in sorted(finer)]}
    )
    growing = GrowingBarHistories(store)

    for number in asked_at:
        as_of = START + timedelta(seconds=15 * number)
        alone = growing.load_closed(own_feed, to=five, as_of=as_of, count=count)
        filled = growing.load_filled((own_feed, finer_feed), to=five, as_of=as_of, count=count)

        assert [closed for closed in filled if closed in alone] == alone
        assert all(closed.ready_at <= as_of for closed in filled)
        assert all(before.ready_at <= after.bar.open_time for before, after in pairwise(filled))
        seen = {minute_bars[i].open_time for i in finer if minute_bars[i].end(one) <= as_of}
        made = [closed for closed in filled if closed not in alone]
        assert all(any(closed.bar.open_time <= at < closed.ready_at for at in seen) for closed in made)
        assert filled == alone or len(alone) < count


def test_nothing_is_read_of_finer_bars_where_a_series_suffices() -> None:
    own_feed, finer_feed = a_feed("5m"), a_feed("1m")
    store = BarsInMemory({own_feed: a_walk(40, step="5m"), finer_feed: a_walk(200)})

    GrowingBarHistories(store).load_filled(
        (own_feed, finer_feed), to=interval("5m"), as_of=START + minutes(200), count=40
    )

    assert store.calls["last_closed"] == 1
