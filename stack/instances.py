"""The stacks that run on this machine under this user, wherever their data are.

Each stack has an entry in a directory that does not depend on DATA_DIR, so that a command finds those of other data
roots too. An entry counts while its process is alive and holds the lock of its instance.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from config.settings import Settings
from stack import datadir, runfile
from stack.processes import is_alive
from stack.runfile import RunFile


@dataclass(frozen=True, slots=True, kw_only=True)
class RunningInstance:
    """An instance whose stack runs; `run` is None while it is still starting."""

    data_dir: Path
    run: RunFile | None


@contextmanager
def list_while_running(directory: Path) -> Iterator[None]:
    """List an instance for the duration of the block; where that cannot be written, it is found by its path only."""
    entry = datadir.running_directory() / f"{hashlib.sha256(os.fsencode(directory)).hexdigest()[:16]}.json"
    with suppress(OSError):
        entry.parent.mkdir(parents=True, exist_ok=True)
        entry.write_text(json.dumps({"pid": os.getpid(), "data_dir": str(directory)}), encoding="utf-8")
    try:
        yield
    finally:
        with suppress(OSError):
            entry.unlink(missing_ok=True)


def find_running(settings: Settings) -> list[RunningInstance]:
    """Return the instances whose stacks run, by path: those that are listed, and those of the data root."""
    listed = {
        directory: runfile.read_run_file(directory) for pid, directory in _read_entries() if _counts(pid, directory)
    }
    known = {directory: runfile.find_running_stack(directory) for directory in _list_root(settings)}
    running = {directory: run for directory, run in known.items() if run is not None} | listed
    return [RunningInstance(data_dir=directory, run=running[directory]) for directory in sorted(running)]


def find_killed() -> list[Path]:
    """Return the instances whose stack ended without taking itself off the list, and was not started again."""
    return sorted(
        directory
        for pid, directory in _read_entries()
        if not _counts(pid, directory) and (directory / "lock").exists() and not runfile.is_locked(directory)
    )


def _read_entries() -> Iterator[tuple[int, Path]]:
    """Yield the process and the directory of each entry; one that cannot be read is left out."""
    for entry in datadir.running_directory().glob("*.json"):
        with suppress(OSError, ValueError, KeyError, TypeError):
            document = json.loads(entry.read_text(encoding="utf-8"))
            yield int(document["pid"]), Path(document["data_dir"])


def _counts(pid: int, directory: Path) -> bool:
    return is_alive(pid) and runfile.is_locked(directory)


def _list_root(settings: Settings) -> set[Path]:
    """Return the directories in the data root, and the instance that was used last."""
    root, current = datadir.data_root(settings), datadir.read_current(settings)
    with suppress(OSError):
        return {path.parent for path in root.glob("*/run.json")} | ({current} if current is not None else set())
    return set()
