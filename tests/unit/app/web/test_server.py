"""The web application as the server runs it, with a stand-in for the server's side of a request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]  # its stubs re-export it silently

from app.web.server import ServerApplication


@dataclass
class Headers:
    pairs: list[tuple[str, str]] = field(default_factory=list)

    def items(self) -> list[tuple[str, str]]:
        return self.pairs


@dataclass
class Scope:
    headers: Headers = field(default_factory=Headers)
    method: str = "POST"
    path: str = "/ü b"
    query_string: str = "q=1"
    http_version: str = "1.1"
    server: str = "127.0.0.1:8000"
    client: str = "[::1]:4711"
    scheme: str = "http"


@dataclass
class Exchange:
    """One request as the server offers it, and what was answered; `gone_after` pieces the client has left."""

    body: bytes = b""
    gone_after: int = 1000
    status: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    sent: list[bytes] = field(default_factory=list)

    async def __call__(self) -> bytes:
        return self.body

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.body
        yield b""

    def response_bytes(self, status: int, headers: list[tuple[str, str]], body: bytes) -> None:
        self.status, self.headers, self.sent = status, dict(headers), [body]

    def response_stream(self, status: int, headers: list[tuple[str, str]]) -> Exchange:
        self.status, self.headers = status, dict(headers)
        return self

    async def send_bytes(self, data: bytes) -> None:
        if len(self.sent) >= self.gone_after:
            raise ProtocolClosed
        self.sent.append(data)


class Pieces:
    """The body of an answer, which remembers whether it was closed."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = iter(pieces)
        self.is_closed = False

    def __iter__(self) -> Iterator[bytes]:
        return self._pieces

    def close(self) -> None:
        self.is_closed = True


def serve(application: Callable[..., Any], exchange: Exchange, *headers: tuple[str, str]) -> Exchange:
    server = ServerApplication(application, threads=2, body_s=1.0)
    loop = asyncio.new_event_loop()
    loop.run_until_complete(server.__rsgi__(Scope(Headers(list(headers))), exchange))  # type: ignore[arg-type]  # a stand-in
    server.__rsgi_del__(loop)
    loop.close()
    return exchange


def answering(body: Any, seen: dict[str, Any] | None = None) -> Callable[..., Any]:
    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        if seen is not None:
            seen.update(environ, read=environ["wsgi.input"].read())
        start("201 Created", [("X-A", "1")])
        return body

    return application


def test_a_request_is_passed_on_as_wsgi_wants_it() -> None:
    seen: dict[str, Any] = {}
    given = [("content-length", "2"), ("cookie", "a=1"), ("cookie", "b=2"), ("x-real-ip", "1"), ("x_real_ip", "2")]

    answered = serve(answering([b"done"], seen), Exchange(b"hi"), *given)

    assert (answered.status, answered.sent) == (201, [b"done"])
    assert answered.headers == {"X-A": "1", "server": ""}
    assert seen["read"] == b"hi"
    assert seen["PATH_INFO"] == "/ü b".encode().decode("latin-1")
    assert (seen["REMOTE_ADDR"], seen["SERVER_PORT"]) == ("::1", "8000")
    assert (seen["HTTP_COOKIE"], seen["HTTP_X_REAL_IP"], seen["CONTENT_LENGTH"]) == ("a=1; b=2", "1", "2")


def test_an_answer_in_pieces_is_streamed_and_closed() -> None:
    body = Pieces([b"a", b"b", b"c"])

    answered = serve(answering(body), Exchange())

    assert (answered.status, answered.sent) == (201, [b"a", b"b", b"c"])
    assert body.is_closed


def test_a_stream_whose_reader_has_gone_ends_and_is_closed() -> None:
    body = Pieces(b"%d" % number for number in range(1_000_000))

    answered = serve(answering(body), Exchange(gone_after=3))

    assert answered.sent == [b"0", b"1", b"2"]
    assert body.is_closed


def test_an_application_that_fails_answers_500_without_details() -> None:
    def application(environ: dict[str, Any], start: Callable[..., Any]) -> Any:
        raise RuntimeError("secret")

    answered = serve(application, Exchange())

    assert (answered.status, answered.sent) == (500, [b'{"status":"internal_server_error"}\n'])
