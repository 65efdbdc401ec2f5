"""The web application as the server runs it (RSGI): bodies arrive on the event loop, requests run on threads.

With the server's WSGI interface each body that arrives slowly holds a thread, and one that broke off looks like one
that ended.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import chain
from typing import TYPE_CHECKING, Any, Protocol

import structlog
from granian.rsgi import ProtocolClosed, Scope  # type: ignore[attr-defined]  # its stubs re-export it silently

from app.web.body_arrival import BodySource, receive_body
from app.web.environ import build_environ

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

Headers = list[tuple[str, str]]
Shortcut = Callable[[dict[str, Any]], tuple[int, Headers, bytes] | None]
log = structlog.get_logger()

# Without a value of ours the server puts its own name there.
_UNNAMED_SERVER = ("server", "")
_SERVER_ERROR = b'{"status":"internal_server_error"}\n'


class StreamTransport(Protocol):
    """The open end of a streamed answer."""

    def send_bytes(self, data: bytes) -> Awaitable[None]:
        """Send a piece of the answer."""


class ServerProtocol(BodySource, Protocol):
    """The server's side of one request."""

    def response_bytes(self, status: int, headers: Headers, body: bytes) -> None:
        """Answer with a complete body."""

    def response_stream(self, status: int, headers: Headers) -> StreamTransport:
        """Begin an answer whose body is sent in pieces."""


@dataclass(slots=True)
class _Answer:
    """What a WSGI application answers: its `start_response`, and then the body in pieces."""

    status: int = 500
    headers: Headers = field(default_factory=list)
    first: bytes = b""
    more: Iterator[bytes] | None = None

    def start(self, status: str, headers: Headers, exc_info: object = None) -> Any:  # noqa: ARG002 - the signature of WSGI
        """Take the status line and the headers."""
        self.status, self.headers = int(status[:3]), [*headers, _UNNAMED_SERVER]


class ServerApplication:
    """Runs a WSGI application on `threads` threads; `shortcut` answers some requests in its place.

    A request gets its thread when its body is there; one that is not there after `body_s` seconds raises when read.
    """

    def __init__(
        self, application: WSGIApplication, *, shortcut: Shortcut = lambda _: None, threads: int, body_s: float
    ) -> None:
        self._application = application
        self._shortcut = shortcut
        self._body_s = body_s
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="request")

    async def __rsgi__(self, scope: Scope, protocol: ServerProtocol) -> None:
        """Serve one request."""
        environ = build_environ(scope)
        environ["wsgi.input"] = await receive_body(
            protocol,
            announced=environ.get("CONTENT_LENGTH"),
            is_chunked="HTTP_TRANSFER_ENCODING" in environ,
            within_s=self._body_s,
        )
        loop = asyncio.get_running_loop()
        streamed = await loop.run_in_executor(self._threads, self._serve, environ, protocol)
        if streamed is not None:
            await self._stream(streamed, protocol)

    def __rsgi_del__(self, loop: asyncio.AbstractEventLoop) -> None:
        """Let running requests end when the server stops."""
        self._threads.shutdown(cancel_futures=True)

    def _serve(self, environ: dict[str, Any], protocol: ServerProtocol) -> _Answer | None:
        """Run the application and answer; an answer in several pieces is returned, to be streamed."""
        try:
            answer = self._call(environ)
        except Exception:
            log.exception("request.failed")
            answer = _Answer(headers=[("Content-Type", "application/json"), _UNNAMED_SERVER], first=_SERVER_ERROR)
        if answer.more is not None:
            return answer
        protocol.response_bytes(answer.status, answer.headers, answer.first)
        return None

    def _call(self, environ: dict[str, Any]) -> _Answer:
        """Call the application and read its body up to the second piece, which most answers do not have."""
        if (short := self._shortcut(environ)) is not None:
            status, headers, complete = short
            return _Answer(status=status, headers=[*headers, _UNNAMED_SERVER], first=complete)
        answer = _Answer()
        body = self._application(environ, answer.start)
        pieces = iter(body)
        answer.first, second = next(pieces, b""), next(pieces, None)
        if second is not None:
            answer.more = chain((second,), _closing(body, pieces))
        elif (close := getattr(body, "close", None)) is not None:
            close()
        return answer

    async def _stream(self, answer: _Answer, protocol: ServerProtocol) -> None:
        """Send an answer piece by piece, each made on a thread; stop when the client has gone."""
        assert answer.more is not None  # noqa: S101 - only such answers are streamed
        loop = asyncio.get_running_loop()
        transport = protocol.response_stream(answer.status, answer.headers)
        piece: bytes | None = answer.first
        try:
            while piece is not None:
                await transport.send_bytes(piece)
                piece = await loop.run_in_executor(self._threads, next, answer.more, None)
        except ProtocolClosed:
            log.info("request.abandoned")


def _closing(body: Any, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Yield the pieces and close the body, also when not all were taken."""
    try:
        yield from pieces
    finally:
        close = getattr(body, "close", None)
        if close is not None:
            close()
