"""Moments as venues write them, as aware UTC and back."""

from __future__ import annotations

from datetime import UTC, datetime

_OFFSET = len("+00:00")


def from_milliseconds(milliseconds: float) -> datetime:
    """Read a moment of Unix time in milliseconds."""
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def to_milliseconds(at: datetime) -> int:
    """Write a moment as milliseconds of Unix time."""
    return int(at.timestamp() * 1000)


def from_text(text: str) -> datetime:
    """Read RFC 3339, with as many digits of a second as there are; what is finer than a microsecond is cut off."""
    head, mark, tail = text.replace("Z", "+00:00").partition(".")
    digits, offset = tail[:-_OFFSET], tail[-_OFFSET:]
    written = f"{head}.{digits[:6].ljust(6, '0')}{offset}" if mark else head
    return datetime.fromisoformat(written).astimezone(UTC)
