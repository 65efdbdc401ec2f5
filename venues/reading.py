"""Asking a venue what it holds: a few times, with pauses, and never longer than a few seconds."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from typing import TypeVar

from domain.ports import VenueUnavailable
from venues.answers import Answered

T = TypeVar("T")

BUDGET_S = 5.0
ATTEMPTS = 3
FIRST_PAUSE_S = 0.2


def ask(question: Callable[[float], T], *, budget_s: float | None = None, attempts: int = ATTEMPTS) -> T:
    """Return the answer to `question`, which is given the seconds it may take; all attempts take BUDGET_S at most.

    An answer that says no for good is raised at once; silence and passing trouble are asked again.

    Raises:
        Answered: when the venue refused the question.
        VenueUnavailable: when it did not answer in time.
    """
    ends, pause = time.monotonic() + (BUDGET_S if budget_s is None else budget_s), FIRST_PAUSE_S
    for left in reversed(range(attempts)):
        try:
            return question(max(0.05, (ends - time.monotonic()) / (left + 1)))
        except Answered as answer:
            if not answer.is_passing:
                raise
            trouble: Exception = answer
        except Exception as error:  # noqa: BLE001 - a network fails in many ways, all of them mean no answer
            trouble = error
        if not left or not _waited(pause, ends=ends):
            raise VenueUnavailable(f"{type(trouble).__name__}: {trouble}") from trouble
        pause *= 2
    raise AssertionError("the last attempt either returns or raises")


def ask_surely(question: Callable[[float], T], *, budget_s: float | None = None) -> T:
    """Ask what a venue has no reason to refuse: a refusal is no answer.

    Raises:
        VenueUnavailable: when it did not answer, or refused to.
    """
    try:
        return ask(question, budget_s=budget_s)
    except Answered as answer:
        raise VenueUnavailable(str(answer)) from answer


def _waited(pause: float, *, ends: float) -> bool:
    """Wait with jitter; returns False at once when no time would be left for another attempt."""
    wait = pause * random.uniform(0.5, 1.5)  # noqa: S311 - jitter
    if time.monotonic() + wait >= ends:
        return False
    time.sleep(wait)
    return True
