"""The sender of a rehearsal's alerts: posts at a steady rate and, like TradingView, sends again only after a 5xx.

Some alerts break off first, at any byte, as when a connection is lost; their retry comes whole.
"""

from __future__ import annotations

import json
import secrets
import socket
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from random import Random
from urllib.parse import urlsplit

SYMBOLS = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
STRATEGIES = 4
PRICE = "100"
_EXIT_SHARE = 0.3
_CUT_SHARE = 0.1
RETRY_AFTER_S = 1.0
MAX_TRIES = 4
_ANSWER_WITHIN_S = 3.0
_MAX_PARALLEL_POSTS = 16
_PIECE = 65_536


class AlertSender:
    """Sender of alerts to one webhook; `acknowledged` holds ids answered with 2xx, `unanswered` counts the others.

    `sent` counts the alerts that were sent whole, `cut` the requests that broke off; `cut_accepted` are the beginnings
    that were answered with 2xx all the same.
    """

    def __init__(self, url: str, *, seed: int, rate: float) -> None:
        self._url, self._rate = url, rate
        self._random = Random(seed)  # noqa: S311 - repeatable chances, not secrets
        self._lock = threading.Lock()
        self.acknowledged: set[str] = set()
        self.unanswered = self.sent = self.cut = 0
        self.cut_accepted: list[str] = []

    def run(self, *, seconds: float) -> None:
        """Post for some seconds and return when the last alert is answered or given up."""
        started = time.monotonic()
        with ThreadPoolExecutor(_MAX_PARALLEL_POSTS, thread_name_prefix="sender") as pool:
            for number in range(int(seconds * self._rate)):
                time.sleep(max(0.0, started + number / self._rate - time.monotonic()))
                pool.submit(self._deliver, self.draw_alert(), cut_at=self._draw_cut())

    def send_entry(self) -> None:
        """Post one long entry and return when it is answered or given up."""
        self._deliver(self._build_alert("buy"))

    def draw_alert(self) -> bytes:
        """Return the next random alert: mostly a long entry, else the exit of one strategy's trade in one symbol."""
        return self._build_alert("exit_long" if self._random.random() < _EXIT_SHARE else "buy")

    def _draw_cut(self) -> float | None:
        """Return after which share of its bytes an alert breaks off the first time; None when it does not."""
        return self._random.random() if self._random.random() < _CUT_SHARE else None

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

    def _deliver(self, body: bytes, *, cut_at: float | None = None) -> None:
        """Post one alert, again after each 5xx, and record its signal id or that it has none."""
        if cut_at is not None:
            self._post_beginning(body, int(cut_at * len(body)))
        with self._lock:
            self.sent += 1
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

    def _post_beginning(self, body: bytes, length: int) -> None:
        """Announce a whole body, send its beginning only, and record whether that was accepted."""
        url = urlsplit(self._url)
        request_line = f"POST {url.path} HTTP/1.1"
        headers = (f"Host: {url.netloc}", f"Content-Length: {len(body)}", "Connection: close")
        head = "\r\n".join((request_line, *headers, "", ""))
        answer = b""
        with (
            suppress(OSError),
            socket.create_connection((url.hostname or "", url.port or 80), timeout=_ANSWER_WITHIN_S) as connection,
        ):
            connection.sendall(head.encode() + body[:length])
            connection.shutdown(socket.SHUT_WR)
            answer = b"".join(iter(lambda: connection.recv(_PIECE), b""))
        with self._lock:
            self.cut += 1
            if answer[len("HTTP/1.1 ") :].startswith(b"2"):
                self.cut_accepted.append(body[:length].decode())

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
