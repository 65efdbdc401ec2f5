"""Moments as venues write them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from venues import timestamps


@pytest.mark.parametrize(
    ("text", "microsecond"),
    [
        ("2026-01-05T10:00:00Z", 0),
        ("2026-01-05T10:00:00.5Z", 500_000),
        ("2026-01-05T10:00:00.123456Z", 123_456),
        ("2026-01-05T10:00:00.123456789Z", 123_456),
        ("2026-01-05T05:00:00.25-05:00", 250_000),
    ],
)
def test_a_time_is_read_whatever_its_precision(text: str, microsecond: int) -> None:
    assert timestamps.parse_rfc3339(text) == datetime(2026, 1, 5, 10, 0, 0, microsecond, tzinfo=UTC)


def test_milliseconds_come_back_as_they_were() -> None:
    assert timestamps.to_milliseconds(timestamps.from_milliseconds(1_767_607_200_123)) == 1_767_607_200_123
