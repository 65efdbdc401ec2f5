"""Ways to write a time, and their readers: numbers since 1970, ISO 8601, and dates with dots, slashes or nothing.

A reader returns an aware UTC time where the text names its offset, else a naive one.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone

TimeReader = Callable[[str], datetime]
_EPOCH_START = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH = re.compile(r"(\d{9,10})(?:\.(\d+))?|(\d{12,13})|(\d{15,16})")
_TIME_OF_DAY = (
    r"(?:[T,]?[ ]*(?P<hour>\d{1,2})(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?"
    r"|(?P<minute_>\d\d)(?P<second_>\d\d)?)[ ]*(?P<half>[AaPp][Mm])?)?"
)
_OFFSET = r"[ ]*(?P<offset>Z|UTC|GMT|(?:UTC|GMT)?[+-]\d{1,2}(?::?\d\d)?)?"
_TAIL = _TIME_OF_DAY + _OFFSET
_YEAR_FIRST = re.compile(r"(?P<year>\d{4})[-./](?P<month>\d{1,2})[-./](?P<day>\d{1,2})" + _TAIL)
_COMPACT = re.compile(r"(?P<year>[12]\d{3})(?P<month>\d\d)(?P<day>\d\d)(?![\d])" + _TAIL)
_DOTTED = re.compile(r"(?P<day>\d{1,2})\.(?P<month>\d{1,2})\.(?P<year>\d{4})" + _TAIL)
_MONTH_NAME = re.compile(
    r"(?:(?P<day>\d{1,2})[- ](?P<name>[A-Za-z]{3})[A-Za-z]*[- ]"
    r"|(?P<name_>[A-Za-z]{3})[A-Za-z]*\.? (?P<day_>\d{1,2}),? )(?P<year>\d{4})" + _TAIL
)
_MONTH_NAMES = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY_FIRST = re.compile(r"(?P<day>\d{1,2})[-/](?P<month>\d{1,2})[-/](?P<year>\d{4})" + _TAIL)
_MONTH_FIRST = re.compile(r"(?P<month>\d{1,2})[-/](?P<day>\d{1,2})[-/](?P<year>\d{4})" + _TAIL)


class DateAmbiguous(ValueError):
    """No date of the file tells whether its day or its month comes first."""


class DateContradictory(ValueError):
    """One date of the file can only begin with its day, another one only with its month."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeFormat:
    """A way to write times; `is_epoch` for numbers, which are of no time zone."""

    name: str
    read: TimeReader
    is_epoch: bool = False


def read_epoch(text: str) -> datetime:
    """Read seconds (also with decimals), milliseconds or microseconds since 1970, told apart by their digits.

    Raises:
        ValueError: when the number is of another length.
    """
    match = _EPOCH.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} has the length of neither Unix seconds, milliseconds nor microseconds")
    seconds, decimals, milliseconds, microseconds = match.groups()
    if seconds:
        fraction = timedelta(microseconds=int(f"{decimals or 0:0<6}"[:6]))
        return _EPOCH_START + timedelta(seconds=int(seconds)) + fraction
    if milliseconds:
        return _EPOCH_START + timedelta(milliseconds=int(milliseconds))
    return _EPOCH_START + timedelta(microseconds=int(microseconds))


def read_iso(text: str) -> datetime:
    """Read ISO 8601 with a date in dashes; a time of day may follow after a space, an offset or UTC after that.

    Raises:
        ValueError: when the text has another form.
    """
    if text[4:5] != "-":
        raise ValueError(f"{text!r} does not begin with a date such as 2017-01-05")
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return _read_parts(_YEAR_FIRST, text)
    return at if at.tzinfo is None else at.astimezone(UTC)


def choose_format(text: str, *, all_texts: Callable[[], Iterable[str]]) -> TimeFormat:
    """Return the format in which a text is written; `all_texts` are those of the file, for slashes only.

    Raises:
        ValueError: when it is none that is known.
        DateAmbiguous, DateContradictory: when slashes or dashes do not tell day from month.
    """
    if _DAY_FIRST.fullmatch(text):
        return _choose_slashes(all_texts())
    for time_format in _FORMATS:
        try:
            time_format.read(text)
        except (ValueError, OverflowError):
            continue
        return time_format
    raise ValueError(f"{text!r} is not a time")


def join_date_and_time(date: str, time_of_day: str) -> str:
    """Return a date and a time of day from two columns as one text; a leading zero that is missing is put back."""
    if time_of_day.isdigit():
        time_of_day = time_of_day.zfill(6 if len(time_of_day) > 4 else 4)
    return f"{date} {time_of_day}".rstrip()


def _read_parts(pattern: re.Pattern[str], text: str) -> datetime:
    """Read a time by the named parts of a pattern; raise ValueError when it does not match."""
    match = pattern.fullmatch(text)
    if match is None:
        raise ValueError(f"{text!r} is not a time")
    part = match.groupdict()
    if name := part.get("name") or part.get("name_"):
        part |= {"day": part["day"] or part["day_"], "month": str(_find_month(name))}
    hour = int(part["hour"] or 0)
    if part["half"]:
        hour = hour % 12 + (12 if part["half"].lower() == "pm" else 0)
    at = datetime(  # noqa: DTZ001 - made aware below if the text has an offset
        int(part["year"]),
        int(part["month"]),
        int(part["day"]),
        hour,
        int(part["minute"] or part["minute_"] or 0),
        int(part["second"] or part["second_"] or 0),
        int(f"{part['fraction'] or 0:0<6}"[:6]),
    )
    return at if part["offset"] is None else (at - _read_offset(part["offset"])).replace(tzinfo=UTC)


def _find_month(name: str) -> int:
    """Return the number of a month by the first three letters of its English name."""
    return _MONTH_NAMES.index(name.lower()) + 1


def _read_offset(text: str) -> timedelta:
    """Return the offset from UTC of a text such as Z, GMT+0100, +02:00 or -05."""
    digits = text.removeprefix("UTC").removeprefix("GMT").removeprefix("Z").replace(":", "")
    if not digits:
        return timedelta(0)
    hours, minutes = int(digits[1:3]), int(digits[3:] or 0)
    offset = timedelta(hours=hours, minutes=minutes)
    timezone(offset)  # raises ValueError beyond a day
    return -offset if digits[0] == "-" else offset


def _reader(pattern: re.Pattern[str]) -> TimeReader:
    return lambda text: _read_parts(pattern, text)


def _choose_slashes(texts: Iterable[str]) -> TimeFormat:
    """Return whether the day or the month comes first, by a date of the file with a number above 12."""
    day_first = month_first = False
    for text in texts:
        match = _DAY_FIRST.fullmatch(text)
        day_first = day_first or (match is not None and int(match["day"]) > 12)
        month_first = month_first or (match is not None and int(match["month"]) > 12)
    if day_first and month_first:
        raise DateContradictory("some dates begin with their day, others with their month")
    if not (day_first or month_first):
        raise DateAmbiguous("no date tells whether the day or the month comes first")
    return _SLASHED_DAY_FIRST if day_first else _SLASHED_MONTH_FIRST


_SLASHED_DAY_FIRST = TimeFormat(name="31/12/2024", read=_reader(_DAY_FIRST))
_SLASHED_MONTH_FIRST = TimeFormat(name="12/31/2024", read=_reader(_MONTH_FIRST))
_FORMATS = (
    TimeFormat(name="since 1970", read=read_epoch, is_epoch=True),
    TimeFormat(name="2024-12-31", read=read_iso),
    TimeFormat(name="20241231", read=_reader(_COMPACT)),
    TimeFormat(name="2024.12.31", read=_reader(_YEAR_FIRST)),
    TimeFormat(name="31.12.2024", read=_reader(_DOTTED)),
    TimeFormat(name="31 Dec 2024", read=_reader(_MONTH_NAME)),
)
