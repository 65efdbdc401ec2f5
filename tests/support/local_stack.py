"""What the tests of the local stack share: waiting for conditions, and places that the service account can enter."""

from __future__ import annotations

import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from stack import processes


def eventually(condition: Callable[[], bool], *, what: str, within_s: float = 20.0) -> None:
    """Return when the condition holds; fail, saying what was awaited, when it does not within the time."""
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, f"not within {within_s} s: {what}"
        time.sleep(0.02)


@contextmanager
def a_directory(mode: int = 0o711) -> Iterator[Path]:
    """Yield a fresh directory; pytest's own ones are closed to the account that the servers run as."""
    path = Path(tempfile.mkdtemp(prefix="orchestrator-test-"))
    path.chmod(mode)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def running_with(text: str) -> list[int]:
    """Return the processes whose command line contains the text."""
    pids = [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]
    return [pid for pid in pids if text in (processes.read_command_line(pid) or "")]
