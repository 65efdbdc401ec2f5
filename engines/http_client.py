"""One HTTP request and its answer under one deadline, however slowly the other side drips."""

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


class ExchangeTimeout(TimeoutError):
    """The deadline passed before the whole answer was there."""


class AnswerTooLarge(ValueError):
    """The answer has more bytes than are read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What came back; header names are lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpCall:
    """A POST to be made; `addresses` are tried in order, `tls` is None for plain HTTP."""

    endpoint: Endpoint
    addresses: Sequence[str]
    headers: Mapping[str, str]
    body: bytes
    max_answer: int
    tls: ssl.SSLContext | None


def post(call: HttpCall, *, deadline_at: float) -> HttpAnswer:
    """Connect to one of the addresses, send, and read the answer; redirects are answers like any other.

    The body of an answer that is not 200 is not read.

    Raises:
        ExchangeTimeout: when `deadline_at` (monotonic clock) passes on the way.
        AnswerTooLarge: when the body has more than `max_answer` bytes.
        OSError, http.client.HTTPException: when the connection fails or what comes is no HTTP.
    """
    try:
        with closing(_connected(call, deadline_at=deadline_at)) as plain:
            return _exchanged(call, _TimedSocket(plain, deadline_at=deadline_at))
    except ExchangeTimeout:
        raise
    except TimeoutError as error:
        raise ExchangeTimeout("no answer within the deadline") from error


def _exchanged(call: HttpCall, line: _TimedSocket) -> HttpAnswer:
    connection = http.client.HTTPConnection(call.endpoint.host, call.endpoint.port)
    # http.client uses three methods of a socket, and these keep the deadline.
    connection.sock = line
    headers = {"Host": call.endpoint.authority, "Connection": "close", **call.headers}
    connection.request("POST", call.endpoint.target, body=call.body, headers=headers)
    with connection.getresponse() as response:
        body = _read(response, call.max_answer) if response.status == http.HTTPStatus.OK else b""
        return HttpAnswer(
            status=response.status,
            headers={name.lower(): value for name, value in response.getheaders()},
            body=body,
        )


def _read(response: http.client.HTTPResponse, limit: int) -> bytes:
    if response.length is not None and response.length > limit:
        raise AnswerTooLarge(f"the answer announces {response.length} bytes, more than {limit}")
    body = response.read(limit + 1)
    if len(body) > limit:
        raise AnswerTooLarge(f"the answer has more than {limit} bytes")
    if response.length:
        raise http.client.IncompleteRead(body, response.length)
    return body


def _connected(call: HttpCall, *, deadline_at: float) -> socket.socket:
    failure: OSError = ConnectionError("the host has no address")
    for number, address in enumerate(call.addresses):
        # An address that never answers must leave time for those after it.
        left = _left(deadline_at) / (len(call.addresses) - number)
        try:
            plain = socket.create_connection((address, call.endpoint.port), timeout=left)
        except OSError as error:
            failure = error
            continue
        return _secured(call, plain, deadline_at=deadline_at)
    raise failure


def _secured(call: HttpCall, plain: socket.socket, *, deadline_at: float) -> socket.socket:
    if call.tls is None:
        return plain
    try:
        plain.settimeout(_left(deadline_at))
        return call.tls.wrap_socket(plain, server_hostname=call.endpoint.host)
    except BaseException:
        plain.close()
        raise


def _left(deadline_at: float) -> float:
    left = deadline_at - time.monotonic()
    if left <= 0:
        raise ExchangeTimeout("no answer within the deadline")
    return left


class _TimedSocket:
    """What http.client needs of a socket, each step of it under what is left until the deadline."""

    def __init__(self, plain: socket.socket, *, deadline_at: float) -> None:
        self._plain = plain
        self._deadline_at = deadline_at

    def sendall(self, data: bytes) -> None:
        """Send all of it; a TLS socket would begin its timeout anew with each record."""
        pending = memoryview(data)
        while pending:
            self._plain.settimeout(_left(self._deadline_at))
            pending = pending[self._plain.send(pending[:_CHUNK]) :]

    def makefile(self, _mode: str) -> io.BufferedReader:
        """Return a reader."""
        return io.BufferedReader(_TimedReader(self._plain, deadline_at=self._deadline_at))

    def close(self) -> None:
        """Leave the connection to `post`: http.client closes it before it has read the answer."""


class _TimedReader(io.RawIOBase):
    def __init__(self, plain: socket.socket, *, deadline_at: float) -> None:
        self._plain = plain
        self._deadline_at = deadline_at

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._plain.settimeout(_left(self._deadline_at))
        return self._plain.recv_into(buffer)
