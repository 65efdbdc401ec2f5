"""When a failing engine is left alone, and when it is tried again."""

from __future__ import annotations

from engines.breaker import FAILURES, REST_S, Breaker


def failed(times: int, *, now: float = 0.0) -> Breaker:
    """Return a breaker that saw failures in a row."""
    breaker = Breaker()
    for _ in range(times):
        breaker.record(is_failure=True, now=now)
    return breaker


def test_it_opens_with_the_fifth_failure_in_a_row() -> None:
    assert not failed(FAILURES - 1).is_open(now=0)
    assert failed(FAILURES).is_open(now=0)


def test_a_success_in_between_starts_the_count_again() -> None:
    breaker = failed(FAILURES - 1)

    breaker.record(is_failure=False, now=0)
    breaker.record(is_failure=True, now=0)

    assert not breaker.is_open(now=0)


def test_after_its_rest_one_more_failure_opens_it_again_and_one_success_closes_it() -> None:
    again, well = failed(FAILURES), failed(FAILURES)

    again.record(is_failure=True, now=REST_S)
    well.record(is_failure=False, now=REST_S)

    assert failed(FAILURES).is_open(now=REST_S - 0.001)
    assert not failed(FAILURES).is_open(now=REST_S)
    assert again.is_open(now=REST_S)
    assert not well.is_open(now=REST_S)
