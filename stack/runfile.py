"""The lock of an instance, which the kernel releases when its holder ends, and `run.json`, which describes the stack.

The lock decides; a `run.json` without a held lock was left behind by a killed stack.
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
class RunFile:
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
    """Another process uses the instance; `run` describes it when it is a whole stack, which can be joined."""

    def __init__(self, directory: Path, run: RunFile | None) -> None:
        who = f"the stack of process {run.pid} ({run.web_url})" if run else "another command"
        super().__init__(f"{directory} is in use by {who}; stop it first, or give another place with --data-dir")
        self.run = run


@contextmanager
def lock_instance(directory: Path, *, patience_s: float = _COMMAND_PATIENCE_S) -> Iterator[None]:
    """Hold the instance's lock for the duration of the block.

    A lock held by a short command is waited for, up to `patience_s`; one held by a stack is not.

    Raises:
        InstanceBusy: when another process holds it.
    """
    directory.mkdir(parents=True, exist_ok=True)
    with (directory / "lock").open("a", encoding="ascii") as file:
        deadline = time.monotonic() + patience_s
        while not _try_lock(file):
            run = read_run_file(directory)
            if run is not None or time.monotonic() > deadline:
                raise InstanceBusy(directory, run)
            time.sleep(0.05)
        try:
            yield
        finally:
            remove_run_file(directory)


def _try_lock(file: IO[str]) -> bool:
    """Lock a file without waiting; return False when another process has it locked."""
    with suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


def find_running_stack(directory: Path) -> RunFile | None:
    """Return the stack that runs on the instance; None when none does."""
    return read_run_file(directory) if is_locked(directory) else None


def is_locked(directory: Path) -> bool:
    """Return whether a process uses the instance: a stack, or a command while it runs."""
    try:
        file = (directory / "lock").open("a", encoding="ascii")
    except OSError:
        return False
    with file:
        return not _try_lock(file)


def read_run_file(directory: Path) -> RunFile | None:
    """Return the stack that `run.json` describes when its supervisor is alive, else None."""
    try:
        run = RunFile(**json.loads((directory / "run.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    return run if is_alive(run.pid) else None


def write_run_file(directory: Path, run: RunFile) -> None:
    """Write `run.json` in one step, readable by its owner only: the URLs may hold passwords."""
    unfinished = directory / "run.json.unfinished"
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(run), file, indent=2)
    unfinished.replace(directory / "run.json")


def has_run_file(directory: Path) -> bool:
    """Return whether a stack ended here without cleaning up."""
    return (directory / "run.json").exists()


def remove_run_file(directory: Path) -> None:
    """Remove `run.json`, when there is one."""
    (directory / "run.json").unlink(missing_ok=True)


class RunFileWriter:
    """Keeps `run.json` up to date while processes start and end; used from several threads.

    When it cannot be written, as on a full disk, that is reported once, and the stack runs on: other commands may not
    find it meanwhile.
    """

    def __init__(self, directory: Path, *, report: Callable[[str], None]) -> None:
        self._directory = directory
        self._report = report
        self._is_reported = False
        self._run: RunFile | None = None
        self._lock = threading.Lock()

    def publish(self, run: RunFile, pids: Callable[[], Mapping[str, int]]) -> None:
        """Write the file for the first time."""
        with self._lock:
            self._run = replace(run, processes=pids())
            self._write(self._run)

    def renew(self, pids: Mapping[str, int]) -> None:
        """Write the file again with the running processes, once it has been published."""
        with self._lock:
            if self._run is not None:
                self._run = replace(self._run, processes=dict(pids))
                self._write(self._run)

    def _write(self, run: RunFile) -> None:
        try:
            write_run_file(self._directory, run)
        except OSError as error:
            if not self._is_reported:
                self._report(
                    f"{self._directory / 'run.json'} cannot be written ({error}); the stack runs on without it"
                )
            self._is_reported = True
        else:
            self._is_reported = False
