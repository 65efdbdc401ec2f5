"""Alert files: the table that TradingView's alert log exports, in any order of rows and columns."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from replay import time_formats
from replay.file_content import FileContent, FileInvalid

HEADER = "Alert ID,Ticker,Name,Description,Time"
_NAMES = tuple(name.lower() for name in HEADER.split(","))
_REQUIRED = ("description", "time")
_DELIMITERS = (",", ";", "\t")


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedAlert:
    """One fired alert: `body` is its message verbatim, `line` where it ends in the file.

    `ticker` is the symbol it fired on, such as `BINANCE:BTCUSDT`; `interval` the chart's, such as `1h`. Both are empty
    when the log does not say.
    """

    line: int
    alert_id: str
    ticker: str
    name: str
    body: bytes
    fired_at: datetime
    interval: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFile:
    """All alerts of a file, firing times non-decreasing; `digest` is the SHA-256 of its decompressed bytes."""

    path: Path
    alerts: tuple[LoggedAlert, ...]
    digest: str


def read_alert_file(path: Path) -> AlertFile:
    """Read TradingView's alert log; Time is the firing time, UTC when it has no offset.

    Columns are found by name; only Description and Time must be there, and others, such as `Webhook status`, are left
    out. Alerts are sorted by Time. Those of one time keep the file's order, reversed where it has its newest first.

    Raises:
        FileInvalid: when the header or a time is wrong, or when there is no alert.
    """
    content = FileContent(path)
    alerts = [_parse_alert(path, line, fields) for line, fields in _iterate_rows(path, content)]
    if not alerts:
        raise FileInvalid(path, "holds no alert below its header")
    if alerts[0].fired_at > alerts[-1].fired_at:
        alerts.reverse()
    alerts.sort(key=lambda alert: alert.fired_at)
    return AlertFile(path=path, alerts=tuple(alerts), digest=content.digest)


def _iterate_rows(path: Path, content: FileContent) -> Iterator[tuple[int, Mapping[str, str]]]:
    """Yield (line, fields by the lower-case name of their column) of each row; `line` is where the row ends.

    Raises:
        FileInvalid: when a column is missing, a row has another number of fields, or the file is not csv.
    """
    lines = content.lines()
    header = next(lines, "")
    if not header.strip():
        raise FileInvalid(path, f"is empty; the first line must be {HEADER}")
    delimiter = max(_DELIMITERS, key=header.count)
    reader = csv.reader(_chain(header, lines), delimiter=delimiter)
    try:
        names = _check_header(path, next(reader))
        for fields in reader:
            if len(fields) == len(names):
                yield reader.line_num, dict(zip(names, fields, strict=True))
            elif any(fields):
                problem = f"has {len(fields)} fields, not the {len(names)} of the header {header.strip()}"
                raise FileInvalid(path, problem, line=reader.line_num)
    except csv.Error as error:
        raise FileInvalid(path, f"is not csv: {error}", line=reader.line_num) from None


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _check_header(path: Path, columns: list[str]) -> list[str]:
    """Return the names of the columns in lower case; raise FileInvalid when a required one is missing."""
    names = [" ".join(name.lower().split()) for name in columns]
    missing = [name.capitalize() for name in _REQUIRED if name not in names]
    if missing:
        header = ",".join(columns)[:200]
        problem = (
            f"has the header {header}; it must be {HEADER}, in any order, and others may stand beside them."
            f" Not there: {', '.join(missing)}"
        )
        raise FileInvalid(path, problem, line=1)
    return names


def _parse_alert(path: Path, line: int, fields: Mapping[str, str]) -> LoggedAlert:
    """Parse the fields of a row into an alert; raise FileInvalid when its time cannot be read."""
    alert_id, ticker, name, description, time = (fields.get(column, "") for column in _NAMES)
    try:
        fired_at = parse_time(time.strip())
    except (ValueError, OverflowError):
        problem = f"{time!r} is not a time; write 2017-01-05T10:00:00Z"
        raise FileInvalid(path, problem, line=line, field="Time") from None
    symbol, _, interval = ticker.partition(",")
    return LoggedAlert(
        line=line,
        alert_id=alert_id,
        ticker=symbol.strip(),
        name=name,
        body=description.encode(),
        fired_at=fired_at,
        interval=interval.strip(),
    )


def parse_time(text: str) -> datetime:
    """Read ISO 8601 (UTC when it has no offset), or Unix seconds, milliseconds or microseconds, as aware UTC.

    Raises:
        ValueError: when the text is none of these.
    """
    at = time_formats.read_epoch(text) if text.isdigit() else time_formats.read_iso(text)
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at
