"""Bar files as they come: inspected once, then read as a stream of bars, oldest first."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from domain.context import Bar, PriceSide
from domain.intervals import Interval
from domain.sessions import BarTiming
from domain.signal import Instrument
from replay.bar_files import layout as layouts
from replay.bar_files import placement, scan
from replay.bar_files.layout import Layout
from replay.bar_files.placement import Omission, RowOrder, RowsInTime
from replay.bar_files.spec import BarSpec, BarSpecInvalid
from replay.file_content import FileContent, FileInvalid

_Row = tuple[int, list[str], datetime]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumptions:
    """What was assumed of a file beyond what it says: see `describe` for the words.

    `timezone` is the one in which its times are read. `calendar` is that of the option, with the version of its data;
    its sessions end no bar when there are `bars_outside` of them.
    """

    form: str
    title: str
    timezone: str
    calendar: str | None = None
    calendar_version: str | None = None
    bars_outside: bool = False
    decimal_comma: bool = False
    order: RowOrder = RowOrder.OLDEST_FIRST
    columns_left_out: tuple[str, ...] = ()
    omissions: tuple[Omission, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRows:
    """Where the bars of an inspected file are: its layout, and the place of each row in time."""

    layout: Layout
    in_time: RowsInTime


@dataclass(frozen=True, slots=True, kw_only=True)
class BarFile:
    """A bar file that was read to its end and found well-formed: interval, count, first and last bar.

    `digest` is the SHA-256 of its decompressed bytes; `last_end` is when its last bar closes.
    """

    spec: BarSpec
    interval: Interval
    count: int
    first_open: datetime
    last_open: datetime
    last_end: datetime
    digest: str
    assumptions: Assumptions
    rows: FileRows | None = field(default=None, repr=False, compare=False)


def inspect_bar_files(specs: Sequence[BarSpec]) -> tuple[BarFile, ...]:
    """Read each bar file to its end and return the files' descriptions, in the order given.

    Raises:
        FileInvalid: at the first thing that is wrong in a file.
        BarSpecInvalid: when two files hold the same instrument, side and interval.
    """
    seen: dict[tuple[Instrument, PriceSide, Interval], BarFile] = {}
    for spec in specs:
        file = inspect_bar_file(spec)
        key = (spec.instrument, spec.side, file.interval)
        if key in seen:
            series = f"{spec.instrument.symbol} {spec.side.value} {file.interval}"
            raise BarSpecInvalid(f"{seen[key].spec.path} and {spec.path} both give {series} bars; name one of them")
        seen[key] = file
    return tuple(seen.values())


def inspect_bar_file(spec: BarSpec) -> BarFile:
    """Read a file to its end, keeping no bar, and return its description; the interval is the most frequent gap.

    Raises:
        FileInvalid: naming the line, the column and what would be right.
    """
    layout = layouts.detect_layout(spec.path)
    scanned = scan.scan_file(spec.path, layout)
    in_time = placement.place_rows(spec.path, layout, scanned, spec.options)
    opens = in_time.bar_opens()
    if not opens:
        left_out = ", ".join(f"{omission.count} {omission.reason.value}" for omission in in_time.omissions)
        raise FileInvalid(spec.path, f"holds no bar; rows that are left out: {left_out}")
    return BarFile(
        spec=spec,
        interval=in_time.timing.interval,
        count=len(opens),
        first_open=opens[0],
        last_open=opens[-1],
        last_end=in_time.timing.closes_at(opens[-1]),
        digest=scanned.digest,
        assumptions=_state_assumptions(spec, layout, in_time),
        rows=FileRows(layout=layout, in_time=in_time),
    )


def read_bars(file: BarFile) -> Iterator[Bar]:
    """Stream the bars of an inspected file, oldest first, with close times where these are not those of the interval.

    Raises:
        FileInvalid: as `inspect_bar_file` does, or when the file is no longer what was inspected.
    """
    rows = file.rows
    assert rows is not None  # noqa: S101 - `inspect_bar_file` sets it
    timing = rows.in_time.timing
    before: Bar | None = None
    for bar in _parse_bars(file, rows):
        if before is not None:
            yield _close_bar(before, timing, next_open=bar.open_time)
        before = bar
    if before is not None:
        yield _close_bar(before, timing, next_open=None)


def _parse_bars(file: BarFile, rows: FileRows) -> Iterator[Bar]:
    """Yield the bars of a file as they are written, oldest first."""
    content = FileContent(file.spec.path)
    iterate = _iterate_in_order if rows.in_time.order is RowOrder.OLDEST_FIRST else _iterate_sorted
    for line, fields, open_time in iterate(file, rows, content):
        yield scan.parse_bar(file.spec.path, rows.layout, line, fields, open_time=open_time)
    if content.digest != file.digest:
        raise _file_changed(file)


def _close_bar(bar: Bar, timing: BarTiming, *, next_open: datetime | None) -> Bar:
    """Return the bar with its close time, if another than the end of its interval."""
    closes_at = timing.closes_at(bar.open_time, next_open=next_open)
    return bar if closes_at == timing.interval.end(bar.open_time) else replace(bar, close_time=closes_at)


def _iterate_in_order(file: BarFile, rows: FileRows, content: FileContent) -> Iterator[_Row]:
    """Yield the rows that are bars of a file with its oldest row first, as a stream."""
    opens = iter(rows.in_time.opens)
    for line, fields in scan.iterate_fields(file.spec.path, rows.layout, content):
        try:
            open_time = next(opens)
        except StopIteration:
            raise _file_changed(file) from None
        if open_time is not None:
            yield line, fields, open_time


def _iterate_sorted(file: BarFile, rows: FileRows, content: FileContent) -> Iterator[_Row]:
    """Yield the rows that are bars of a file in another order, which is kept in memory as text."""
    texts = list(content.lines())
    if content.digest != file.digest:
        raise _file_changed(file)
    opens, lines = rows.in_time.opens, rows.in_time.lines
    for index in rows.in_time.ascending:
        open_time, line = opens[index], lines[index]
        if open_time is not None:
            yield line, next(csv.reader([texts[line - 1]], delimiter=rows.layout.delimiter)), open_time


def _state_assumptions(spec: BarSpec, layout: Layout, in_time: RowsInTime) -> Assumptions:
    calendar = spec.options.calendar
    return Assumptions(
        form=in_time.form.name,
        title=in_time.form.title,
        timezone=str(in_time.zone),
        calendar=calendar.name if calendar is not None else None,
        calendar_version=calendar.version if calendar is not None else None,
        bars_outside=calendar is not None and in_time.timing.calendar is None,
        decimal_comma=layout.decimal_comma,
        order=in_time.order,
        columns_left_out=layout.columns.left_out,
        omissions=in_time.omissions,
    )


def _file_changed(file: BarFile) -> FileInvalid:
    return FileInvalid(file.spec.path, "changed while it was being read; start again")
