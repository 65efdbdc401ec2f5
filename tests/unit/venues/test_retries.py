"""Read-only requests are tried a few times within a budget; permanent errors are not tried again."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from domain.ports import VenueUnavailable
from venues import retries
from venues.error_responses import ErrorResponse

REFUSED = ErrorResponse(status=400, body='{"code":1}', code="1")
THROTTLED = ErrorResponse(status=429, body="")
BROKEN = ErrorResponse(status=503, body="")


def a_request(*outcomes: Exception | str) -> tuple[Callable[[float], str], list[float]]:
    """Make a request that goes through the outcomes, and the list of the time limits that it was given."""
    outcomes_left, limits = list(outcomes), list[float]()

    def request(seconds: float) -> str:
        limits.append(seconds)
        outcome = outcomes_left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return request, limits


@pytest.mark.parametrize("error", [BROKEN, THROTTLED, TimeoutError(), KeyError("status")])
def test_a_temporary_error_is_retried(error: Exception) -> None:
    request, limits = a_request(error, "an answer")

    assert retries.query(request) == "an answer"
    assert len(limits) == 2


def test_a_permanent_error_is_raised_at_once() -> None:
    request, limits = a_request(REFUSED, "never")

    with pytest.raises(ErrorResponse):
        retries.query(request)
    assert len(limits) == 1


def test_three_attempts_without_an_answer_are_unavailable() -> None:
    request, limits = a_request(BROKEN, TimeoutError(), BROKEN, "never")

    with pytest.raises(VenueUnavailable, match="503"):
        retries.query(request)
    assert len(limits) == 3


def test_all_attempts_fit_into_the_budget() -> None:
    request, limits = a_request(BROKEN, BROKEN, BROKEN)
    began = time.monotonic()

    with pytest.raises(VenueUnavailable):
        retries.query(request, budget_s=0.25)

    assert time.monotonic() - began < 1
    assert limits[0] <= 0.25 / 3 + 0.001


def test_a_permanent_error_counts_as_unavailable_where_none_is_expected() -> None:
    request, _ = a_request(REFUSED)

    with pytest.raises(VenueUnavailable):
        retries.query_or_unavailable(request)
