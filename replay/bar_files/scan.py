"""One pass over a bar file: each row parsed and checked, its time kept, no price kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from domain.context import Bar
from replay import time_formats
from replay.bar_files import layout as layouts
from replay.bar_files import numbers
from replay.bar_files.forms import FileClock
from replay.bar_files.layout import Layout
from replay.bar_files.numbers import PriceNotPositive
from replay.file_content import FileContent, FileInvalid
from replay.time_formats import DateAmbiguous, DateContradictory, TimeFormat

_YEARS = range(1900, 2200)
_NOT_A_TIME = "is not a time; write 2017-01-05T10:00:00Z (UTC when it has no offset) or Unix seconds"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileScan:
    """A file's rows in its own order: the line and the time of each, and the indices of those without prices (`nulls`).

    `times` are all aware UTC, or all naive when the file names no offset.
    """

    time_format: TimeFormat | None
    lines: Sequence[int]
    times: Sequence[datetime]
    nulls: frozenset[int]
    digest: str


def scan_file(path: Path, layout: Layout) -> FileScan:
    """Read a file to its end and return its times.

    Raises:
        FileInvalid: naming the line, the field and what would be right.
    """
    content = FileContent(path)
    lines: list[int] = []
    times: list[datetime] = []
    nulls: set[int] = set()
    time_format: TimeFormat | None = None
    is_mixed = False
    for line, fields in iterate_fields(path, layout, content):
        text = time_text(layout, fields)
        time_format = time_format or _choose_format(path, layout, line, text)
        at = _read_time(path, layout, line, text, time_format)
        is_mixed = is_mixed or (bool(times) and (at.tzinfo is None) != (times[0].tzinfo is None))
        if is_mixed and layout.form.clock is not FileClock.UTC:
            problem = f"{text!r} and the time on line {lines[0]} differ in whether they name an offset; write all alike"
            raise FileInvalid(path, problem, line=line, field=layout.time_field)
        if _is_null_row(layout, fields):
            nulls.add(len(lines))
        else:
            parse_bar(path, layout, line, fields, open_time=at)
        lines.append(line)
        times.append(at)
    if is_mixed:
        times = [at if at.tzinfo is not None else at.replace(tzinfo=UTC) for at in times]
    return FileScan(time_format=time_format, lines=lines, times=times, nulls=frozenset(nulls), digest=content.digest)


def iterate_fields(path: Path, layout: Layout, content: FileContent) -> Iterator[tuple[int, list[str]]]:
    """Yield (line, fields) of each row of a file; raise FileInvalid for one with another number of fields."""
    for line, fields in layouts.split_rows(path, content.lines(), layout):
        row = fields[:-1] if len(fields) == layout.width + 1 and not fields[-1] else fields
        if len(row) != layout.width:
            first = f"the header {layout.header}" if layout.header else f"line {layout.first_line}"
            raise FileInvalid(path, f"has {len(row)} fields, not the {layout.width} of {first}", line=line)
        yield line, row


def _is_null_row(layout: Layout, fields: Sequence[str]) -> bool:
    """Return whether no price of a row is known, as on the days for which Yahoo writes null."""
    return all(numbers.is_null(fields[index]) for index in layout.columns.prices)


def time_text(layout: Layout, fields: Sequence[str]) -> str:
    """Return the text of a row's time, joined when it stands in two columns."""
    texts = [fields[index].strip() for index in layout.columns.time]
    return texts[0] if len(texts) == 1 else time_formats.join_date_and_time(*texts)


def parse_bar(path: Path, layout: Layout, line: int, fields: Sequence[str], *, open_time: datetime) -> Bar:
    """Parse the prices and volume of a row, and check that high and low bound the others.

    Raises:
        FileInvalid: naming the line and the column.
    """
    prices = [_parse_price(path, layout, line, index, fields[index]) for index in layout.columns.prices]
    open_, high, low, close = prices
    if high < open_ or high < close:
        problem = f"{high} is below the open or the close; it must be the highest"
        raise FileInvalid(path, problem, line=line, field=layout.price_field("high"))
    if low > open_ or low > close:
        problem = f"{low} is above the open or the close; it must be the lowest"
        raise FileInvalid(path, problem, line=line, field=layout.price_field("low"))
    volume = _parse_volume(path, layout, line, fields)
    return Bar(open_time=open_time, open=open_, high=high, low=low, close=close, volume=volume)


def _parse_price(path: Path, layout: Layout, line: int, index: int, text: str) -> Decimal:
    """Parse a price above 0; raise FileInvalid for anything else."""
    try:
        return numbers.parse_price(text, decimal_comma=layout.decimal_comma)
    except PriceNotPositive:
        problem = f"{text!r}: prices at or below zero are not supported; leave such rows out"
    except ValueError:
        problem = f"{text!r} is not a price; write a number above 0 such as 1.05236"
        if "," in text:
            problem += ", without commas (a decimal comma is read where ; or tabs stand between all columns)"
    raise FileInvalid(path, problem, line=line, field=layout.columns.names[index])


def _parse_volume(path: Path, layout: Layout, line: int, fields: Sequence[str]) -> Decimal | None:
    """Parse a volume of at least 0; None where it is not known or there is no such column."""
    index = layout.columns.volume
    if index is None:
        return None
    try:
        return numbers.parse_volume(fields[index], decimal_comma=layout.decimal_comma)
    except ValueError:
        problem = f"{fields[index]!r} is not a volume; write a number of at least 0, or nothing when it is not known"
        raise FileInvalid(path, problem, line=line, field=layout.columns.names[index]) from None


def _choose_format(path: Path, layout: Layout, line: int, text: str) -> TimeFormat:
    """Return the format of the file's times by the first of them; raise FileInvalid when there is none."""
    try:
        return time_formats.choose_format(text, all_texts=_all_time_texts(path, layout))
    except (DateAmbiguous, DateContradictory) as error:
        problem = f"{text!r}: {error}; write dates as 2024-12-31"
    except ValueError:
        problem = f"{text!r} {_NOT_A_TIME}"
    raise FileInvalid(path, problem, line=line, field=layout.time_field)


def _all_time_texts(path: Path, layout: Layout) -> Callable[[], Iterator[str]]:
    return lambda: (time_text(layout, fields) for _, fields in iterate_fields(path, layout, FileContent(path)))


def _read_time(path: Path, layout: Layout, line: int, text: str, time_format: TimeFormat) -> datetime:
    try:
        at = time_format.read(text)
        if at.year not in _YEARS:
            raise ValueError(text)
    except (ValueError, OverflowError):
        raise FileInvalid(path, f"{text!r} {_NOT_A_TIME}", line=line, field=layout.time_field) from None
    return at
