"""Questions are asked a few times, within a budget, and what was refused is not asked again."""

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


def question(*outcomes: Exception | str) -> tuple[Callable[[float], str], list[float]]:
    """Make a question that goes through the outcomes, and the list of seconds it was given."""
    left, given = list(outcomes), list[float]()

    def ask(seconds: float) -> str:
        given.append(seconds)
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    return ask, given


@pytest.mark.parametrize("trouble", [BROKEN, THROTTLED, TimeoutError(), KeyError("status")])
def test_passing_trouble_is_asked_again(trouble: Exception) -> None:
    ask, given = question(trouble, "an answer")

    assert retries.query(ask) == "an answer"
    assert len(given) == 2


def test_a_refusal_is_raised_at_once() -> None:
    ask, given = question(REFUSED, "never")

    with pytest.raises(ErrorResponse):
        retries.query(ask)
    assert len(given) == 1


def test_three_times_no_answer_is_unavailable() -> None:
    ask, given = question(BROKEN, TimeoutError(), BROKEN, "never")

    with pytest.raises(VenueUnavailable, match="503"):
        retries.query(ask)
    assert len(given) == 3


def test_all_attempts_fit_into_the_budget() -> None:
    ask, given = question(BROKEN, BROKEN, BROKEN)
    began = time.monotonic()

    with pytest.raises(VenueUnavailable):
        retries.query(ask, budget_s=0.25)

    assert time.monotonic() - began < 1
    assert given[0] <= 0.25 / 3 + 0.001


def test_to_what_has_no_reason_to_be_refused_a_refusal_is_no_answer() -> None:
    ask, _ = question(REFUSED)

    with pytest.raises(VenueUnavailable):
        retries.query_or_unavailable(ask)
