"""The watchdog: replaces a worker that is alive and takes no tasks, which no ping would show."""

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
    """Decides whom to replace: the worker of a late queue, and the next one only after it had time to start and answer.

    That time is a minute at least, and doubles with each worker that was replaced in vain. Nobody is replaced before
    `patience_s` have passed since the start. `now` is monotonic.
    """

    def __init__(self, workers: Mapping[str, str], *, patience_s: float, now: float) -> None:
        self._workers = workers
        self._patience_s = patience_s
        self._not_before = dict.fromkeys(workers.values(), now + patience_s)
        self._in_vain = dict.fromkeys(workers.values(), 0)

    def hopeless(self, late: Iterable[str], *, now: float) -> list[str]:
        """Return the workers to replace, given the queues that are late."""
        stuck = {self._workers[queue] for queue in late if queue in self._workers}
        self._in_vain |= dict.fromkeys(self._in_vain.keys() - stuck, 0)
        found = sorted(name for name in stuck if self._not_before[name] <= now)
        for name in found:
            self._in_vain[name] += 1
            self._not_before[name] = now + max(_TO_START_S, self._patience_s * 2 ** self._in_vain[name])
        return found


def workers(file: Path) -> dict[str, str]:
    """Return which process of a Procfile serves which queue."""
    found: dict[str, str] = {}
    for name, command in procfile.read(file).items():
        if "--queues" in command:
            found |= dict.fromkeys(command[command.index("--queues") + 1].split(","), name)
    return found


@contextmanager
def watching(
    settings: Settings, workers: Mapping[str, str], *, kill: Callable[[str], None], say: Callable[[str], None]
) -> Iterator[None]:
    """Look at the queues every few seconds for the duration of the block, on a thread of its own.

    While the database or the broker is away no queue counts as late, since none is sent a canary.
    """
    ended = threading.Event()
    watchdog = Watchdog(workers, patience_s=settings.silent_after_s, now=time.monotonic())

    def run() -> None:
        with _database(settings) as database:
            while not ended.wait(min(settings.silent_after_s / _LOOKS_PER_SILENCE, _LONGEST_PAUSE_S)):
                for name in watchdog.hopeless(_late(database, settings), now=time.monotonic()):
                    say(f"{name} takes no tasks; replacing it")
                    kill(name)

    # A daemon: a database that is frozen while the thread asks must not hold up the end.
    thread = threading.Thread(target=run, name="watchdog", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(_STATEMENT_TIMEOUT_S)


@contextmanager
def _database(settings: Settings) -> Iterator[Database]:
    from db.core.session import Database  # noqa: PLC0415 - SQLAlchemy takes half a second that most commands do not need

    database = Database(
        settings.sqlalchemy_url, pool_size=1, statement_timeout_s=_STATEMENT_TIMEOUT_S, connect_timeout_s=1
    )
    try:
        yield database
    finally:
        database.dispose()


def _late(database: Database, settings: Settings) -> list[str]:
    from db import canaries  # noqa: PLC0415 - as above
    from db.core.errors import SQLAlchemyError  # noqa: PLC0415 - as above

    try:
        with database.transaction() as session:
            return [one.queue for one in canaries.list_late(session, settings)]
    except SQLAlchemyError:
        return []
