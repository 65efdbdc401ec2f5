"""Waiting for a condition with a deadline."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def until(condition: Callable[[], T], *, deadline_s: float = 20.0, what: str = "the condition") -> T:
    """Return the condition's first truthy value.

    Raises:
        AssertionError: naming `what` did not come about, and the last value seen.
    """
    end, seen = time.monotonic() + deadline_s, condition()
    while not seen:
        if time.monotonic() > end:
            raise AssertionError(f"{what} did not come about within {deadline_s} s; last seen: {seen!r}")
        time.sleep(0.02)
        seen = condition()
    return seen
