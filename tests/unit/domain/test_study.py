"""When a study's longest holding time ends."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.signal import InstrumentKind
from domain.study import ROUND_THE_CLOCK, compute_horizon_end, derive_horizon_sessions

ON_WEEKDAYS = [kind for kind in InstrumentKind if kind not in ROUND_THE_CLOCK]
MOMENTS = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds are naive by contract
SESSIONS = st.integers(1, 60)


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("hours", "sessions"),
    [
        ((4, 4), 1),
        ((4, 48), 2),
        ((24, 24), 1),
        ((25, 4), 2),
        ((30 * 24, 4), 5),
        ((None, 4), 5),
        ((None, None), 5),
    ],
)
def test_the_horizon_is_that_of_the_longest_plan_up_to_five_sessions(
    hours: tuple[int | None, ...], sessions: int
) -> None:
    holds = [None if count is None else timedelta(hours=count) for count in hours]

    assert derive_horizon_sessions(*holds) == sessions


@pytest.mark.parametrize("kind", ON_WEEKDAYS)
@pytest.mark.parametrize(
    ("entry", "sessions", "end"),
    [
        ("2026-03-02T14:30", 1, "2026-03-03T14:30"),
        ("2026-03-02T14:30", 5, "2026-03-09T14:30"),
        ("2026-03-06T14:30", 1, "2026-03-09T14:30"),
        ("2026-03-07T10:00", 1, "2026-03-09T10:00"),
        ("2026-03-08T22:00", 5, "2026-03-13T22:00"),
    ],
)
def test_weekends_are_no_sessions_of_what_trades_on_weekdays(
    kind: InstrumentKind, entry: str, sessions: int, end: str
) -> None:
    assert compute_horizon_end(at(entry), sessions=sessions, kind=kind) == at(end)


@pytest.mark.parametrize("kind", [kind for kind in InstrumentKind if kind in ROUND_THE_CLOCK])
def test_every_day_is_a_session_of_what_trades_round_the_clock(kind: InstrumentKind) -> None:
    assert compute_horizon_end(at("2026-03-06T23:59"), sessions=5, kind=kind) == at("2026-03-11T23:59")


@given(MOMENTS, SESSIONS, st.sampled_from(InstrumentKind))
def test_the_end_keeps_the_time_of_day_and_lies_as_many_sessions_ahead(
    entry: datetime, sessions: int, kind: InstrumentKind
) -> None:
    end = compute_horizon_end(entry, sessions=sessions, kind=kind)

    days = [entry + timedelta(days=number) for number in range(1, (end - entry).days + 1)]
    counted = [day for day in days if kind in ROUND_THE_CLOCK or day.weekday() < 5]
    assert end.timetz() == entry.timetz()
    assert len(counted) == sessions
    assert end == counted[-1]


@given(MOMENTS, SESSIONS, st.sampled_from(InstrumentKind))
def test_one_more_session_ends_later(entry: datetime, sessions: int, kind: InstrumentKind) -> None:
    assert compute_horizon_end(entry, sessions=sessions, kind=kind) < compute_horizon_end(
        entry, sessions=sessions + 1, kind=kind
    )
