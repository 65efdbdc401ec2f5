"""What supervised processes print, line by line, each line under its process's name."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TextIO

_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95)
_LARGEST_LOG = 10_000_000


class Output(Protocol):
    """Takes the lines of all children; called from several threads."""

    def write(self, name: str, line: str) -> None:
        """Take one line, without its end, that the child `name` printed."""

    def close(self) -> None:
        """Let go of what the output holds open."""


class StreamOutput:
    """Writes to a stream, with a colour per name where a terminal reads it (and NO_COLOR is not set)."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._coloured = stream.isatty() and not os.environ.get("NO_COLOR")
        self._order: dict[str, int] = {}
        self._lock = threading.Lock()

    def write(self, name: str, line: str) -> None:
        """Write the line behind its name."""
        # A reader that went away must not stop the programs that print.
        with self._lock, suppress(OSError):
            colour = _COLOURS[self._order.setdefault(name, len(self._order)) % len(_COLOURS)]
            label = f"{name:<9}|"
            self._stream.write(f"\x1b[{colour}m{label}\x1b[0m {line}\n" if self._coloured else f"{label} {line}\n")
            self._stream.flush()

    def close(self) -> None:
        """Leave the stream open: it is not ours."""


class FileOutput:
    """Appends to a file; one that has grown beyond 10 MB is set aside as `<name>.1` first."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size > _LARGEST_LOG:
            path.replace(path.with_name(path.name + ".1"))
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self._lock = threading.Lock()

    def write(self, name: str, line: str) -> None:
        """Write the line behind its name; after the file was closed the line is dropped."""
        # A full disk must not stop the programs that print.
        with self._lock, suppress(OSError):
            if not self._file.closed:
                self._file.write(f"{name:<9}| {line}\n")

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._file.close()
