"""Retries for read-only requests to a venue: a few attempts with pauses, within a few seconds altogether."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from domain.ports import VenueUnavailable
from venues.error_responses import ErrorResponse

T = TypeVar("T")

BUDGET_S = 5.0
ATTEMPTS = 3
FIRST_PAUSE_S = 0.2


def query(request: Callable[[float], T], *, budget_s: float | None = None, attempts: int = ATTEMPTS) -> T:
    """Send a read-only request and return its answer; `request` is called with the seconds that it may take.

    All attempts together take `budget_s` (BUDGET_S) at most. A permanent error is raised at once; no answer and
    temporary errors are tried again.

    Raises:
        ErrorResponse: when the venue answered with a permanent error.
        VenueUnavailable: when it did not answer in time.
    """
    deadline, pause = time.monotonic() + (BUDGET_S if budget_s is None else budget_s), FIRST_PAUSE_S
    for attempts_left in reversed(range(attempts)):
        try:
            return request(max(0.05, (deadline - time.monotonic()) / (attempts_left + 1)))
        except ErrorResponse as response:
            if not response.is_temporary:
                raise
            failure: Exception = response
        except Exception as error:  # noqa: BLE001 - a network fails in many ways, all of them mean no answer
            failure = error
        if not attempts_left or not _pause_before_retry(pause, deadline=deadline):
            raise VenueUnavailable(f"{type(failure).__name__}: {failure}") from failure
        pause *= 2
    raise AssertionError("the last attempt either returns or raises")


def query_or_unavailable(request: Callable[[float], T], *, budget_s: float | None = None) -> T:
    """Send a read-only request that a venue has no reason to refuse: every error means that it is unavailable.

    Raises:
        VenueUnavailable: when it did not answer in time, or answered with an error.
    """
    try:
        return query(request, budget_s=budget_s)
    except ErrorResponse as response:
        raise VenueUnavailable(str(response)) from response


def _pause_before_retry(pause: float, *, deadline: float) -> bool:
    """Sleep `pause` seconds with jitter; return False at once when no time would be left for another attempt."""
    wait = pause * random.uniform(0.5, 1.5)  # noqa: S311 - jitter
    if time.monotonic() + wait >= deadline:
        return False
    time.sleep(wait)
    return True
