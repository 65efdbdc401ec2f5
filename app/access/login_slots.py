"""Caps concurrent unauthenticated form posts, so that login traffic cannot exhaust the webhook's threads.

A server thread is busy with the hash of the password, which takes long on purpose.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from werkzeug.exceptions import ServiceUnavailable

_SLOTS, _SLOTS_PER_ORIGIN = 8, 3


class TooManyLogins(ServiceUnavailable):
    """Too many logins are being processed already."""

    description = "too many are logging in right now; try again in a moment"


class LoginSlots:
    """The slots for logins of one process: `slots` in all, at most `per_origin` for each origin."""

    def __init__(self, *, slots: int = _SLOTS, per_origin: int = _SLOTS_PER_ORIGIN) -> None:
        self._slots, self._per_origin = slots, per_origin
        self._lock = threading.Lock()
        self._held: Counter[str] = Counter()

    @contextmanager
    def hold_slot(self, origin: str) -> Iterator[None]:
        """Hold a slot for the duration of the block; raise at once when there is none.

        Raises:
            TooManyLogins: when all slots are taken, or too many by this origin.
        """
        self._take_slot(origin)
        try:
            yield
        finally:
            self._free_slot(origin)

    def _take_slot(self, origin: str) -> None:
        with self._lock:
            if self._held.total() >= self._slots or self._held[origin] >= self._per_origin:
                raise TooManyLogins(retry_after=1)
            self._held[origin] += 1

    def _free_slot(self, origin: str) -> None:
        with self._lock:
            self._held[origin] -= 1
            self._held += Counter()  # drops origins without a slot, which would pile up
