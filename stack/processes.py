"""Queries about processes that are not our children."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path


def is_alive(pid: int) -> bool:
    """Return whether a process with this id exists (a zombie does not count where the system shows it)."""
    return read_command_line(pid) is not None


def read_command_line(pid: int) -> str | None:
    """Return the command line of a running process, None when there is no such process or it is a zombie."""
    if Path("/proc/self/cmdline").exists():
        try:
            words = Path(f"/proc/{pid}/cmdline").read_bytes()
        except (FileNotFoundError, ProcessLookupError):
            return None
        return words.replace(b"\0", b" ").decode("utf-8", "replace").strip() or None
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    result = subprocess.run(("ps", "-p", str(pid), "-o", "command="), capture_output=True, text=True, check=False)
    return result.stdout.strip() or None


def wait_until_gone(pid: int, *, patience_s: float) -> bool:
    """Wait until the process has ended; return False when it still runs after `patience_s`."""
    deadline = time.monotonic() + patience_s
    while is_alive(pid):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.05)
    return True
