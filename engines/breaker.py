"""Circuit breaker for an engine that fails repeatedly."""

from __future__ import annotations

MAX_FAILURES = 5
COOLDOWN_S = 30.0


class CircuitBreaker:
    """Circuit breaker that opens for `cooldown_s` after five failures in a row.

    The first question after the cooldown is the probe: a failure opens the breaker again, a success closes it.
    """

    def __init__(self, *, cooldown_s: float = COOLDOWN_S) -> None:
        self._cooldown_s = cooldown_s
        self._failures = 0
        self._open_until: float | None = None

    def is_open(self, *, now: float) -> bool:
        """Return whether the engine must not be asked at `now` (seconds on a monotonic clock)."""
        return self._open_until is not None and now < self._open_until

    @property
    def has_tripped(self) -> bool:
        """True from the opening of the breaker until the next success."""
        return self._open_until is not None

    def record(self, *, is_failure: bool, now: float) -> None:
        """Record the outcome of one question."""
        self._failures = self._failures + 1 if is_failure else 0
        self._open_until = now + self._cooldown_s if self._failures >= MAX_FAILURES else None
