"""Strangers at a form: few of them are served at once, so that threads are left for alerts.

A server's thread waits for as long as a sender takes to send, and for the hash of a password besides.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.exceptions import ServiceUnavailable

_PLACES, _OF_ONE_ORIGIN = 8, 3


class Crowded(ServiceUnavailable):
    """Too many strangers are being served already."""

    description = "too many are logging in right now; try again in a moment"


class Crowd:
    """The places that there are for strangers, in one process: some in all, and fewer for each origin."""

    def __init__(self, *, places: int = _PLACES, of_one_origin: int = _OF_ONE_ORIGIN) -> None:
        self._places, self._of_one_origin = places, of_one_origin
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()

    @contextmanager
    def place(self, origin: str) -> Iterator[None]:
        """Hold a place for the duration of the block; nobody waits for one.

        Raises:
            Crowded: when all are taken, or too many by this origin.
        """
        self._take(origin)
        try:
            yield
        finally:
            self._give_back(origin)

    def _take(self, origin: str) -> None:
        with self._lock:
            if self._held.total() >= self._places or self._held[origin] >= self._of_one_origin:
                raise Crowded(retry_after=1)
            self._held[origin] += 1

    def _give_back(self, origin: str) -> None:
        with self._lock:
            self._held[origin] -= 1
            self._held += Counter()  # without those that hold none, which would be kept for ever
