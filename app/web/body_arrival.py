"""Waits for the whole body of a request on the server's event loop, where a slow sender holds no thread.

The server tells a body that broke off from one that ended: fewer bytes than announced, or a chunked body without its
last chunk or with a broken one. A cut alert can read like a complete one, so it must never be taken for that.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import AsyncIterable, Awaitable
from typing import Protocol

from granian.rsgi import ProtocolClosed  # type: ignore[attr-defined]  # its stubs re-export it silently

from app.web.request_body import MAX_READ, IncompleteBody

_MAX_AT_ONCE = 64 * 1024
# One byte more than any route takes, so that the route sees that it is too long.
_MAX_KEPT = 64 * 1024 + 1


class BodySource(AsyncIterable[bytes], Protocol):
    """The server's side of a request: the body at once by a call, or in pieces by iteration."""

    def __call__(self) -> Awaitable[bytes]:
        """Return the whole body."""


class _BrokenOff(ConnectionError):
    """The body ended before its end."""


async def receive_body(
    source: BodySource, *, announced: str | None, is_chunked: bool, within_s: float
) -> io.BytesIO | IncompleteBody:
    """Return the body as a stream; one that does not arrive whole within `within_s` seconds raises BodyIncomplete when
    it is read.

    `announced` is the Content-Length. Of a body that is too long for every route the first 64 KB and one byte are kept.
    """
    if announced is None and not is_chunked:
        return io.BytesIO()
    length = int(announced) if announced is not None and announced.isdecimal() else None
    try:
        async with asyncio.timeout(within_s):
            if length is not None and length <= _MAX_AT_ONCE:
                return io.BytesIO(await source())
            return io.BytesIO(await _receive_pieces(source, length))
    except TimeoutError:
        return IncompleteBody(f"the body did not arrive within {within_s:g} s; send it again")
    except (ProtocolClosed, _BrokenOff):
        return IncompleteBody("the body broke off before its end; send it again")


async def _receive_pieces(source: BodySource, length: int | None) -> bytes:
    """Return the beginning of a body whose length is unknown or too long; of the rest at most 4 MB are waited for."""
    kept, received, empty_pieces = bytearray(), 0, 0
    async for piece in source:
        received += len(piece)
        empty_pieces += not piece
        kept += piece[: _MAX_KEPT - len(kept)]
        if received > MAX_READ:
            return bytes(kept)
    # The server ends the iteration with one empty piece, and puts another in the place of an error.
    if empty_pieces > 1 or (length is not None and received != length):
        raise _BrokenOff
    return bytes(kept)
