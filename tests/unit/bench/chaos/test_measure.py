"""The sum over seeds, from outcomes that are written out."""

from __future__ import annotations

from typing import Any

from bench.chaos import measure
from bench.chaos.checker import Violation
from bench.chaos.faults import InjectedFaultKind
from bench.chaos.rehearsal import RehearsalOutcome
from bench.chaos.watch import find_median


def an_outcome(**changes: Any) -> RehearsalOutcome:
    given: dict[str, Any] = {
        "seed": 1,
        "accepted": 10,
        "unanswered": 1,
        "stored": 11,
        "processed": 11,
        "dead": 0,
        "orders": 7,
        "deaths": 2,
        "restarts": 2,
        "cut": 1,
        "drained_s": 1.25,
        "recoveries": (),
        "violations": (),
    }
    return RehearsalOutcome(**given | changes)


def test_what_is_lost_and_what_is_doubled_are_counted_apart_and_both_are_violations() -> None:
    lost = Violation(name="acknowledged_but_missing", count=3, examples=("x",))
    doubled = Violation(name="verify:attempts_follow_refusals", count=2, examples=("y",))
    other = Violation(name="verify:orders_move_as_they_may", count=1, examples=("z",))

    found = measure.sum_outcomes([an_outcome(violations=(lost, other)), an_outcome(violations=(doubled,), dead=1)])

    assert (found["lost"], found["doubled"], found["violations"]) == (3, 2, 3)
    assert (found["accepted"], found["processed"], found["dead_letters"], found["orders"]) == (20, 22, 1, 14)


def test_recovery_is_told_per_kind_of_fault_and_what_nothing_followed_is_counted_without_a_time() -> None:
    first = an_outcome(
        recoveries=(
            (InjectedFaultKind.WEB_KILLED, 1.0),
            (InjectedFaultKind.WEB_KILLED, 5.0),
            (InjectedFaultKind.REDIS_KILLED, None),
        )
    )
    second = an_outcome(recoveries=((InjectedFaultKind.WEB_KILLED, 2.0),))

    found = measure.summarize_recoveries([first, second])

    assert found == {
        "web_killed": {"count": 3, "median_recovery_s": 2.0, "worst_recovery_s": 5.0},
        "redis_killed": {"count": 1, "median_recovery_s": None, "worst_recovery_s": None},
    }
    assert measure.sum_outcomes([first, second])["worst_recovery_s"] == 5.0


def test_the_median_of_an_even_number_is_the_lower_one_and_of_nothing_unknown() -> None:
    assert find_median([4.0, 1.0, 3.0, 2.0]) == 2.0
    assert find_median([]) is None
