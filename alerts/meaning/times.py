"""Reading of an alert's times, in the source's time zone where they name none; a missing zone is recognised."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from functools import lru_cache
from zoneinfo import ZoneInfo

from alerts.meaning.field_reader import FieldReader
from alerts.parsing import values
from alerts.parsing.fields import Field
from domain.signal import Flag

_OFFSET = re.compile(r"(?:UTC|GMT)?([+-])(\d{1,2})(?::?([0-5]\d))?")
_LARGEST_OFFSET = timedelta(hours=14)
_QUARTER = timedelta(minutes=15)
# An alert arrives within two minutes of its time, and clocks differ by a few seconds.
_LONGEST_WAY, _CLOCK_ERROR = timedelta(minutes=2), timedelta(seconds=5)


class ZoneUnknown(ValueError):
    """A text names no time zone; the message describes a valid one."""


def read_times(reader: FieldReader) -> tuple[datetime | None, datetime | None]:
    """Read the bar's open and the firing time; None for one that is missing or unreadable, or lacks its zone.

    The last two are errors for an entry and flags for an exit. Only the firing time must not lie in the future, or the
    bar's where there is no other: some senders state when the bar will close.
    """
    bar_field = reader.fields.find_first(reader.aliases.bar_time)
    event_field = reader.fields.find_first(reader.aliases.event_time)
    bar_time = _read_time(reader, "bar_time", bar_field, is_judged=event_field is None)
    return bar_time, _read_time(reader, "event_time", event_field, is_judged=True)


def _read_time(reader: FieldReader, meaning: str, field: Field | None, *, is_judged: bool) -> datetime | None:
    if field is None:
        return None
    zone = parse_zone(reader.source.timezone) if reader.source.timezone is not None else UTC
    time = reader.parse_unneeded(meaning, field, lambda value: values.parse_time(value, zone), Flag.TIME_UNREADABLE)
    offset = find_missing_offset(time, reader.received_at) if is_judged else None
    if offset is None:
        return time
    reader.refuse_unless_exit(field, _describe_missing_zone(offset), Flag.TIME_ZONE_MISSING)
    return None


def find_missing_offset(time: datetime | None, received_at: datetime | None) -> timedelta | None:
    """Return by how many quarter hours, at most 14 hours, a time lies ahead of its arrival; None when it does not.

    Local time that is read as UTC lies ahead by the zone's offset, which is a whole number of quarter hours everywhere.
    """
    if time is None or received_at is None:
        return None
    ahead = time - received_at + _LONGEST_WAY
    offset = ahead // _QUARTER * _QUARTER
    way = offset - (time - received_at)
    return offset if _QUARTER <= offset <= _LARGEST_OFFSET and -_CLOCK_ERROR <= way <= _LONGEST_WAY else None


@lru_cache(maxsize=64)
def parse_zone(text: str) -> tzinfo:
    """Return the time zone of an IANA name such as Asia/Kolkata, or of an offset such as +05:30.

    Raises:
        ZoneUnknown: when the text is neither.
    """
    match = _OFFSET.fullmatch(text.strip())
    if match is not None:
        offset = timedelta(hours=int(match[2]), minutes=int(match[3] or 0))
        if offset <= _LARGEST_OFFSET:
            return timezone(offset if match[1] == "+" else -offset)
    try:
        return ZoneInfo(text.strip())
    except (ValueError, OSError, LookupError):
        raise ZoneUnknown("must be a time zone such as Asia/Kolkata, Europe/Berlin, UTC or +05:30") from None


def _describe_missing_zone(offset: timedelta) -> str:
    hours, minutes = divmod(int(offset.total_seconds()) // 60, 60)
    length = " ".join(f"{count} {unit}" for count, unit in ((hours, "h"), (minutes, "min")) if count)
    return (
        f"its time is {length} in the future: does it lack +{hours:02}:{minutes:02}? Send it with its zone, or give the"
        f" source one: sources set NAME --timezone +{hours:02}:{minutes:02}"
    )
