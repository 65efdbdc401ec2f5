"""Database access for API views: at most 4 calls at once, 5 s each, 503 on timeout.

Slow queries use one separate slot with 60 s.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar, cast

import structlog
from flask import current_app
from werkzeug.exceptions import ServiceUnavailable

from app.web.deadlines import ConcurrentCalls, DeadlineMissed, Deadlines
from config.settings import Settings
from db.core.errors import InterfaceError, OperationalError, PoolTimeout, is_outage
from db.core.session import Database, Session

EXTENSION = "orchestrator.api"
UNAVAILABLE = "the database did not answer in time"
_AT_ONCE = 4
_LOCK_TIMEOUT_S = 2
_OUTAGES = (OperationalError, InterfaceError, PoolTimeout, DeadlineMissed)

T = TypeVar("T")
log = structlog.get_logger()


class ApiDatabase:
    """The API's two connection pools, for ordinary and for slow calls, and the settings that operations need."""

    def __init__(self, settings: Settings, deadlines: Deadlines) -> None:
        self.settings, self._deadlines = settings, deadlines
        self._calls = ConcurrentCalls("api", at_once=_AT_ONCE)
        self._slow_calls = ConcurrentCalls("api-slow", at_once=1)
        self._database = Database(
            settings.sqlalchemy_url,
            pool_size=_AT_ONCE,
            statement_timeout_s=deadlines.api_statement_s,
            lock_timeout_s=_LOCK_TIMEOUT_S,
            connect_timeout_s=deadlines.connect_s,
        )
        self._slow_database = Database(
            settings.sqlalchemy_url,
            pool_size=1,
            statement_timeout_s=deadlines.slow_query_s,
            lock_timeout_s=_LOCK_TIMEOUT_S,
            connect_timeout_s=deadlines.connect_s,
        )

    def read(self, query: Callable[[Session], T]) -> T:
        """Run a query in a read-only snapshot and return its result.

        Raises:
            ServiceUnavailable: when the database cannot be reached or misses the deadline.
        """
        return self.run(partial(_in_snapshot, query))

    def change(self, work: Callable[[Session], T]) -> T:
        """Run a change in one transaction; raises as `read` does. After a missed deadline it may still be committed."""
        return self.run(partial(_in_transaction, work))

    def run(self, work: Callable[[Database], T]) -> T:
        """Run work that opens its own transactions; raises as `read` does."""
        return _answer_outage(lambda: self._calls.run(partial(work, self._database), within_s=self._deadlines.api_s))

    def run_slow(self, work: Callable[[Database], T]) -> T:
        """Run work that may take up to a minute and opens its own transactions; raises as `read` does."""
        return _answer_outage(
            lambda: self._slow_calls.run(partial(work, self._slow_database), within_s=self._deadlines.slow_query_s)
        )

    def close(self) -> None:
        """Close the database's connections."""
        self._database.dispose()
        self._slow_database.dispose()


def api_database() -> ApiDatabase:
    """Return the database access of the current application."""
    return cast("ApiDatabase", current_app.extensions[EXTENSION])


def _answer_outage(call: Callable[[], T]) -> T:
    """Run a call; turn an outage or a missed deadline into 503."""
    try:
        return call()
    except Exception as error:
        if not (isinstance(error, _OUTAGES) or is_outage(error)):
            raise
        log.warning("api.unavailable", error=type(error).__name__)
        raise ServiceUnavailable(UNAVAILABLE) from None


def _in_snapshot(query: Callable[[Session], T], database: Database) -> T:
    with database.snapshot() as session:
        return query(session)


def _in_transaction(work: Callable[[Session], T], database: Database) -> T:
    with database.transaction() as session:
        return work(session)
