"""The watchdog: restarts a worker that is alive but takes no tasks, which a ping would not show."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from config.settings import Settings
from stack import procfile

if TYPE_CHECKING:
    from db.core.session import Database

_LOOKS_PER_SILENCE = 6
_LONGEST_PAUSE_S = 5.0
_TO_START_S = 60.0
_STATEMENT_TIMEOUT_S = 2.0


class Watchdog:
    """Decides which workers to restart: those of late queues, each again only after it had time to start and answer.

    That time is at least a minute, and doubles with each restart that did not help. No worker is restarted before
    `patience_s` have passed since the start. `now` is monotonic.
    """

    def __init__(self, workers: Mapping[str, str], *, patience_s: float, now: float) -> None:
        self._workers = workers
        self._patience_s = patience_s
        self._not_before = dict.fromkeys(workers.values(), now + patience_s)
        self._futile_restarts = dict.fromkeys(workers.values(), 0)

    def select_stuck_workers(self, late: Iterable[str], *, now: float) -> list[str]:
        """Return the workers to restart, given the queues that are late."""
        stuck = {self._workers[queue] for queue in late if queue in self._workers}
        self._futile_restarts |= dict.fromkeys(self._futile_restarts.keys() - stuck, 0)
        due = sorted(name for name in stuck if self._not_before[name] <= now)
        for name in due:
            self._futile_restarts[name] += 1
            self._not_before[name] = now + max(_TO_START_S, self._patience_s * 2 ** self._futile_restarts[name])
        return due


def map_queues_to_workers(file: Path) -> dict[str, str]:
    """Return the name of the Procfile's process that serves each queue."""
    worker_by_queue: dict[str, str] = {}
    for name, command in procfile.read_procfile(file).items():
        if "--queues" in command:
            worker_by_queue |= dict.fromkeys(command[command.index("--queues") + 1].split(","), name)
    return worker_by_queue


@contextmanager
def run_watchdog(
    settings: Settings, workers: Mapping[str, str], *, kill: Callable[[str], None], report: Callable[[str], None]
) -> Iterator[None]:
    """Check the queues every few seconds for the duration of the block, on a thread of its own.

    While the database or the message broker does not answer no queue counts as late, since no canary is sent.
    """
    ended = threading.Event()
    watchdog = Watchdog(workers, patience_s=settings.silent_after_s, now=time.monotonic())

    def run() -> None:
        """Check the queues until the block ends, and kill workers that are stuck, which restarts them."""
        with _open_database(settings) as database:
            while not ended.wait(min(settings.silent_after_s / _LOOKS_PER_SILENCE, _LONGEST_PAUSE_S)):
                for name in watchdog.select_stuck_workers(_list_late_queues(database, settings), now=time.monotonic()):
                    report(f"{name} takes no tasks; restarting it")
                    kill(name)

    # A daemon thread: a query to a frozen database must not delay the exit.
    thread = threading.Thread(target=run, name="watchdog", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_STATEMENT_TIMEOUT_S)


@contextmanager
def _open_database(settings: Settings) -> Iterator[Database]:
    """Open a small connection pool with short timeouts for the block."""
    from db.core.session import Database  # noqa: PLC0415 - SQLAlchemy takes half a second that most commands do not need

    database = Database(
        settings.sqlalchemy_url, pool_size=1, statement_timeout_s=_STATEMENT_TIMEOUT_S, connect_timeout_s=1
    )
    try:
        yield database
    finally:
        database.dispose()


def _list_late_queues(database: Database, settings: Settings) -> list[str]:
    """Return the queues that have been silent for too long; none when the database fails."""
    from db import canaries  # noqa: PLC0415 - as above
    from db.core.errors import SQLAlchemyError  # noqa: PLC0415 - as above

    try:
        with database.transaction() as session:
            return [queue_state.queue for queue_state in canaries.list_late(session, settings)]
    except SQLAlchemyError:
        return []
