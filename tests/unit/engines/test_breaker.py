"""When a failing engine is left alone, and when it is tried again."""

from __future__ import annotations

from engines.breaker import COOLDOWN_S, MAX_FAILURES, CircuitBreaker


def breaker_after_failures(times: int, *, now: float = 0.0) -> CircuitBreaker:
    """Return a breaker that saw failures in a row."""
    breaker = CircuitBreaker()
    for _ in range(times):
        breaker.record(is_failure=True, now=now)
    return breaker


def test_it_opens_with_the_fifth_failure_in_a_row() -> None:
    assert not breaker_after_failures(MAX_FAILURES - 1).is_open(now=0)
    assert breaker_after_failures(MAX_FAILURES).is_open(now=0)


def test_a_success_in_between_starts_the_count_again() -> None:
    breaker = breaker_after_failures(MAX_FAILURES - 1)

    breaker.record(is_failure=False, now=0)
    breaker.record(is_failure=True, now=0)

    assert not breaker.is_open(now=0)


def test_after_its_rest_one_more_failure_opens_it_again_and_one_success_closes_it() -> None:
    again, well = breaker_after_failures(MAX_FAILURES), breaker_after_failures(MAX_FAILURES)

    again.record(is_failure=True, now=COOLDOWN_S)
    well.record(is_failure=False, now=COOLDOWN_S)

    assert breaker_after_failures(MAX_FAILURES).is_open(now=COOLDOWN_S - 0.001)
    assert not breaker_after_failures(MAX_FAILURES).is_open(now=COOLDOWN_S)
    assert again.is_open(now=COOLDOWN_S)
    assert not well.is_open(now=COOLDOWN_S)
