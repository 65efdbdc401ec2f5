"""Bars that exits walk: each fetched once, none left out, none before it is certain."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from domain.context import Bar
from tests.support.builders.trades import MINUTE, ONE_MINUTE, a_bar, minute
from venues.bar_cache import SETTLED_AFTER, CachedBars


class Tape:
    """A venue's bars from Monday 10:00 on, at most `page` at a time; it remembers what was asked."""

    def __init__(self, *, page: int = 1000, without: frozenset[int] = frozenset()) -> None:
        self.page, self.without = page, without
        self.asked: list[tuple[datetime, datetime]] = []

    def __call__(self, start: datetime, end: datetime) -> tuple[Sequence[Bar], datetime]:
        self.asked.append((start, end))
        numbers = range(int((start - minute(0)) / MINUTE), int((end - minute(0)) / MINUTE))
        told = [a_bar(one, "1 1 1 1") for one in numbers if one not in self.without][: self.page]
        whole = len(told) < self.page
        return told, end if whole else told[-1].open_time + MINUTE


def walk(walked: CachedBars, tape: Tape, *, after: datetime, until: datetime) -> list[datetime]:
    walked.extend(tape, after=after, until=until)
    return [one.open_time for one in walked.select(after=after, until=until)]


def test_a_bar_counts_shortly_after_its_end() -> None:
    walked, tape = CachedBars(ONE_MINUTE), Tape()

    before = walk(walked, tape, after=minute(0), until=minute(2))
    after = walk(walked, tape, after=minute(0), until=minute(2) + SETTLED_AFTER)

    assert before == [minute(0)]
    assert after == [minute(0), minute(1)]


def test_what_is_known_is_not_asked_again() -> None:
    walked, tape = CachedBars(ONE_MINUTE), Tape()
    until = minute(10) + SETTLED_AFTER
    walk(walked, tape, after=minute(0), until=until)

    again = walk(walked, tape, after=minute(5), until=until + timedelta(seconds=30))

    assert again == [minute(one) for one in range(5, 10)]
    assert len(tape.asked) == 1


def test_only_what_is_missing_is_asked() -> None:
    walked, tape = CachedBars(ONE_MINUTE), Tape()
    walk(walked, tape, after=minute(0), until=minute(10) + SETTLED_AFTER)

    walk(walked, tape, after=minute(8), until=minute(12) + SETTLED_AFTER)

    assert tape.asked[1] == (minute(10), minute(12))


def test_minutes_without_a_bar_are_not_asked_for_again() -> None:
    walked, tape = CachedBars(ONE_MINUTE), Tape(without=frozenset({3, 9}))
    until = minute(10) + SETTLED_AFTER

    first = walk(walked, tape, after=minute(0), until=until)
    again = walk(walked, tape, after=minute(0), until=until)

    assert first == again == [minute(one) for one in range(10) if one not in (3, 9)]
    assert len(tape.asked) == 1


def test_what_lies_before_the_known_is_asked_from_the_start() -> None:
    walked, tape = CachedBars(ONE_MINUTE), Tape()
    walk(walked, tape, after=minute(50), until=minute(60) + SETTLED_AFTER)

    bars = walk(walked, tape, after=minute(10), until=minute(60) + SETTLED_AFTER)

    assert bars == [minute(one) for one in range(10, 60)]


@given(
    st.lists(st.tuples(st.integers(0, 200), st.integers(0, 120)), min_size=1, max_size=8),
    st.integers(1, 50),
    st.frozensets(st.integers(0, 320), max_size=40),
)
def test_whatever_is_asked_no_bar_is_left_out_before_the_last_one_given(
    asked: list[tuple[int, int]], page: int, without: frozenset[int]
) -> None:
    walked, tape = CachedBars(ONE_MINUTE), Tape(page=page, without=without)

    for after, length in asked:
        bars = walk(walked, tape, after=minute(after), until=minute(after + length) + SETTLED_AFTER)

        wanted = [minute(one) for one in range(after, after + length) if one not in without]
        assert bars == wanted[: len(bars)]
        assert not wanted or bars
