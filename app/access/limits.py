"""How often somebody may fail to say who they are: counted by address, in the memory of each web process."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from functools import cached_property
from ipaddress import IPv6Address, ip_network
from typing import Any

from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import FixedWindowRateLimiter

from app.web import allowed_senders

NOT_TOLD = "not told"
_HOME_NETWORK = 64  # whoever has one IPv6 address has all of its network
_READ_EVERY_S = 1.0


class TooManyFailures(PermissionError):
    """Too many failed in the last minute from this address; `retry_after_s` says when to try again."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


def origin(environ: Mapping[str, Any], *, trusted_proxies: int) -> str:
    """Return what failures from this sender count under: its address or IPv6 network, or one name for all others."""
    address = allowed_senders.client_address(environ, trusted_proxies=trusted_proxies)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, _HOME_NETWORK), strict=False))
    return str(address) if address is not None else NOT_TOLD


class Failures:
    """Counts the failures of each origin; beyond so many in a minute there are too many."""

    def __init__(self, per_minute: int) -> None:
        self._limit = RateLimitItemPerMinute(per_minute)
        self._is_used = False

    def are_too_many(self, origin: str) -> bool:
        """Say whether one more failure would be too many."""
        return self._is_used and not self._limiter.test(self._limit, origin)

    def count(self, origin: str) -> None:
        """Count one failure."""
        self._is_used = True
        self._limiter.hit(self._limit, origin)

    def refusal(self, origin: str) -> TooManyFailures:
        """Return what to raise for an origin with too many failures."""
        reset = self._limiter.get_window_stats(self._limit, origin).reset_time
        return TooManyFailures(max(1, round(reset - time.time())))

    @cached_property
    def _limiter(self) -> FixedWindowRateLimiter:
        # Made with the first failure: the storage has a thread, which belongs to the process that uses it.
        return FixedWindowRateLimiter(MemoryStorage())


class KnownHashes:
    """The hashes of all tokens that hold, read at most once a second, so that guessing costs no look-up each."""

    def __init__(self, load: Callable[[], frozenset[str]], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._clock = clock
        self._lock = threading.Lock()
        self._hashes: frozenset[str] = frozenset()
        self._error: Exception | None = None
        self._until = float("-inf")

    def hold(self, token_hash: str) -> bool:
        """Say whether a token with this hash holds; raises what reading them raised within the last second."""
        with self._lock:
            if self._clock() >= self._until:
                self._read()
            if self._error is not None:
                raise self._error
            return token_hash in self._hashes

    def _read(self) -> None:
        try:
            self._hashes, self._error = self._load(), None
        except Exception as error:  # noqa: BLE001 - it is raised for each who asks, who need not wait one after the other
            self._error = error
        self._until = self._clock() + _READ_EVERY_S
