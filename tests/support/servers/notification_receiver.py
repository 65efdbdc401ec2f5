"""A receiver of notifications for tests: a real HTTP server that answers as it is told and remembers what it took."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any


@dataclass(kw_only=True)
class Receiver:
    """What the server answers, and what it took; it waits with its answers until `may_answer` is set."""

    port: int = 0
    status: int = 200
    taken: list[dict[str, Any]] = field(default_factory=list)
    tried: int = 0
    may_answer: Event = field(default_factory=Event)

    @property
    def titles(self) -> list[str]:
        """The titles of what was taken, in order."""
        return [str(one["title"]) for one in self.taken]


@contextmanager
def a_receiver(*, port: int = 0) -> Iterator[Receiver]:
    """Run a receiver on a port of the loopback address, on a free one unless told."""
    receiver = Receiver()
    receiver.may_answer.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            receiver.tried += 1
            receiver.may_answer.wait(30)
            if receiver.status == 200:
                receiver.taken.append(body)
            self.send_response(receiver.status)
            self.end_headers()

        def log_message(self, *given: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
    receiver.port = server.server_address[1]
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield receiver
    finally:
        receiver.may_answer.set()
        server.shutdown()
        thread.join()
        server.server_close()
