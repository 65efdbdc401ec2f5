"""Request bodies: read up to a limit, and read past it, so that the answer gets through."""

from __future__ import annotations

from typing import IO

_DRAINED = 4 * 1024 * 1024
_CHUNK = 64 * 1024


def read(stream: IO[bytes], *, most: int) -> bytes:
    """Return the body, at most one byte more than `most`; the rest is read and dropped."""
    chunks, missing = [], most + 1
    while missing and (chunk := stream.read(missing)):
        chunks.append(chunk)
        missing -= len(chunk)
    if not missing:
        drain(stream)
    return b"".join(chunks)


def drain(stream: IO[bytes]) -> None:
    """Read what is left of a body, up to 4 MB of it."""
    left = _DRAINED
    while left > 0 and (chunk := stream.read(_CHUNK)):
        left -= len(chunk)
