"""HTTP client for one POST request under one deadline, which holds even when the server sends byte by byte."""

from __future__ import annotations

import http.client
import io
import socket
import ssl
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engines.addresses import Endpoint

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_CHUNK = 65_536


class RequestTimeout(TimeoutError):
    """The deadline passed before the whole response arrived."""


class AnswerTooLarge(ValueError):
    """The response body is longer than the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpResponse:
    """Response to a request; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """POST request; `addresses` are tried in order, `tls` is None for plain HTTP."""

    endpoint: Endpoint
    addresses: Sequence[str]
    headers: Mapping[str, str]
    body: bytes
    max_answer: int
    tls: ssl.SSLContext | None


def post(request: HttpRequest, *, deadline_at: float) -> HttpResponse:
    """Connect to one of the addresses, send the request, and read the response; redirects are not followed.

    Only the body of a response with status 200 is read.

    Raises:
        ExchangeTimeout: when `deadline_at` (monotonic clock) passes on the way.
        AnswerTooLarge: when the body has more than `max_answer` bytes.
        OSError, http.client.HTTPException: when the connection fails or the response is no HTTP.
    """
    try:
        with closing(_connect(request, deadline_at=deadline_at)) as connected:
            return _send_request(request, _TimedSocket(connected, deadline_at=deadline_at))
    except RequestTimeout:
        raise
    except TimeoutError as error:
        raise RequestTimeout("no answer within the deadline") from error


def _send_request(request: HttpRequest, timed_socket: _TimedSocket) -> HttpResponse:
    """Send the request over a connected socket and read the response."""
    connection = http.client.HTTPConnection(request.endpoint.host, request.endpoint.port)
    # http.client uses only three methods of a socket, and those of _TimedSocket keep the deadline.
    connection.sock = timed_socket
    headers = {"Host": request.endpoint.authority, "Connection": "close", **request.headers}
    connection.request("POST", request.endpoint.target, body=request.body, headers=headers)
    with connection.getresponse() as response:
        body = _read_body(response, request.max_answer) if response.status == http.HTTPStatus.OK else b""
        return HttpResponse(
            status=response.status,
            headers={name.lower(): value for name, value in response.getheaders()},
            body=body,
        )


def _read_body(response: http.client.HTTPResponse, limit: int) -> bytes:
    """Read a body of at most `limit` bytes; raise IncompleteRead when it ends before its announced length."""
    if response.length is not None and response.length > limit:
        raise AnswerTooLarge(f"the answer announces {response.length} bytes, more than {limit}")
    body = response.read(limit + 1)
    if len(body) > limit:
        raise AnswerTooLarge(f"the answer has more than {limit} bytes")
    if response.length:
        raise http.client.IncompleteRead(body, response.length)
    return body


def _connect(request: HttpRequest, *, deadline_at: float) -> socket.socket:
    """Connect to the first address that accepts, with TLS when the request needs it."""
    failure: OSError = ConnectionError("the host has no address")
    for index, address in enumerate(request.addresses):
        # An address that never answers must leave time for those after it.
        timeout_s = _remaining_s(deadline_at) / (len(request.addresses) - index)
        try:
            connected = socket.create_connection((address, request.endpoint.port), timeout=timeout_s)
        except OSError as error:
            failure = error
            continue
        return _wrap_tls(request, connected, deadline_at=deadline_at)
    raise failure


def _wrap_tls(request: HttpRequest, connected: socket.socket, *, deadline_at: float) -> socket.socket:
    """Return the socket itself for plain HTTP, else with TLS; close it when the handshake fails."""
    if request.tls is None:
        return connected
    try:
        connected.settimeout(_remaining_s(deadline_at))
        return request.tls.wrap_socket(connected, server_hostname=request.endpoint.host)
    except BaseException:
        connected.close()
        raise


def _remaining_s(deadline_at: float) -> float:
    """Return the seconds until the deadline; raise RequestTimeout when none are left."""
    remaining_s = deadline_at - time.monotonic()
    if remaining_s <= 0:
        raise RequestTimeout("no answer within the deadline")
    return remaining_s


class _TimedSocket:
    """Socket for http.client whose every send and receive has the time left until the deadline as its timeout."""

    def __init__(self, connected: socket.socket, *, deadline_at: float) -> None:
        self._socket = connected
        self._deadline_at = deadline_at

    def sendall(self, data: bytes) -> None:
        """Send all data in pieces; the sendall of a TLS socket would restart its timeout with each record."""
        pending = memoryview(data)
        while pending:
            self._socket.settimeout(_remaining_s(self._deadline_at))
            pending = pending[self._socket.send(pending[:_CHUNK]) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a buffered reader under the same deadline."""
        return io.BufferedReader(_TimedReader(self._socket, deadline_at=self._deadline_at))

    def close(self) -> None:
        """Do nothing: http.client closes its socket before the response is read, and `post` closes the connection."""


class _TimedReader(io.RawIOBase):
    """Raw reader of a socket whose every receive has the time left until the deadline as its timeout."""

    def __init__(self, connected: socket.socket, *, deadline_at: float) -> None:
        self._socket = connected
        self._deadline_at = deadline_at

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._socket.settimeout(_remaining_s(self._deadline_at))
        return self._socket.recv_into(buffer)
