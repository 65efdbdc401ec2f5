"""Reading request bodies up to a limit; the rest is read and dropped, else the client never sees the answer."""

from __future__ import annotations

import io
from contextlib import suppress
from typing import IO, NoReturn

from werkzeug.exceptions import ServiceUnavailable

MAX_READ = 4 * 1024 * 1024
_CHUNK = 64 * 1024


class BodyIncomplete(ServiceUnavailable):
    """The body broke off or came too slowly; the sender may send it again."""


class IncompleteBody(io.RawIOBase):
    """The stream of a body that did not arrive whole. Reading raises, so nobody takes a part for the whole."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self._reason = reason

    def readable(self) -> bool:
        """Return True, as every stream of a body does."""
        return True

    def read(self, size: int = -1, /) -> NoReturn:  # noqa: ARG002 - the signature of streams
        """Raise BodyIncomplete."""
        raise BodyIncomplete(self._reason)

    def readinto(self, buffer: object, /) -> NoReturn:  # noqa: ARG002 - the signature of raw streams
        """Raise BodyIncomplete."""
        raise BodyIncomplete(self._reason)


def read(stream: IO[bytes], *, max_bytes: int) -> bytes:
    """Return the body, at most one byte more than `max_bytes`; the rest is read and dropped.

    Raises:
        BodyIncomplete: when it did not arrive whole.
    """
    chunks, missing = [], max_bytes + 1
    while missing and (chunk := stream.read(missing)):
        chunks.append(chunk)
        missing -= len(chunk)
    if not missing:
        drain(stream)
    return b"".join(chunks)


def drain(stream: IO[bytes]) -> None:
    """Read and drop the rest of a body, up to 4 MB of it."""
    left = MAX_READ
    with suppress(BodyIncomplete):
        while left > 0 and (chunk := stream.read(_CHUNK)):
            left -= len(chunk)
