"""The sender of a rehearsal's alerts: posts at a steady rate and, like TradingView, sends again only after a 5xx."""

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
_EXIT_SHARE = 0.3
RETRY_AFTER_S = 1.0
MAX_TRIES = 4
_ANSWER_WITHIN_S = 3.0
_MAX_PARALLEL_POSTS = 16


class AlertSender:
    """Sender of alerts to one webhook; `acknowledged` holds ids answered with 2xx, `unanswered` counts the others."""

    def __init__(self, url: str, *, seed: int, rate: float) -> None:
        self._url, self._rate = url, rate
        self._random = Random(seed)  # noqa: S311 - repeatable chances, not secrets
        self._lock = threading.Lock()
        self.acknowledged: set[str] = set()
        self.unanswered = 0

    def run(self, *, seconds: float) -> None:
        """Post for some seconds and return when the last alert is answered or given up."""
        started = time.monotonic()
        with ThreadPoolExecutor(_MAX_PARALLEL_POSTS, thread_name_prefix="sender") as pool:
            for number in range(int(seconds * self._rate)):
                time.sleep(max(0.0, started + number / self._rate - time.monotonic()))
                pool.submit(self._deliver, self.draw_alert())

    def send_entry(self) -> None:
        """Post one long entry and return when it is answered or given up."""
        self._deliver(self._build_alert("buy"))

    def draw_alert(self) -> bytes:
        """Return the next random alert: mostly a long entry, else the exit of one strategy's trade in one symbol."""
        return self._build_alert("exit_long" if self._random.random() < _EXIT_SHARE else "buy")

    def _build_alert(self, action: str) -> bytes:
        """Build an alert's JSON message for a random symbol and strategy."""
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
        """Post one alert, again after each 5xx, and record its signal id or that it has none."""
        for _ in range(MAX_TRIES):
            status, signal_id = self._post(body)
            if signal_id is not None:
                with self._lock:
                    self.acknowledged.add(signal_id)
                return
            if status is None or status < 500:
                break
            time.sleep(RETRY_AFTER_S)
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
