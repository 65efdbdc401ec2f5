"""Alert files: the csv that TradingView's alert log exports, oldest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from replay.rows import CsvRows, FileInvalid, parse_time

HEADER = "Alert ID,Ticker,Name,Description,Time"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedAlert:
    """One fired alert: `body` is its message verbatim, `line` where it ends in the file."""

    line: int
    alert_id: str
    ticker: str
    name: str
    body: bytes
    fired_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertFile:
    """All alerts of a file, firing times non-decreasing; `digest` is the SHA-256 of its decompressed bytes."""

    path: Path
    alerts: tuple[LoggedAlert, ...]
    digest: str


def read_alert_file(path: Path) -> AlertFile:
    """Read `Alert ID,Ticker,Name,Description,Time`; Time is the firing time, UTC when it has no offset.

    Raises:
        FileInvalid: when the header, a time or the order is wrong, or when there is no alert.
    """
    rows = CsvRows(path, headers=(HEADER,))
    alerts: list[LoggedAlert] = []
    for line, fields in rows:
        alert = _parse_alert(path, line, fields)
        if alerts and alert.fired_at < alerts[-1].fired_at:
            last = f"{_format_time(alerts[-1].fired_at)} on line {alerts[-1].line}"
            problem = f"{fields[4]} is before {last}; put the oldest first"
            raise FileInvalid(path, problem, line=line, field="Time")
        alerts.append(alert)
    if not alerts:
        raise FileInvalid(path, "holds no alert below its header")
    return AlertFile(path=path, alerts=tuple(alerts), digest=rows.digest)


def _parse_alert(path: Path, line: int, fields: list[str]) -> LoggedAlert:
    """Parse the fields of a row into an alert; raise FileInvalid when its time cannot be read."""
    alert_id, ticker, name, description, time = fields
    try:
        fired_at = parse_time(time.strip())
    except (ValueError, OverflowError):
        problem = f"{time!r} is not a time; write 2017-01-05T10:00:00Z"
        raise FileInvalid(path, problem, line=line, field="Time") from None
    return LoggedAlert(
        line=line, alert_id=alert_id, ticker=ticker, name=name, body=description.encode(), fired_at=fired_at
    )


def _format_time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
