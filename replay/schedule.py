"""The schedule of a replay: the alerts that fire while there are bars, in order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from domain.signal import Source
from replay import alert_files, alert_symbols, bar_files, source_settings
from replay.alert_files import AlertFile, LoggedAlert
from replay.bar_files import BarFile


class OutsideBars(ValueError):
    """No alert fires while there are bars."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """A replay's input, read and found usable.

    `alerts` fire from `starts_at` (the first open of any bar) to `ends_at` (the last close of any); `outside` are
    the others: before and after the bars nothing is known of the market, so they are left out and counted. `settings`
    are those under which the alerts are read, as a source without a name. `without_bars` counts the alerts about
    instruments of which there are no bars, by instrument.
    """

    files: tuple[BarFile, ...]
    alert_file: AlertFile
    alerts: tuple[LoggedAlert, ...]
    outside: tuple[LoggedAlert, ...]
    starts_at: datetime
    ends_at: datetime
    settings: Source
    without_bars: Mapping[str, int] = field(default_factory=dict)


def read_schedule(
    bars: Sequence[str], alerts: Path, *, timezones: Sequence[str] = (), calendars: Sequence[str] = ()
) -> Schedule:
    """Read all files of a replay; `bars` are of the form `SYMBOL[:bid|:ask|:mid]=FILE`.

    Time zones and calendars of the bar files are for all, or, as `SYMBOL=...`, for those of one symbol.

    Raises:
        FileInvalid, BarSpecInvalid, OutsideBars: when a file or a specification cannot be used.
    """
    specs = bar_files.parse_specs(bars, timezones=timezones, calendars=calendars)
    files = bar_files.inspect_bar_files(specs)
    return build_schedule(files, alert_files.read_alert_file(alerts))


def apply_source(scheduled: Schedule, source: Source | None) -> Schedule:
    """Return the schedule with its alerts as they are read under a source's settings (None: the defaults).

    Messages without a symbol get that of the log's Ticker.

    Raises:
        BarsUnfit: when the bars are of no instrument that an alert is about.
    """
    settings = source_settings.build_settings(source, timeframe=scheduled.files[0].interval)
    alerts = alert_symbols.add_missing_symbols(scheduled.alerts, settings)
    without_bars = alert_symbols.check_bars_fit(alerts, scheduled.files, settings)
    return replace(scheduled, alerts=alerts, settings=settings, without_bars=without_bars)


def build_schedule(files: Sequence[BarFile], alert_file: AlertFile) -> Schedule:
    """Set aside the alerts that fire before the first bar opens or after the last one closes.

    The settings are the defaults; `apply_source` changes them.

    Raises:
        OutsideBars: when that leaves no alert; the message names both time spans.
    """
    starts_at, ends_at = min(file.first_open for file in files), max(file.last_end for file in files)
    inside = tuple(alert for alert in alert_file.alerts if starts_at <= alert.fired_at <= ends_at)
    if not inside:
        raise OutsideBars(
            f"no alert of {alert_file.path} fires while there are bars: alerts from"
            f" {alert_file.alerts[0].fired_at.isoformat()} to {alert_file.alerts[-1].fired_at.isoformat()},"
            f" bars from {starts_at.isoformat()} to {ends_at.isoformat()}"
        )
    return Schedule(
        files=tuple(files),
        alert_file=alert_file,
        alerts=inside,
        outside=tuple(alert for alert in alert_file.alerts if not starts_at <= alert.fired_at <= ends_at),
        starts_at=starts_at,
        ends_at=ends_at,
        settings=source_settings.build_settings(None, timeframe=files[0].interval),
    )
