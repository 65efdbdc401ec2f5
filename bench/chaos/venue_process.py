"""The process of the simulated venue in a rehearsal."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.fresh_stack import BenchFailed
from simulator import ledger
from simulator.ledger import Ledger
from stack import commands

BROKER = "ccxt:binance"
KEY, SECRET = "rehearsal-key", "rehearsal-secret"
_READY_WITHIN_S = 30.0
_ANSWER_WITHIN_S = 10.0


class VenueProcess:
    """Process of the simulator, which keeps its port and ledger when it is killed and started again."""

    def __init__(self, directory: Path, *, seed: int) -> None:
        self._directory, self._seed, self._port = directory, seed, 0
        self._process: subprocess.Popen[bytes] | None = None
        self.url = ""

    @property
    def ledger(self) -> Ledger:
        """The venue's ledger so far."""
        return ledger.read_ledger(self._directory / "venue.jsonl")

    @property
    def environment(self) -> dict[str, str]:
        """Settings that send the live book's orders to this venue."""
        return {"BROKER": BROKER, "BROKER_KEY": KEY, "BROKER_SECRET": SECRET, "VENUE_URL": self.url}

    def start(self) -> None:
        """Start the process and return once it accepts requests.

        Raises:
            BenchFailed: when it ends or is not ready in time.
        """
        ready = self._directory / "venue.url"
        ready.unlink(missing_ok=True)
        command = commands.build_module_command(
            "simulator",
            "--port",
            str(self._port),
            "--seed",
            str(self._seed),
            "--ledger",
            str(self._directory / "venue.jsonl"),
            "--ready-file",
            str(ready),
            "--key",
            KEY,
            "--secret",
            SECRET,
        )
        with (self._directory / "venue.log").open("ab") as log:
            self._process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ, start_new_session=True)
        ends = time.monotonic() + _READY_WITHIN_S
        while not ready.exists():
            if self._process.poll() is not None or time.monotonic() > ends:
                raise BenchFailed("the simulated venue did not start: " + (self._directory / "venue.log").read_text())
            time.sleep(0.02)
        self.url = ready.read_text()
        self._port = int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        """Kill -9 the process."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def control(self, **document: Any) -> None:
        """Send a control document, which sets faults, prices and the like."""
        request = urllib.request.Request(  # noqa: S310 - our own process on a loopback port
            f"{self.url}/_control", data=json.dumps(document).encode(), headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=_ANSWER_WITHIN_S):  # nosec B310 # noqa: S310 - likewise
            pass


@contextmanager
def run_venue(directory: Path, *, seed: int) -> Iterator[VenueProcess]:
    """Run the simulated venue for the block."""
    venue = VenueProcess(directory, seed=seed)
    try:
        venue.start()
        yield venue
    finally:
        venue.kill()
