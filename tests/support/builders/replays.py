"""Builders for replay tests."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

from alerts.vocabulary import symbols
from domain.context import PriceSide
from domain.intervals import Interval
from replay import bar_files
from replay.alert_files import AlertFile, LoggedAlert
from replay.bar_files import HEADER, Assumptions, BarFile, BarSpec
from replay.identity import ReplayIdentity

NOON = datetime(2017, 1, 5, 12, tzinfo=UTC)
GOOD_ROW = "1.05,1.07,1.04,1.06"


def a_spec(
    path: Path,
    *,
    symbol: str = "EURUSD",
    side: PriceSide = PriceSide.ASK,
    timezone: str | None = None,
    calendar: str | None = None,
) -> BarSpec:
    options = bar_files.parse_options(timezone=timezone, calendar=calendar)
    return BarSpec(instrument=symbols.parse(symbol), side=side, path=path, options=options)


def a_file_of(tmp_path: Path, *rows: str, header: str = HEADER, name: str = "bars.csv") -> Path:
    """Write a csv (gzipped when the name says so) of the given lines."""
    path = tmp_path / name
    content = "".join(f"{line}\n" for line in (header, *rows)).encode()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def a_bar_file(
    *,
    symbol: str = "EURUSD",
    side: PriceSide = PriceSide.ASK,
    digest: str = "aa",
    first_open: datetime = NOON,
    **options: str,
) -> BarFile:
    """Ten hourly bars from `first_open`."""
    return BarFile(
        spec=a_spec(Path("bars.csv"), symbol=symbol, side=side, **options),
        interval=Interval.parse("1h"),
        count=10,
        first_open=first_open,
        last_open=first_open + timedelta(hours=9),
        last_end=first_open + timedelta(hours=10),
        digest=digest,
        assumptions=Assumptions(form="plain", title="plain", timezone="UTC"),
    )


def an_alert(*, after_h: float = 1, body: bytes = b"{}", line: int = 2) -> LoggedAlert:
    """An alert that fires `after_h` hours after noon."""
    return LoggedAlert(
        line=line, alert_id="1", ticker="EURUSD", name="a", body=body, fired_at=NOON + timedelta(hours=after_h)
    )


def an_alert_file(*alerts: LoggedAlert, digest: str = "bb") -> AlertFile:
    return AlertFile(path=Path("alerts.csv"), alerts=alerts or (an_alert(),), digest=digest)


def an_identity() -> ReplayIdentity:
    return ReplayIdentity(book="replay:0123456789ab", study_id=UUID(int=7), salt="salt")
