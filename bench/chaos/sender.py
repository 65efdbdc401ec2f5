"""The sender of alerts: posts at a steady rate and, as TradingView does, sends again after a 5xx and nothing else."""

from __future__ import annotations

import json
import secrets
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from random import Random

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
STRATEGIES = 4
PRICE = "100"
_EXITS_SHARE = 0.3
AGAIN_AFTER_S = 1.0
TRIES = 4
_ANSWER_WITHIN_S = 3.0
_SIDE_BY_SIDE = 16


class Sender:
    """Posts alerts to one webhook; `acknowledged` holds the ids that came with a 2xx, `unanswered` counts the rest."""

    def __init__(self, url: str, *, seed: int, rate: float) -> None:
        self._url, self._rate = url, rate
        self._random = Random(seed)  # noqa: S311 - repeatable chances, not secrets
        self._lock = threading.Lock()
        self.acknowledged: set[str] = set()
        self.unanswered = 0

    def run(self, *, seconds: float) -> None:
        """Post for so many seconds and return when the last alert has its answer or was given up."""
        started = time.monotonic()
        with ThreadPoolExecutor(_SIDE_BY_SIDE, thread_name_prefix="sender") as pool:
            for number in range(int(seconds * self._rate)):
                time.sleep(max(0.0, started + number / self._rate - time.monotonic()))
                pool.submit(self._deliver, self.drawn())

    def send_entry(self) -> None:
        """Post one long entry and return when it has its answer or was given up."""
        self._deliver(self._alert("buy"))

    def drawn(self) -> bytes:
        """Write the next alert: mostly a long entry, else the exit of what one strategy holds of one symbol."""
        return self._alert("exit_long" if self._random.random() < _EXITS_SHARE else "buy")

    def _alert(self, action: str) -> bytes:
        return json.dumps(
            {
                "symbol": self._random.choice(SYMBOLS),
                "action": action,
                "price": PRICE,
                "interval": "60",
                "strategy": f"rehearsal {self._random.randrange(STRATEGIES)}",
                "id": secrets.token_hex(8),
            }
        ).encode()

    def _deliver(self, body: bytes) -> None:
        for _ in range(TRIES):
            status, signal_id = self._post(body)
            if signal_id is not None:
                with self._lock:
                    self.acknowledged.add(signal_id)
                return
            if status is None or status < 500:
                break
            time.sleep(AGAIN_AFTER_S)
        with self._lock:
            self.unanswered += 1

    def _post(self, body: bytes) -> tuple[int | None, str | None]:
        """Return the status (None without an answer) and the signal's id of a 2xx."""
        request = urllib.request.Request(self._url, body, {"Content-Type": "application/json"})  # noqa: S310 - loopback
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_WITHIN_S) as answer:  # nosec B310 # noqa: S310 - ours
                return int(answer.status), str(json.load(answer)["signal_id"])
        except urllib.error.HTTPError as error:
            with error:
                return error.code, None
        except (OSError, ValueError):
            return None, None
