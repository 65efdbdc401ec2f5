"""Servers of a killed supervisor: they stop by themselves, and the next start waits for that."""

from __future__ import annotations

from pathlib import Path

from stack.errors import StackRefused
from stack.processes import read_command_line, wait_until_gone

_PATIENCE_S = 20.0


def await_previous_server(pid_file: Path, *, mark: str, data: Path) -> None:
    """Wait until the server of the pid file, whose command line contains `mark`, no longer uses `data`.

    A file whose process id now belongs to another program is removed; one without a process is left to the server,
    which has checks of its own.

    Raises:
        StackRefused: when the server keeps running, naming its process.
    """
    try:
        pid = int(pid_file.read_text(encoding="utf-8").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return
    command = read_command_line(pid)
    if command is None:
        return
    if mark not in command:
        pid_file.unlink()
    elif not wait_until_gone(pid, patience_s=_PATIENCE_S):
        raise StackRefused(f"another server (process {pid}) still uses {data}; stop it first: kill -INT {pid}")
