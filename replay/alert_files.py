"""Alert files: the csv that TradingView's alert log exports, oldest first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from replay.rows import FileInvalid, Rows, parse_time

HEADER = "Alert ID,Ticker,Name,Description,Time"


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
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
    alerts: tuple[Alert, ...]
    digest: str


def read(path: Path) -> AlertFile:
    """Read `Alert ID,Ticker,Name,Description,Time`; Time is the firing time, UTC when it has no offset.

    Raises:
        FileInvalid: when the header, a time or the order is wrong, or when there is no alert.
    """
    rows = Rows(path, headers=(HEADER,))
    alerts: list[Alert] = []
    for line, fields in rows:
        alert = _alert(path, line, fields)
        if alerts and alert.fired_at < alerts[-1].fired_at:
            problem = (
                f"{fields[4]} is before {_iso(alerts[-1].fired_at)} on line {alerts[-1].line}; put the oldest first"
            )
            raise FileInvalid(path, problem, line=line, field="Time")
        alerts.append(alert)
    if not alerts:
        raise FileInvalid(path, "holds no alert below its header")
    return AlertFile(path=path, alerts=tuple(alerts), digest=rows.digest)


def _alert(path: Path, line: int, fields: list[str]) -> Alert:
    alert_id, ticker, name, description, time = fields
    try:
        fired_at = parse_time(time.strip())
    except (ValueError, OverflowError):
        problem = f"{time!r} is not a time; write 2017-01-05T10:00:00Z"
        raise FileInvalid(path, problem, line=line, field="Time") from None
    return Alert(line=line, alert_id=alert_id, ticker=ticker, name=name, body=description.encode(), fired_at=fired_at)


def _iso(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
