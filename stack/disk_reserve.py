"""The reserve: a file that keeps a part of the disk, given back to the servers shortly before the disk is full.

New alerts are refused earlier (`domain.disk_space`), so what the reserve frees is there for exits.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from config import data_disk
from domain.disk_space import DiskSpace

NAME = "reserve"
_LOOKS_EVERY_S = 1.0
_CHUNK = bytes(1 << 20)


class DiskReserve:
    """The reserve of a data directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file = directory / NAME

    def update(self) -> str | None:
        """Give the reserve back when the disk is nearly full, and make it while enough is free; say what was done."""
        space = data_disk.measure(self._directory)
        if space is None:
            return None
        if space.needs_reserve:
            return self._release(space)
        if not self._file.exists() and not space.is_short_after(space.reserve_size):
            self._make(space.reserve_size)
        return None

    def remove(self) -> None:
        """Remove the file, when there is one."""
        with suppress(OSError):
            self._file.unlink(missing_ok=True)

    def _release(self, space: DiskSpace) -> str | None:
        if not self._file.exists():
            return None
        self.remove()
        return f"the disk is nearly full ({space.free} bytes are free): its reserve was given to the servers; make room"

    def _make(self, size: int) -> None:
        """Write the file; a part of it is removed again when the disk does not take it all."""
        try:
            descriptor = os.open(self._file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                for _ in range(size // len(_CHUNK)):
                    file.write(_CHUNK)
        except OSError:
            self.remove()


@contextmanager
def keep_reserve(directory: Path, *, report: Callable[[str], None]) -> Iterator[None]:
    """Keep the reserve for the duration of the block, on a thread of its own, and remove it afterwards."""
    ended, reserve = threading.Event(), DiskReserve(directory)

    def run() -> None:
        """Look every second until the block ends."""
        while not ended.is_set():
            done = reserve.update()
            if done is not None:
                report(done)
            ended.wait(_LOOKS_EVERY_S)

    thread = threading.Thread(target=run, name="disk-reserve", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        reserve.remove()
