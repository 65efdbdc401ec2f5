"""Times without a zone are read in the source's, and a missing zone is recognised by the time of arrival."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.meaning import times
from alerts.meaning.times import ZoneUnknown
from alerts.understand import UnreadableAlert, understand
from domain.signal import Flag, NewSignal, Source
from tests.unit.alerts.test_formats import NOON, SOURCE


def read(payload: dict[str, Any], source: Source = SOURCE, at: datetime | None = NOON) -> NewSignal | UnreadableAlert:
    [result] = understand(json.dumps({"symbol": "NSE:SBIN"} | payload).encode(), source, received_at=at)
    return result


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        (None, NOON),
        ("UTC", NOON),
        ("+05:30", NOON - timedelta(hours=5, minutes=30)),
        ("Asia/Kolkata", NOON - timedelta(hours=5, minutes=30)),
        ("America/New_York", NOON + timedelta(hours=5)),
        ("-3", NOON + timedelta(hours=3)),
    ],
)
def test_a_time_without_zone_is_read_in_the_sources_zone(zone: str | None, expected: datetime) -> None:
    source = replace(SOURCE, timezone=zone)

    naive = read({"action": "buy", "timestamp": "2024-01-31T12:00:00"}, source, None)
    aware = read({"action": "buy", "timestamp": "2024-01-31T12:00:00Z"}, source, None)
    unix = read({"action": "buy", "timestamp": 1706702400}, source, None)

    assert isinstance(naive, NewSignal)
    assert isinstance(aware, NewSignal)
    assert isinstance(unix, NewSignal)
    assert (naive.event_at, aware.event_at, unix.event_at) == (expected, NOON, NOON)


@pytest.mark.parametrize(
    ("local", "length", "offset"),
    [
        ("2024-01-31T17:29:58", "5 h 30 min", "+05:30"),
        ("2024-01-31T17:30:00", "5 h 30 min", "+05:30"),
        ("2024-01-31T17:45:02", "5 h 45 min", "+05:45"),
        ("2024-01-31T12:59:10", "1 h", "+01:00"),
        ("2024-02-01T02:00:00Z", "14 h", "+14:00"),
    ],
)
@pytest.mark.parametrize("field", ["timestamp", "timenow", "time"])
def test_an_entry_whose_time_lies_ahead_by_quarter_hours_is_told_the_zone_it_lacks(
    local: str, length: str, offset: str, field: str
) -> None:
    result = read({"action": "buy", field: local})

    assert isinstance(result, UnreadableAlert)
    [error] = result.errors[field]
    assert error.startswith(f"its time is {length} in the future: does it lack {offset}?")
    assert f"--timezone {offset}" in error


@pytest.mark.parametrize(
    "time",
    [
        "2024-01-31T12:00:00",
        "2024-01-31T11:00:00",
        "2024-01-31T12:05:01Z",
        "2024-01-31T17:25:00",
        "2024-01-31T17:30:10",
        "2024-02-01T02:15:00",
        "2030-01-31T12:00:00",
    ],
)
def test_other_times_are_left_to_the_sources_longest_lag(time: str) -> None:
    assert isinstance(read({"action": "buy", "timestamp": time}), NewSignal)
    assert isinstance(read({"action": "buy", "timestamp": "2024-01-31T17:30:00"}, at=None), NewSignal)


def test_the_time_of_a_bar_may_lie_ahead_when_the_firing_time_does_not() -> None:
    signal = read({"action": "buy", "time": "2024-01-31T13:00:00Z", "timenow": "2024-01-31T12:00:00Z"})

    assert isinstance(signal, NewSignal)
    assert (signal.timestamp, signal.event_at) == (NOON + timedelta(hours=1), NOON)


def test_a_source_that_was_given_its_zone_is_understood() -> None:
    source = replace(SOURCE, timezone="+05:30")

    signal = read({"action": "buy", "timestamp": "2024-01-31T17:29:58"}, source)

    assert isinstance(signal, NewSignal)
    assert signal.event_at == NOON - timedelta(seconds=2)


def test_an_exit_leaves_such_a_time_out_and_says_so() -> None:
    signal = read({"action": "exit", "direction": "long", "timestamp": "2024-01-31T17:30:00"})

    assert isinstance(signal, NewSignal)
    assert (signal.event_at, signal.flags) == (None, (Flag.TIME_ZONE_MISSING,))


@pytest.mark.parametrize("text", ["Mars/Olympus", "+15:00", "", "../../etc/passwd", "5:30", "+05:75", "\x00"])
def test_a_text_that_is_no_zone_is_refused(text: str) -> None:
    with pytest.raises(ZoneUnknown):
        times.parse_zone(text)


def test_zones_are_names_and_offsets() -> None:
    summer = datetime(2024, 7, 1, 12, tzinfo=UTC)

    offsets = [
        summer.astimezone(times.parse_zone(text)).utcoffset() for text in ("Europe/Berlin", "UTC+5:30", "-04:00")
    ]

    assert offsets == [timedelta(hours=2), timedelta(hours=5.5), timedelta(hours=-4)]
