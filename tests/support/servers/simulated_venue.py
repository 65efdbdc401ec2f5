"""The simulated venue as a process of a test: started, asked for faults, killed, its ledger read."""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from simulator import ledger
from simulator.ledger import Ledger
from tests.support.waiting import until

KEY = "simulated-key"
SECRET = "simulated-secret"
ROOT = Path(__file__).parents[3]


@dataclass(kw_only=True)
class SimulatedVenue:
    """A running simulator; `port` 0 takes any that is free, and a restart keeps it."""

    directory: Path
    seed: int = 0
    port: int = 0
    url: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        """Start the process and wait until it takes requests."""
        ready = self.directory / "venue.url"
        ready.unlink(missing_ok=True)
        command = [
            sys.executable,
            "-m",
            "simulator",
            "--port",
            str(self.port),
            "--ledger",
            str(self.ledger_path),
            "--ready-file",
            str(ready),
            "--seed",
            str(self.seed),
            "--key",
            KEY,
            "--secret",
            SECRET,
        ]
        with (self.directory / "venue.log").open("ab") as log:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, start_new_session=True)
        until(lambda: ready.exists() or self._ended(), deadline_s=30, what="the simulated venue takes requests")
        self.url = ready.read_text()
        self.port = int(self.url.rpartition(":")[2])

    def kill(self) -> None:
        """Kill -9 the process and wait until it is gone."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(timeout=10)
            self.process = None

    def restart(self) -> None:
        """Kill -9 the process and start it again on its port and ledger."""
        self.kill()
        self.start()

    def fault(self, name: str, *, on: str = "submit", times: int | None = 1, **more: Any) -> None:
        """Let a fault meet the next `times` requests of a kind (None: every one, with `probability`)."""
        self.control(faults=[{"fault": name, "on": on, "times": times, **more}])

    def clear(self) -> None:
        """Let nothing go wrong any more, and release what is held."""
        self.control(clear=True, release=True)

    def release(self) -> None:
        """Send the answers that are held."""
        self.control(release=True)

    def set_price(self, symbol: str, *, bid: str, ask: str) -> None:
        """Set the best prices of a symbol."""
        self.control(prices={symbol: {"bid": bid, "ask": ask}})

    def fill_rest(self, client_id: str) -> None:
        """Fill what is left of an open order."""
        self.control(fill=[client_id])

    def control(self, **wanted: Any) -> Mapping[str, Any]:
        """Post a document to the control endpoint and return its answer."""
        request = urllib.request.Request(
            f"{self.url}/_control", data=json.dumps(wanted).encode(), headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            answer: Mapping[str, Any] = json.load(response)
        return answer

    @property
    def held(self) -> int:
        """How many answers are held now."""
        return int(self.control()["held"])

    @property
    def ledger_path(self) -> Path:
        """The file with everything the venue did."""
        return self.directory / "venue.jsonl"

    @property
    def ledger(self) -> Ledger:
        """What the venue did so far."""
        return ledger.read_ledger(self.ledger_path)

    def executions(self, client_id: str) -> int:
        """Return how often an id was executed."""
        return self.ledger.order_counts[client_id]

    def refusals(self, client_id: str) -> list[str]:
        """Return why orders under an id were refused, in order."""
        return [one["reason"] for one in self.ledger.refusals if one["client_id"] == client_id]

    def filled(self, client_id: str) -> Decimal:
        """Return how much was executed under an id."""
        return sum((one.quantity for one in self.ledger.list_fills(client_id)), Decimal(0))

    def environment(self, broker: str = "ccxt:binance") -> dict[str, str]:
        """Return the settings that make our processes trade here."""
        return {"BROKER": broker, "BROKER_KEY": KEY, "BROKER_SECRET": SECRET, "VENUE_URL": self.url}

    def _ended(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError((self.directory / "venue.log").read_text())
        return False


@contextmanager
def simulated_venue(directory: Path, *, seed: int = 0) -> Iterator[SimulatedVenue]:
    """Give a running simulator that keeps its files in `directory`; it is gone afterwards."""
    venue = SimulatedVenue(directory=directory, seed=seed)
    try:
        venue.start()
        yield venue
    finally:
        venue.kill()
