"""Our own processes on given servers: web, worker, beat, each in a process group that dies with the test."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

from stack import launch
from tests.support.waiting import until

ORCHESTRATOR = str(Path(sys.executable).with_name("orchestrator"))
LAUNCH = str(Path(launch.__file__))
SECRET_KEY = "a secret key for tests only"


@dataclass(kw_only=True)
class Processes:
    """Starts commands of ours with an environment, logs to files, and kills what is left at the end."""

    database_url: str
    redis_url: str
    directory: Path
    extra: dict[str, str] = field(default_factory=dict)
    running: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in list(self.running):
            self.kill(name)

    @property
    def environment(self) -> dict[str, str]:
        """The environment of every process."""
        given = {
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "SECRET_KEY": SECRET_KEY,
            "DATA_DIR": str(self.directory),
            "LEASE_S": "3",
            "SIGNAL_POLL_INTERVAL_MS": "200",
            "WORKER_BACKOFF_MS": "50",
            "LOG_FORMAT": "json",
            "MARKET_DATA": "alert",
        }
        return {**os.environ, **given, **self.extra}

    def start(self, name: str, *arguments: str, program: Sequence[str] = (ORCHESTRATOR,), **changes: str) -> None:
        """Start `orchestrator ARGUMENTS` under a name of its own; it is told to end when this process is killed.

        `program` stands in its place; `changes` are made to its environment alone.
        """
        launched = [sys.executable, "-I", "-S", LAUNCH, str(os.getpid()), str(int(signal.SIGTERM)), "-", "-"]
        with self.log(name).open("ab") as log:
            self.running[name] = subprocess.Popen(
                [*launched, *program, *arguments],
                env={**self.environment, **changes},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def start_worker(
        self, name: str = "worker", *, concurrency: int = 1, program: Sequence[str] = (ORCHESTRATOR,)
    ) -> None:
        """Start a worker for all queues and wait until it takes tasks."""
        queues = "pipeline,maintenance,orders,exits"
        before = self.said(name).count(" ready.")
        self.start(name, "run", "worker", "--queues", queues, "--concurrency", str(concurrency), program=program)
        until(lambda: self.said(name).count(" ready.") > before, deadline_s=30, what=f"{name} is ready")

    def start_beat(self) -> None:
        """Start beat."""
        self.start("beat", "run", "beat")

    def start_web(self, *, port: int | None = None) -> str:
        """Start the web process on a port (default: a free one); return its URL once it is ready."""
        port = port or free_port()
        self.start("web", "run", "web", "--port", str(port))
        url = f"http://127.0.0.1:{port}"
        until(lambda: _answers(f"{url}/readyz"), deadline_s=30, what="web is ready")
        return url

    def stop(self, name: str) -> int:
        """Ask a process to end, wait until it has, and return its exit code."""
        process = self.running.pop(name)
        process.send_signal(signal.SIGTERM)
        return process.wait(timeout=60)

    def kill(self, name: str) -> None:
        """Kill -9 a process with its children and wait until it is gone."""
        process = self.running.pop(name)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=10)

    def said(self, name: str) -> str:
        """Return everything a process has logged."""
        path = self.log(name)
        return path.read_text(errors="replace") if path.exists() else ""

    def log(self, name: str) -> Path:
        """Return the file a process logs to."""
        return self.directory / f"{name}.log"


def free_port() -> int:
    """Return a port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False
