"""The simulated venue as a process of a test, with its control endpoint and its ledger."""

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
    """Process of the simulator; `port` 0 takes any free one, and a restart keeps it."""

    directory: Path
    seed: int = 0
    port: int = 0
    url: str = ""
    process: subprocess.Popen[bytes] | None = field(default=None)

    def start(self) -> None:
        """Start the process and wait until it accepts requests."""
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
        until(lambda: ready.exists() or self._fail_if_ended(), deadline_s=30, what="the simulated venue takes requests")
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

    def fault(self, name: str, *, on: str = "submit", times: int | None = 1, **options: Any) -> None:
        """Set a fault for the next `times` requests of a kind (None: for all, with `probability`)."""
        self.control(faults=[{"fault": name, "on": on, "times": times, **options}])

    def clear(self) -> None:
        """Remove all faults and send the held answers."""
        self.control(clear=True, release=True)

    def release(self) -> None:
        """Send the held answers."""
        self.control(release=True)

    def set_price(self, symbol: str, *, bid: str, ask: str) -> None:
        """Set the best prices of a symbol."""
        self.control(prices={symbol: {"bid": bid, "ask": ask}})

    def fill_remainder(self, client_id: str) -> None:
        """Fill the remaining quantity of an open order."""
        self.control(fill=[client_id])

    def control(self, **document: Any) -> Mapping[str, Any]:
        """Post a document to the control endpoint and return its answer."""
        request = urllib.request.Request(
            f"{self.url}/_control", data=json.dumps(document).encode(), headers={"Content-Type": "application/json"}
        )
        with urllib.request.urlopen(request, timeout=10) as response:
            answer: Mapping[str, Any] = json.load(response)
        return answer

    @property
    def held_answers(self) -> int:
        """Number of answers that are held now."""
        return int(self.control()["held"])

    @property
    def ledger_path(self) -> Path:
        """File of the venue's ledger."""
        return self.directory / "venue.jsonl"

    @property
    def ledger(self) -> Ledger:
        """The venue's ledger so far."""
        return ledger.read_ledger(self.ledger_path)

    def count_orders(self, client_id: str) -> int:
        """Return how many orders were accepted with a client id."""
        return self.ledger.order_counts[client_id]

    def list_refusals(self, client_id: str) -> list[str]:
        """Return the reasons for which orders with a client id were refused, in order."""
        return [event["reason"] for event in self.ledger.refusals if event["client_id"] == client_id]

    def sum_fills(self, client_id: str) -> Decimal:
        """Return the quantity executed under a client id."""
        return sum((fill.quantity for fill in self.ledger.list_fills(client_id)), Decimal(0))

    def environment(self, broker: str = "ccxt:binance") -> dict[str, str]:
        """Return the settings that make the product's processes trade at this venue."""
        return {"BROKER": broker, "BROKER_KEY": KEY, "BROKER_SECRET": SECRET, "VENUE_URL": self.url}

    def _fail_if_ended(self) -> bool:
        if self.process is not None and self.process.poll() is not None:
            raise AssertionError((self.directory / "venue.log").read_text())
        return False


@contextmanager
def simulated_venue(directory: Path, *, seed: int = 0) -> Iterator[SimulatedVenue]:
    """Run a simulator that keeps its files in `directory` for the block."""
    venue = SimulatedVenue(directory=directory, seed=seed)
    try:
        venue.start()
        yield venue
    finally:
        venue.kill()
