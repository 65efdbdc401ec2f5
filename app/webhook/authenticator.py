"""Who posts: a token in the path, looked up by its SHA-256; no answer tells an unknown token from a disabled one."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import NoReturn

from app.access.limits import NOT_TOLD, Failures, KnownHashes
from app.web.deadlines import Aside, DeadlineMissed
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
    """The database that knows the tokens did not answer in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    stored: StoredSource
    until: float


class Authenticator:
    """Finds the source of a token; a source that was found is remembered for two seconds.

    Wrong tokens count against where they come from; a right one is taken, whatever came from there before.
    """

    def __init__(
        self, database: Database, *, read_within_s: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._database = database
        self._read_within_s = read_within_s
        self._clock = clock
        self._known: dict[str, _Known] = {}
        self._lookups: Aside[StoredSource | None] = Aside("lookup")
        self._readings: Aside[frozenset[str]] = Aside("known-sources")
        self._lock = threading.Lock()
        self._failures = Failures(_FAILURES_A_MINUTE)
        self._hashes = KnownHashes(self._read_hashes, clock=clock)

    def source_of(self, token: str, *, within_s: float, origin: Callable[[], str] = lambda: NOT_TOLD) -> Source:
        """Return the enabled source of this token; `origin` is asked where it comes from when it is not known.

        Raises:
            Unauthorized: when there is none; app.access.limits.TooManyFailures: when, besides, too many wrong ones
            came from there; AuthUnavailable: when that cannot be told within the time.
        """
        digest = tokens.hash_token(token)
        known = self._known.get(digest)
        try:
            if known is None or known.until < self._clock():
                self._require_worth_looking(token, digest, origin())
                known = self._look_up(digest, within_s=within_s)
            if not known.stored.answers_to(digest) or not known.stored.enabled:
                raise Unauthorized
        except Unauthorized:
            self.turn_away(token, origin())
        return known.stored.source

    def turn_away(self, token: str, origin: str) -> NoReturn:
        """Refuse the sender of this token and count that against where it comes from.

        Raises:
            Unauthorized; app.access.limits.TooManyFailures: when there were too many and the token is not known;
            AuthUnavailable
        """
        are_too_many = self._failures.are_too_many(origin)
        self._failures.count(origin)
        if are_too_many and not self._is_known(tokens.hash_token(token)):
            raise self._failures.refusal(origin)
        raise Unauthorized

    def close(self) -> None:
        """End the thread and let go of the database."""
        self._lookups.close()
        self._readings.close()
        self._database.dispose()

    def _require_worth_looking(self, token: str, digest: str, origin: str) -> None:
        if len(token) > _LONGEST_TOKEN or (self._failures.are_too_many(origin) and not self._is_known(digest)):
            raise Unauthorized

    def _is_known(self, digest: str) -> bool:
        try:
            return self._hashes.hold(digest)
        except (SQLAlchemyError, DeadlineMissed) as error:
            raise AuthUnavailable("the sources cannot be read") from error

    def _read_hashes(self) -> frozenset[str]:
        return self._readings.run(self._load_hashes, within_s=self._read_within_s)

    def _load_hashes(self) -> frozenset[str]:
        with self._database.transaction() as session:
            return sources.token_hashes(session)

    def _look_up(self, digest: str, *, within_s: float) -> _Known:
        try:
            stored = self._lookups.run(lambda: self._load(digest), within_s=within_s)
        except (SQLAlchemyError, DeadlineMissed) as error:
            raise AuthUnavailable("the sources cannot be read") from error
        if stored is None:
            raise Unauthorized
        return self._remember(digest, stored)

    def _load(self, digest: str) -> StoredSource | None:
        with self._database.transaction() as session:
            return sources.by_token_hash(session, digest)

    def _remember(self, digest: str, stored: StoredSource) -> _Known:
        known = _Known(stored=stored, until=self._clock() + _CACHED_FOR_S)
        with self._lock:
            if len(self._known) >= _MOST_CACHED:
                self._known.clear()
            self._known[digest] = known
        return known
