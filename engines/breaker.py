"""A circuit breaker: stops asking what failed again and again, and tries it anew after a while."""

from __future__ import annotations

FAILURES = 5
REST_S = 30.0


class Breaker:
    """Opens for `rest_s` after five failures in a row; then one more failure opens it again, one success closes it.

    What is asked first after the rest is the probe: nothing else has to be asked to find out.
    """

    def __init__(self, *, rest_s: float = REST_S) -> None:
        self._rest_s = rest_s
        self._failures = 0
        self._open_until: float | None = None

    def is_open(self, *, now: float) -> bool:
        """Say whether nothing should be asked at `now` (seconds on a monotonic clock)."""
        return self._open_until is not None and now < self._open_until

    @property
    def has_tripped(self) -> bool:
        """Whether it opened and no success has closed it since."""
        return self._open_until is not None

    def record(self, *, is_failure: bool, now: float) -> None:
        """Count one answer."""
        self._failures = self._failures + 1 if is_failure else 0
        self._open_until = now + self._rest_s if self._failures >= FAILURES else None
