"""The servers of a supervisor that was killed: they stop by themselves, and the next start waits for them."""

from __future__ import annotations

from pathlib import Path

from stack.errors import StackRefused
from stack.processes import command_line, wait_until_gone

_PATIENCE_S = 20.0


def settle(pid_file: Path, *, mark: str, data: Path) -> None:
    """Return when the server named by the pid file, whose command line contains `mark`, no longer uses `data`.

    A file whose number belongs to another program by now is removed; one without a process is left to the server,
    which knows better what else to check.

    Raises:
        StackRefused: when the program goes on running, naming its process.
    """
    try:
        pid = int(pid_file.read_text(encoding="utf-8").split("\n", 1)[0])
    except (FileNotFoundError, ValueError):
        return
    command = command_line(pid)
    if command is None:
        return
    if mark not in command:
        pid_file.unlink()
    elif not wait_until_gone(pid, patience_s=_PATIENCE_S):
        raise StackRefused(f"another server (process {pid}) still uses {data}; stop it first: kill -INT {pid}")
