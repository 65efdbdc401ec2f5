"""The rehearsal's sender against small servers: what counts as acknowledged, and what is sent again."""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid5

import pytest

from bench.chaos import sender
from bench.chaos.sender import AlertSender

# What is answered to an alert's first, second, ... delivery: a status, or None to hang up.
Answers = Callable[[int], int | None]
SPACE = UUID("6f3cf1a5-92ab-4fd1-b4a5-5a7e6c1d2b3f")


@contextmanager
def a_server(answers: Answers) -> Iterator[tuple[str, Counter[str]]]:
    """Give the URL of a server and how often it got each alert."""
    seen: Counter[str] = Counter()
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            alert = str(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["id"])
            with lock:
                seen[alert] += 1
                status = answers(seen[alert])
            if status is None:
                return
            body = json.dumps({"signal_id": str(uuid5(SPACE, alert))}).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with serving(Handler) as url:
        yield url, seen


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """Give the URL of a server whose requests a handler answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/webhook/x"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Send again without a pause, and every alert whole unless a test wants it otherwise."""
    monkeypatch.setattr(sender, "RETRY_AFTER_S", 0.0)
    monkeypatch.setattr(sender, "_CUT_SHARE", 0.0)


def sent(answers: Answers) -> tuple[AlertSender, Counter[str]]:
    """Post for a moment to a server that answers so."""
    with a_server(answers) as (url, seen):
        alert_sender = AlertSender(url, seed=1, rate=100.0)
        alert_sender.run(seconds=0.1)
    return alert_sender, seen


def test_every_alert_that_is_taken_is_acknowledged_under_its_id() -> None:
    alert_sender, seen = sent(lambda _: 200)

    assert alert_sender.acknowledged == {str(uuid5(SPACE, alert)) for alert in seen}
    assert (len(seen), set(seen.values()), alert_sender.unanswered) == (10, {1}, 0)


def test_a_5xx_is_sent_again_and_its_later_answer_counts() -> None:
    alert_sender, seen = sent(lambda time: 503 if time < 3 else 200)

    assert len(alert_sender.acknowledged) == len(seen) == 10
    assert set(seen.values()) == {3}


@pytest.mark.parametrize(("status", "times"), [(422, 1), (None, 1), (503, sender.MAX_TRIES)])
def test_what_is_refused_or_never_answered_is_not_acknowledged(status: int | None, times: int) -> None:
    alert_sender, seen = sent(lambda _: status)

    assert alert_sender.acknowledged == set()
    assert alert_sender.unanswered == len(seen) == 10
    assert set(seen.values()) == {times}


def test_some_alerts_break_off_first_and_their_retry_comes_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sender, "_CUT_SHARE", 1.0)
    lengths: list[int] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            announced = int(self.headers["Content-Length"])
            body = self.rfile.read(announced)
            lengths.append(announced - len(body))
            # What a server that takes beginnings for messages would do.
            self.send_response(200)
            self.end_headers()
            self.wfile.write(json.dumps({"signal_id": str(uuid5(SPACE, str(len(lengths))))}).encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    with serving(Handler) as url:
        alert_sender = AlertSender(url, seed=1, rate=50.0)
        alert_sender.run(seconds=0.1)

    assert (alert_sender.cut, alert_sender.sent, len(alert_sender.acknowledged)) == (5, 5, 5)
    assert len(alert_sender.cut_accepted) == 5
    assert sorted(missing > 0 for missing in lengths) == [False] * 5 + [True] * 5


def test_a_seed_names_what_is_sent_but_each_alert_is_its_own() -> None:
    one, other = (AlertSender("http://127.0.0.1:1", seed=7, rate=1.0) for _ in range(2))

    first, second = ([json.loads(alert_sender.draw_alert()) for _ in range(20)] for alert_sender in (one, other))

    ids = [alert.pop("id") for alert in (*first, *second)]
    assert first == second
    assert len(set(ids)) == 40
    assert {alert["action"] for alert in first} == {"buy", "exit_long"}
