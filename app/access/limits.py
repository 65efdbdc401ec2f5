"""Limits of failed authentications by address, counted in the memory of each web process."""

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

UNKNOWN_ORIGIN = "not told"
_IPV6_PREFIX = 64  # who has one IPv6 address usually has all of its /64
_READ_EVERY_S = 1.0


class TooManyFailures(PermissionError):
    """Too many attempts from an origin failed within a minute; the next may be made after `retry_after_s`."""

    def __init__(self, retry_after_s: int) -> None:
        super().__init__(f"try again in {retry_after_s} s")
        self.retry_after_s = retry_after_s


def origin_of(environ: Mapping[str, Any], *, trusted_proxies: int) -> str:
    """Return the name that a client's failures are counted under: its address, its IPv6 /64, or UNKNOWN_ORIGIN."""
    address = allowed_senders.client_address(environ, trusted_proxies=trusted_proxies)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, _IPV6_PREFIX), strict=False))
    return str(address) if address is not None else UNKNOWN_ORIGIN


class Failures:
    """Counter of failures by origin, with a limit per minute."""

    def __init__(self, per_minute: int) -> None:
        self._limit = RateLimitItemPerMinute(per_minute)
        self._is_used = False

    def are_too_many(self, origin: str) -> bool:
        """Return whether the origin has reached its limit."""
        return self._is_used and not self._limiter.test(self._limit, origin)

    def count(self, origin: str) -> None:
        """Count one failure."""
        self._is_used = True
        self._limiter.hit(self._limit, origin)

    def refusal(self, origin: str) -> TooManyFailures:
        """Return the error for an origin with too many failures."""
        reset = self._limiter.get_window_stats(self._limit, origin).reset_time
        return TooManyFailures(max(1, round(reset - time.time())))

    @cached_property
    def _limiter(self) -> FixedWindowRateLimiter:
        # Created with the first failure: the storage starts a thread, which must belong to the forked process.
        return FixedWindowRateLimiter(MemoryStorage())


class KnownHashes:
    """The hashes of all valid tokens, read at most once a second, so that guesses cost no query each."""

    def __init__(self, load: Callable[[], frozenset[str]], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._load = load
        self._clock = clock
        self._lock = threading.Lock()
        self._hashes: frozenset[str] = frozenset()
        self._error: Exception | None = None
        self._until = float("-inf")

    def contain(self, token_hash: str) -> bool:
        """Return whether a valid token has this hash; raises what the last reading raised, for a second."""
        with self._lock:
            if self._clock() >= self._until:
                self._reload()
            if self._error is not None:
                raise self._error
            return token_hash in self._hashes

    def _reload(self) -> None:
        """Read the hashes, or remember the error of the reading, for a second."""
        try:
            self._hashes, self._error = self._load(), None
        except Exception as error:  # noqa: BLE001 - raised to every caller of the next second, so that they need not wait one after the other
            self._error = error
        self._until = self._clock() + _READ_EVERY_S
