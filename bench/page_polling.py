"""Pages that stay open: threads that ask for them again and again, as browsers and monitors do."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

_PATHS = ("/readyz", "/login", "/metrics", "/api/v1/health", "/api/v1/signals?limit=50", "/api/v1/trades?limit=50")
_EVERY_S = 1.0
_PAGES = 4


@contextmanager
def poll_pages(url: str, *, token: str) -> Iterator[Counter[str]]:
    """Ask for each path about once a second from each of four pages; yields the counts of answers by status."""
    statuses: Counter[str] = Counter()
    ended = threading.Event()
    threads = [threading.Thread(target=_poll, args=(url, token, statuses, ended), daemon=True) for _ in range(_PAGES)]
    for thread in threads:
        thread.start()
    try:
        yield statuses
    finally:
        ended.set()
        for thread in threads:
            thread.join(10)


def _poll(url: str, token: str, statuses: Counter[str], ended: threading.Event) -> None:
    while not ended.is_set():
        began = time.monotonic()
        for path in _PATHS:
            statuses[_ask(url + path, token)] += 1
        ended.wait(max(0.0, began + _EVERY_S - time.monotonic()))


def _ask(url: str, token: str) -> str:
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"})  # noqa: S310 - our own URL
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:  # nosec B310 # noqa: S310 - likewise
            answer.read()
            return str(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return str(error.code)
    except OSError as error:
        return type(error).__name__
