"""Reading request bodies up to a limit; the rest is read and dropped, else the client never sees the answer."""

from __future__ import annotations

from typing import IO

_MAX_DRAINED = 4 * 1024 * 1024
_CHUNK = 64 * 1024


def read(stream: IO[bytes], *, max_bytes: int) -> bytes:
    """Return the body, at most one byte more than `max_bytes`; the rest is read and dropped."""
    chunks, missing = [], max_bytes + 1
    while missing and (chunk := stream.read(missing)):
        chunks.append(chunk)
        missing -= len(chunk)
    if not missing:
        drain(stream)
    return b"".join(chunks)


def drain(stream: IO[bytes]) -> None:
    """Read and drop the rest of a body, up to 4 MB of it."""
    left = _MAX_DRAINED
    while left > 0 and (chunk := stream.read(_CHUNK)):
        left -= len(chunk)
