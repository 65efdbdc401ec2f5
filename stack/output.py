"""Output of supervised processes, line by line, each line labelled with its process's name."""

from __future__ import annotations

import json
import os
import re
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TextIO

_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95)
_LARGEST_LOG = 10_000_000
_SERVERS = ("postgres", "redis")
_SUPERVISOR = "stack"
_ALARMING = frozenset({"warning", "error", "critical"})
# The level as structlog's console renderer, Celery and Granian write it.
_CONSOLE_LEVEL = re.compile(r"\[(warning|error|critical)\s*\]", re.IGNORECASE)
_HIDDEN_FIELDS = frozenset({"at", "level", "event", "logger", "exception"})


class LineOutput(Protocol):
    """Port for the output lines of all children; called from several threads."""

    def write(self, name: str, line: str) -> None:
        """Write one line, without its line end, of the child `name`."""

    def close(self) -> None:
        """Close what the output holds open."""


class StreamOutput:
    """Writes to a stream, with a colour for each name when it is a terminal and NO_COLOR is not set."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._coloured = stream.isatty() and not os.environ.get("NO_COLOR")
        self._order: dict[str, int] = {}
        self._lock = threading.Lock()

    def write(self, name: str, line: str) -> None:
        """Write the line behind its name."""
        # A closed pipe must not stop the programs that print.
        with self._lock, suppress(OSError):
            colour = _COLOURS[self._order.setdefault(name, len(self._order)) % len(_COLOURS)]
            label = f"{name:<9}|"
            self._stream.write(f"\x1b[{colour}m{label}\x1b[0m {line}\n" if self._coloured else f"{label} {line}\n")
            self._stream.flush()

    def close(self) -> None:
        """Leave the stream open, which its owner closes."""


class FileOutput:
    """Appends to a file; one that has grown beyond 10 MB is renamed to `<name>.1`, and another one begun.

    Lines that the disk does not take are dropped, since the programs that print them must go on.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: TextIO | None = None
        self._is_closed = False
        self._lock = threading.Lock()
        with suppress(OSError):
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._open()

    def _open(self) -> TextIO:
        """Return the open file; begin another one when it is too large."""
        if self._file is None:
            self._file = self._path.open("a", encoding="utf-8", buffering=1)
        if self._file.tell() > _LARGEST_LOG:
            self._path.replace(self._path.with_name(self._path.name + ".1"))
            self._close()
            self._file = self._path.open("a", encoding="utf-8", buffering=1)
        return self._file

    def write(self, name: str, line: str) -> None:
        """Write the line behind its name; after the file was closed the line is dropped."""
        with self._lock:
            if self._is_closed:
                return
            try:
                self._open().write(f"{name:<9}| {line}\n")
            except OSError:
                self._close()  # what waits in its buffer would be written twice, or fail again

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._is_closed = True
            self._close()

    def _close(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                file.close()


class WarningsOutput:
    """Writes all lines to a file, and on a terminal only warnings, errors and the supervisor's own lines."""

    def __init__(self, terminal: LineOutput, file: LineOutput) -> None:
        self._terminal, self._file = terminal, file

    def write(self, name: str, line: str) -> None:
        """Write the line to the file, and to the terminal when it is a warning or worse."""
        self._file.write(name, line)
        warning = line if name == _SUPERVISOR else format_warning(line)
        if warning is not None:
            self._terminal.write(name, warning)

    def close(self) -> None:
        """Close the file."""
        self._terminal.close()
        self._file.close()


class RoutedOutput:
    """Writes the lines of some children to outputs of their own, and those of all others to `default`."""

    def __init__(self, routes: Mapping[str, LineOutput], *, default: LineOutput) -> None:
        self._routes, self._default = dict(routes), default

    def write(self, name: str, line: str) -> None:
        """Write the line to the output of its child."""
        self._routes.get(name, self._default).write(name, line)

    def close(self) -> None:
        """Close all outputs."""
        for output in {id(output): output for output in (*self._routes.values(), self._default)}.values():
            output.close()


def open_default_output(directory: Path) -> LineOutput:
    """Open the output of a stack that names no log file: servers log to `servers.log` in the directory.

    On a terminal the other processes log to `up.log` there and the terminal shows their warnings; elsewhere, as under a
    service manager, their lines go to stderr.
    """
    servers = FileOutput(directory / "servers.log")
    stream = StreamOutput(sys.stderr)
    default = WarningsOutput(stream, FileOutput(directory / "up.log")) if sys.stderr.isatty() else stream
    return RoutedOutput(dict.fromkeys(_SERVERS, servers), default=default)


def format_warning(line: str) -> str | None:
    """Return a log line of level warning or above as one readable line; None for any other line."""
    record = _parse_record(line)
    if record is None:
        return line if _CONSOLE_LEVEL.search(line) else None
    if record.get("level") not in _ALARMING:
        return None
    fields = " ".join(f"{key}={value}" for key, value in record.items() if key not in _HIDDEN_FIELDS)
    return f"{str(record.get('at', ''))[11:19]} {record['level']} {record.get('event', '')} {fields}".strip()


def _parse_record(line: str) -> Mapping[str, object] | None:
    """Parse a log line that is a JSON object; None for any other line."""
    if not line.startswith("{"):
        return None
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None
