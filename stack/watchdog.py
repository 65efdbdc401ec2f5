"""The watchdog: restarts a worker that is alive but takes no tasks, and beat when no periodic task runs any more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from config.settings import Settings
from stack import procfile
from stack.supervisor import Supervisor

if TYPE_CHECKING:
    from db.core.session import Database

_LOOKS_PER_SILENCE = 6
_LONGEST_PAUSE_S = 5.0
_TO_START_S = 60.0
_STATEMENT_TIMEOUT_S = 2.0
_PERIODIC_TASKS = "periodic tasks"
_GIVEN_UP = "flower_down"


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


def find_beat(file: Path) -> str | None:
    """Return the name of the Procfile's process that is beat; None without one."""
    commands = procfile.read_procfile(file)
    return next((name for name, command in commands.items() if command[-2:] == ("run", "beat")), None)


@contextmanager
def run_watchdog(
    settings: Settings, file: Path, *, supervisor: Supervisor, report: Callable[[str], None]
) -> Iterator[None]:
    """Look at queues and periodic tasks every few seconds for the duration of the block, on a thread of its own.

    While the database or the message broker does not answer no queue counts as late, since no canary is sent.
    """
    ended = threading.Event()
    beat = find_beat(file)
    served = map_queues_to_workers(file) | ({} if beat is None else {_PERIODIC_TASKS: beat})
    watchdog = Watchdog(served, patience_s=settings.silent_after_s, now=time.monotonic())

    def run() -> None:
        """Let everything start, then look until the block ends, and kill what is stuck, which restarts it."""
        ended.wait(settings.silent_after_s)
        with _open_database(settings) as database:
            while not ended.wait(min(settings.silent_after_s / _LOOKS_PER_SILENCE, _LONGEST_PAUSE_S)):
                late = _list_late(database, settings, given_up=supervisor.list_given_up())
                for name in watchdog.select_stuck_workers(late, now=time.monotonic()):
                    report(f"{name} {'sends' if name == beat else 'takes'} no tasks; restarting it")
                    supervisor.kill(name)

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


def _list_late(database: Database, settings: Settings, *, given_up: Mapping[str, str]) -> list[str]:
    """Return the queues that have been silent for too long, and the periodic tasks when beat sends none.

    Incidents about beat and about programs that were given up are opened and closed meanwhile. Nothing is late when the
    database fails.
    """
    from db import canaries, incidents, periodic_runs  # noqa: PLC0415 - as above
    from db.core.errors import SQLAlchemyError  # noqa: PLC0415 - as above

    try:
        with database.transaction() as session:
            late = [queue_state.queue for queue_state in canaries.list_late(session, settings)]
            runs = periodic_runs.list_all(session, settings)
            is_beat_stuck = periodic_runs.is_beat_stuck(runs, settings, is_worker_stuck=bool(late))
            periodic_runs.update_incident(session, runs, is_stuck=is_beat_stuck)
            problems = {name: {"last_lines": lines} for name, lines in given_up.items()}
            incidents.update(session, kind=_GIVEN_UP, details=problems)
    except SQLAlchemyError:
        return []
    return [*late, _PERIODIC_TASKS] if is_beat_stuck else late
