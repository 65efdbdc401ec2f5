"""A remote engine for tests: a real HTTP server that answers as the built-in B does, or misbehaves on request."""

from __future__ import annotations

import json
import ssl
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

import msgspec

from domain.decision import Decision, Verdict
from engines import engine_questions, signing, wire
from engines.committee import CommitteeEngine
from engines.remote import RemoteEngine, RemoteEngineSettings
from tests.support.builders.engine_inputs import a_context, a_signal

PATIENCE_S = 20.0
SHORT_S = 0.3
LOCAL = RemoteEngineSettings(hosts_allowed=("127.0.0.1",))
DRIP_S = 0.02
TEN_MEGABYTES = 10_000_000
SECRET = "a secret that two sides share"


class EngineServer(ThreadingHTTPServer):
    """Does what `deed` names, or else what the signal's strategy names; anything unknown is answered well.

    Each question takes `takes_s` seconds; `most_at_once` is how many were there together in that time.
    """

    daemon_threads = False
    request_queue_size = 64

    def __init__(self, *, secret: str | None = None, tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.secret = secret
        self.deed: str | None = None
        self.takes_s = 0.0
        self.most_at_once = self._at_once = 0
        self._counting = threading.Lock()
        self.asked: Counter[str] = Counter()
        self.headers: list[dict[str, str]] = []
        self.released = threading.Event()
        self.together = threading.Barrier(8)
        self.scheme = "http" if tls is None else "https"
        if tls is not None:
            self.socket = tls.wrap_socket(self.socket, server_side=True)

    @property
    def host(self) -> str:
        """What an allow-list calls it."""
        return f"127.0.0.1:{self.server_port}"

    def take_time(self) -> None:
        """Let the time of a question pass, and count the questions that are there meanwhile."""
        with self._counting:
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        self.released.wait(self.takes_s)
        with self._counting:
            self._at_once -= 1

    @property
    def url(self) -> str:
        """Where it is asked."""
        return f"{self.scheme}://{self.host}/decide"

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Bear clients that give up; everything else is loud."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


@contextmanager
def a_server(*, secret: str | None = None, tls: ssl.SSLContext | None = None) -> Iterator[EngineServer]:
    """Run a server; at the end it lets go of whoever still waits."""
    with EngineServer(secret=secret, tls=tls) as server:
        start_api = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        start_api.start()
        try:
            yield server
        finally:
            server.released.set()
            server.together.abort()
            server.shutdown()
            start_api.join()


def ask(engine: RemoteEngine, strategy: str = "", *, limit_s: float = PATIENCE_S) -> Decision:
    """Ask for one deed as a round does."""
    return engine_questions.ask(engine, a_signal(strategy=strategy), a_context(), limit_s=limit_s)


class _Handler(BaseHTTPRequestHandler):
    body = b""
    signature = ""

    @property
    def owner(self) -> EngineServer:
        return cast("EngineServer", self.server)

    def do_GET(self) -> None:
        self.owner.asked["followed"] += 1
        self.answer(b"{}")

    def do_POST(self) -> None:
        self.body = self.rfile.read(int(self.headers["Content-Length"]))
        self.owner.headers.append({name.lower(): value for name, value in self.headers.items()})
        if not self.is_signed():
            return self.send_error(401)
        deed = self.owner.deed or str(json.loads(self.body)["signal"]["strategy"])
        self.owner.asked[deed] += 1
        self.owner.take_time()
        return DEEDS.get(deed, _well)(self)

    def is_signed(self) -> bool:
        if self.owner.secret is None:
            return True
        self.signature = self.headers.get(signing.SIGNATURE, "")
        timestamp = self.headers.get(signing.TIMESTAMP, "")
        expected = signing.sign_question(self.owner.secret, timestamp=timestamp, body=self.body)
        return signing.signatures_match(self.signature, expected)

    def reply(self, **changes: Any) -> wire.RemoteReply:
        """Say what the committee says."""
        question = msgspec.json.decode(self.body, type=wire.EngineQuestion)
        decision = CommitteeEngine().decide(question.signal, question.context)
        return replace(wire.RemoteReply(decision=decision, version="r7"), **changes)

    def answer(self, body: bytes, headers: Mapping[str, str] | None = None, *, status: int = 200) -> None:
        signed = {}
        if self.owner.secret is not None:
            signed = {
                signing.SIGNATURE: signing.sign_answer(self.owner.secret, question_signature=self.signature, body=body)
            }
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **signed, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def drip(self) -> None:
        while not self.owner.released.wait(DRIP_S):
            self.wfile.write(b" ")
            self.wfile.flush()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _well(handler: _Handler) -> None:
    handler.answer(wire.encode_line(handler.reply()))


def _slow(handler: _Handler) -> None:
    handler.owner.released.wait(0.3)
    _well(handler)


def _hang(handler: _Handler) -> None:
    handler.owner.released.wait()


def _together(handler: _Handler) -> None:
    handler.owner.together.wait()
    _well(handler)


def _drip_headers(handler: _Handler) -> None:
    handler.wfile.write(b"HTTP/1.0 200 OK\r\nX-Slow: ")
    handler.drip()


def _drip_body(handler: _Handler) -> None:
    handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
    handler.drip()


def _huge(handler: _Handler) -> None:
    handler.answer(b" " * TEN_MEGABYTES)


def _huge_unannounced(handler: _Handler) -> None:
    handler.wfile.write(b"HTTP/1.0 200 OK\r\n\r\n")
    for _ in range(TEN_MEGABYTES // 10_000):
        handler.wfile.write(b" " * 10_000)


def _truncated(handler: _Handler) -> None:
    handler.answer(b"{}", {"Content-Length": "100"})


def _nan(handler: _Handler) -> None:
    good = json.loads(wire.encode_line(handler.reply()))
    good["decision"]["confidence"] = float("nan")
    handler.answer(json.dumps(good).encode())


def _nan_text(handler: _Handler) -> None:
    decision = handler.reply().decision
    assert decision is not None
    handler.answer(wire.encode_line(handler.reply(decision=replace(decision, confidence=Decimal("NaN")))))


def _wrong_way(handler: _Handler) -> None:
    decision = handler.reply().decision
    assert decision is not None
    assert decision.plan is not None
    assert decision.verdict is Verdict.ENTER
    plan = replace(decision.plan, side=decision.plan.side.opposite)
    handler.answer(wire.encode_line(handler.reply(decision=replace(decision, plan=plan))))


def _forged(handler: _Handler) -> None:
    handler.answer(wire.encode_line(handler.reply()), {signing.SIGNATURE: "0" * 64})


def _repeated(handler: _Handler) -> None:
    body = wire.encode_line(handler.reply())
    other = signing.sign_answer(handler.owner.secret or "", question_signature="f" * 64, body=body)
    handler.answer(body, {signing.SIGNATURE: other})


DEEDS: dict[str, Callable[[_Handler], None]] = {
    "slow": _slow,
    "hang": _hang,
    "together": _together,
    "drip_headers": _drip_headers,
    "drip_body": _drip_body,
    "huge": _huge,
    "huge_unannounced": _huge_unannounced,
    "truncated": _truncated,
    "nan": _nan,
    "nan_text": _nan_text,
    "wrong_way": _wrong_way,
    "forged": _forged,
    "repeated": _repeated,
    "status_500": lambda handler: handler.answer(b"{}", status=500),
    "redirect": lambda handler: handler.answer(b"", {"Location": "/elsewhere"}, status=302),
    "not_utf8": lambda handler: handler.answer(b'{"failure": "\xff"}'),
    "garbage": lambda handler: handler.answer(b"<html>\xff not found"),
    "nested": lambda handler: handler.answer(b'{"decision":' + b"[" * 100_000),
    "shape": lambda handler: handler.answer(b'{"decision": {"verdict": "MAYBE"}}'),
    "nothing": lambda handler: handler.answer(b"{}"),
    "failure": lambda handler: handler.answer(wire.encode_line(wire.RemoteReply(failure="no model today"))),
    "long_version": lambda handler: handler.answer(wire.encode_line(handler.reply(version="v" * 101))),
    "not_http": lambda handler: (handler.wfile.write(b"220 mail.example.org ESMTP\r\n"), None)[1],
    "closed": lambda handler: None,
}
REASONS = {
    "hang": "engine_timeout",
    "drip_headers": "engine_timeout",
    "drip_body": "engine_timeout",
    "status_500": "engine_http_status",
    "redirect": "engine_redirect",
    "huge": "engine_too_large",
    "huge_unannounced": "engine_too_large",
    "garbage": "engine_not_json",
    "not_utf8": "engine_not_json",
    "nan": "engine_nan",
    "nan_text": "engine_nan",
    "nested": "engine_invalid_answer",
    "shape": "engine_invalid_answer",
    "nothing": "engine_invalid_answer",
    "wrong_way": "engine_invalid_answer",
    "long_version": "engine_invalid_answer",
    "failure": "engine_error",
    "truncated": "engine_not_http",
    "not_http": "engine_not_http",
    "closed": "engine_unreachable",
    "forged": "engine_bad_signature",
    "repeated": "engine_bad_signature",
}
