"""How the API reaches the database: a few calls at once, each within five seconds; else it is said to be away.

What has to think for longer does so one at a time, beside the others and within a minute.
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
AWAY = "the database did not answer in time"
_AT_ONCE = 4
_LOCK_TIMEOUT_S = 2
_AWAY = (OperationalError, InterfaceError, PoolTimeout, DeadlineMissed)

T = TypeVar("T")
log = structlog.get_logger()


class Reach:
    """The API's way to the database, and the settings its acts need."""

    def __init__(self, settings: Settings, deadlines: Deadlines) -> None:
        self.settings, self._deadlines = settings, deadlines
        self._calls, self._thoughts = (
            ConcurrentCalls("api", at_once=_AT_ONCE),
            ConcurrentCalls("api-thinking", at_once=1),
        )
        self._database = Database(
            settings.sqlalchemy_url,
            pool_size=_AT_ONCE,
            statement_timeout_s=deadlines.api_statement_s,
            lock_timeout_s=_LOCK_TIMEOUT_S,
            connect_timeout_s=deadlines.connect_s,
        )
        self._patient = Database(
            settings.sqlalchemy_url,
            pool_size=1,
            statement_timeout_s=deadlines.slow_query_s,
            lock_timeout_s=_LOCK_TIMEOUT_S,
            connect_timeout_s=deadlines.connect_s,
        )

    def read(self, query: Callable[[Session], T]) -> T:
        """Return what a query finds at one moment.

        Raises:
            ServiceUnavailable: when the database is away or too slow.
        """
        return self.act(partial(_in_snapshot, query))

    def change(self, work: Callable[[Session], T]) -> T:
        """Do something in one transaction; raises as `read` does. What missed the deadline may still be done."""
        return self.act(partial(_in_transaction, work))

    def act(self, work: Callable[[Database], T]) -> T:
        """Do something that opens its own transactions; raises as `read` does."""
        return _told(lambda: self._calls.run(partial(work, self._database), within_s=self._deadlines.api_s))

    def think(self, work: Callable[[Database], T]) -> T:
        """Return what takes long to find and work out; it opens its own transactions. Raises as `read` does."""
        return _told(lambda: self._thoughts.run(partial(work, self._patient), within_s=self._deadlines.slow_query_s))

    def close(self) -> None:
        """Let go of the database."""
        self._database.dispose()
        self._patient.dispose()


def here() -> Reach:
    """Return the way of the present application."""
    return cast("Reach", current_app.extensions[EXTENSION])


def _told(call: Callable[[], T]) -> T:
    try:
        return call()
    except Exception as error:
        if not (isinstance(error, _AWAY) or is_outage(error)):
            raise
        log.warning("api.unavailable", error=type(error).__name__)
        raise ServiceUnavailable(AWAY) from None


def _in_snapshot(query: Callable[[Session], T], database: Database) -> T:
    with database.snapshot() as session:
        return query(session)


def _in_transaction(work: Callable[[Session], T], database: Database) -> T:
    with database.transaction() as session:
        return work(session)
