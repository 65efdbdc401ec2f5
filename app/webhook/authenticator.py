"""Authentication of alerts by the token in the path, looked up by its SHA-256.

Unknown tokens and those of disabled sources get the same answer.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from app.access.limits import UNKNOWN_ORIGIN, Failures, KnownHashes
from app.web.deadlines import DeadlineMissed, SerialCalls
from config import tokens
from db import sources
from db.core.errors import SQLAlchemyError
from db.core.session import Database
from db.sources import StoredSource
from domain.signal import Source

_CACHED_FOR_S = 2.0
_MOST_CACHED = 1000
_LONGEST_TOKEN = 200
_FAILURES_A_MINUTE = 60


class Unauthorized(PermissionError):
    """The token belongs to no enabled source."""


class AuthUnavailable(RuntimeError):
    """The database did not answer the look-up of a token in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _CachedSource:
    stored: StoredSource
    until: float


class Authenticator:
    """Finds the source of a token, and caches it for two seconds.

    Wrong tokens are counted by the sender's address. A right token is accepted however many failures that address has.
    """

    def __init__(
        self, database: Database, *, read_within_s: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._read_within_s = read_within_s
        self._clock = clock
        self._cached: dict[str, _CachedSource] = {}
        self._lookups: SerialCalls[StoredSource | None] = SerialCalls("lookup")
        self._readings: SerialCalls[frozenset[str]] = SerialCalls("known-sources")
        self._lock = threading.Lock()
        self._failures = Failures(_FAILURES_A_MINUTE)
        self._hashes = KnownHashes(self._read_hashes, clock=clock)

    def find_source(self, token: str, *, within_s: float, origin: Callable[[], str] = lambda: UNKNOWN_ORIGIN) -> Source:
        """Return the enabled source of this token; `origin` returns the sender's name for the count of failures.

        Raises:
            Unauthorized: when there is none; app.access.limits.TooManyFailures: when in addition too many wrong tokens
            came from that origin; AuthUnavailable: when the database does not answer in time.
        """
        digest = tokens.hash_token(token)
        cached = self._cached.get(digest)
        try:
            if cached is None or cached.until < self._clock():
                self._require_lookup_allowed(token, digest, origin())
                cached = self._look_up_source(digest, within_s=within_s)
            if not cached.stored.accepts_token_hash(digest) or not cached.stored.enabled:
                raise Unauthorized
        except Unauthorized:
            self.refuse(token, origin())
        return cached.stored.source

    def refuse(self, token: str, origin: str) -> NoReturn:
        """Refuse the sender of this token, and count the failure for its origin.

        Raises:
            Unauthorized; app.access.limits.TooManyFailures: when the origin had too many and the token is unknown;
            AuthUnavailable
        """
        are_too_many = self._failures.are_too_many(origin)
        self._failures.count(origin)
        if are_too_many and not self._is_known(tokens.hash_token(token)):
            raise self._failures.refusal(origin)
        raise Unauthorized

    def close(self) -> None:
        """Stop the threads and close the database's connections."""
        self._lookups.close()
        self._readings.close()
        self._database.dispose()

    def _require_lookup_allowed(self, token: str, digest: str, origin: str) -> None:
        """Refuse overlong tokens, and unknown ones of an origin with too many failures, without a query for each."""
        if len(token) > _LONGEST_TOKEN or (self._failures.are_too_many(origin) and not self._is_known(digest)):
            raise Unauthorized

    def _is_known(self, digest: str) -> bool:
        """Return whether the hash is that of any source's token."""
        try:
            return self._hashes.contain(digest)
        except (SQLAlchemyError, DeadlineMissed) as error:
            raise AuthUnavailable("the sources cannot be read") from error

    def _read_hashes(self) -> frozenset[str]:
        return self._readings.run(self._load_hashes, within_s=self._read_within_s)

    def _load_hashes(self) -> frozenset[str]:
        with self._database.transaction() as session:
            return sources.token_hashes(session)

    def _look_up_source(self, digest: str, *, within_s: float) -> _CachedSource:
        """Read the source of a token's hash from the database and cache it."""
        try:
            stored = self._lookups.run(lambda: self._load_source(digest), within_s=within_s)
        except (SQLAlchemyError, DeadlineMissed) as error:
            raise AuthUnavailable("the sources cannot be read") from error
        if stored is None:
            raise Unauthorized
        return self._cache_source(digest, stored)

    def _load_source(self, digest: str) -> StoredSource | None:
        with self._database.transaction() as session:
            return sources.by_token_hash(session, digest)

    def _cache_source(self, digest: str, stored: StoredSource) -> _CachedSource:
        cached = _CachedSource(stored=stored, until=self._clock() + _CACHED_FOR_S)
        with self._lock:
            if len(self._cached) >= _MOST_CACHED:
                self._cached.clear()
            self._cached[digest] = cached
        return cached
