"""Who uses an instance: a lock that the kernel releases with its holder, and `run.json`, which says how to join.

The lock is the truth; `run.json` without a held lock is what a killed stack left behind.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import IO

from stack.errors import StackRefused
from stack.processes import is_alive

_COMMAND_PATIENCE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A running stack: its supervisor, its URLs, and the process ids of its children by name."""

    pid: int
    data_dir: str
    database_url: str
    redis_url: str
    broker_url: str
    web_url: str
    flower_url: str
    sockets: str | None
    processes: Mapping[str, int]


class InstanceBusy(StackRefused):
    """Another process uses the instance; `run` tells how to join it when it is a whole stack."""

    def __init__(self, directory: Path, run: Run | None) -> None:
        who = f"the stack of process {run.pid} ({run.web_url})" if run else "another command"
        super().__init__(f"{directory} is in use by {who}; stop it first, or give another place with --data-dir")
        self.run = run


@contextmanager
def held(directory: Path, *, patience_s: float = _COMMAND_PATIENCE_S) -> Iterator[None]:
    """Hold the instance for the duration of the block.

    A stack is not waited for; a short command that uses the instance is, for `patience_s`.

    Raises:
        InstanceBusy: when someone else holds it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("a", encoding="ascii") as file:
        deadline = time.monotonic() + patience_s
        while not _locked(file):
            run = read(directory)
            if run is not None or time.monotonic() > deadline:
                raise InstanceBusy(directory, run)
            time.sleep(0.05)
        try:
            yield
        finally:
            forget(directory)


def _locked(file: IO[str]) -> bool:
    with suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def joinable(directory: Path) -> Run | None:
    """Return the stack that holds the instance now, None when nobody does or its holder is no whole stack."""
    try:
        file = (directory / "lock").open("a", encoding="ascii")
    except OSError:
        return None
    with file:
        return None if _locked(file) else read(directory)


def read(directory: Path) -> Run | None:
    """Return the stack that `run.json` describes when its supervisor is alive, else None."""
    try:
        run = Run(**json.loads((directory / "run.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return run if is_alive(run.pid) else None


def write(directory: Path, run: Run) -> None:
    """Write `run.json` in one step, readable by its owner only: the URLs may hold passwords."""
    unfinished = directory / "run.json.unfinished"
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(run), file, indent=2)
    unfinished.replace(directory / "run.json")


def left_behind(directory: Path) -> bool:
    """Tell whether a stack ended here without cleaning up."""
    return (directory / "run.json").exists()


def forget(directory: Path) -> None:
    """Remove `run.json`, when there is one."""
    (directory / "run.json").unlink(missing_ok=True)


class Notice:
    """Keeps `run.json` true while processes come and go; used from several threads."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._run: Run | None = None
        self._lock = threading.Lock()

    def publish(self, run: Run, pids: Callable[[], Mapping[str, int]]) -> None:
        """Write the file for the first time."""
        with self._lock:
            self._run = replace(run, processes=pids())
            write(self._directory, self._run)

    def renew(self, pids: Mapping[str, int]) -> None:
        """Write the file again with the processes that run now, once it has been published."""
        with self._lock:
            if self._run is not None:
                self._run = replace(self._run, processes=dict(pids))
                write(self._directory, self._run)
