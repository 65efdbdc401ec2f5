"""Conversion of venues' timestamps to aware UTC and back."""

from __future__ import annotations

from datetime import UTC, datetime

_OFFSET = len("+00:00")


def from_milliseconds(milliseconds: float) -> datetime:
    """Convert Unix time in milliseconds to aware UTC."""
    return datetime.fromtimestamp(milliseconds / 1000, tz=UTC)


def to_milliseconds(at: datetime) -> int:
    """Convert a moment to Unix time in milliseconds."""
    return int(at.timestamp() * 1000)


def parse_rfc3339(text: str) -> datetime:
    """Parse an RFC 3339 timestamp with any number of fractional digits, truncated to microseconds."""
    head, point, tail = text.replace("Z", "+00:00").partition(".")
    digits, offset = tail[:-_OFFSET], tail[-_OFFSET:]
    normalized = f"{head}.{digits[:6].ljust(6, '0')}{offset}" if point else head
    return datetime.fromisoformat(normalized).astimezone(UTC)
