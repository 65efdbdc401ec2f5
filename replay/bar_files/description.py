"""What a bar file holds and what was assumed of it, as JSON values and as text."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from replay.bar_files.placement import Omission, RowOrder
from replay.bar_files.reader import BarFile

_COLUMNS_NAMED = 8


def describe(file: BarFile) -> dict[str, Any]:
    """Return form, time zone, calendar, interval, count, first and last open, and what is left out, as JSON values."""
    assumed = file.assumptions
    return {
        "file": str(file.spec.path),
        "form": assumed.form,
        "timezone": assumed.timezone,
        "calendar": assumed.calendar,
        "interval": str(file.interval),
        "bars": file.count,
        "first": _format_time(file.first_open),
        "last": _format_time(file.last_open),
        "bars_outside_sessions": assumed.bars_outside,
        "decimal": "," if assumed.decimal_comma else ".",
        "order": assumed.order.value,
        "left_out": [_describe_omission(omission) for omission in assumed.omissions],
        "columns_left_out": list(assumed.columns_left_out),
    }


def format_lines(file: BarFile) -> list[str]:
    """Return the same as lines of text, to be printed before anything is done with the file."""
    span = f"from {_format_time(file.first_open)} to {_format_time(file.last_open)}"
    read_as = f"{file.spec.path}: {file.assumptions.title}, {_format_clock(file)}"
    remarks = [f"  {remark}" for remark in _format_remarks(file)]
    return [f"{read_as}; {file.count} bars of {file.interval} {span}", *remarks]


def _format_clock(file: BarFile) -> str:
    calendar = file.assumptions.calendar
    return f"times in {file.assumptions.timezone}" + (f", sessions of {calendar}" if calendar is not None else "")


def _format_remarks(file: BarFile) -> Iterator[str]:
    """Yield a remark for each thing that is not as in a plain file."""
    assumed = file.assumptions
    if assumed.order is not RowOrder.OLDEST_FIRST:
        yield f"sorted: its rows are {assumed.order.value}"
    if assumed.decimal_comma:
        yield "decimals follow a comma"
    if assumed.bars_outside:
        yield f"some bars open outside the sessions of {assumed.calendar}, so that these end no bar"
    for omission in assumed.omissions:
        rows = "row" if omission.count == 1 else "rows"
        yield f"left out: {omission.count} {rows} {omission.reason.value} (first on line {omission.first_line})"
    if assumed.columns_left_out:
        more = len(assumed.columns_left_out) - _COLUMNS_NAMED
        names = ", ".join(assumed.columns_left_out[:_COLUMNS_NAMED]) + (f" and {more} more" if more > 0 else "")
        yield f"columns left out: {names}"


def _describe_omission(omission: Omission) -> dict[str, Any]:
    return {"reason": omission.reason.name.lower(), "count": omission.count, "first_line": omission.first_line}


def _format_time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
