"""The place of each row in time: its open as UTC, which rows are bars, and which are left out for which reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from enum import Enum
from itertools import pairwise
from pathlib import Path

from domain import bar_grid, sessions
from domain.intervals import Interval, IntervalInvalid, Unit
from domain.sessions import BarTiming
from replay.bar_files import date_stamps, forms, local_times
from replay.bar_files.forms import FileClock, Form
from replay.bar_files.layout import Layout
from replay.bar_files.local_times import LocalTimeMissing
from replay.bar_files.scan import FileScan
from replay.bar_files.spec import ReadingOptions
from replay.file_content import FileInvalid

_DATED_UNITS = frozenset({Unit.DAY, Unit.WEEK, Unit.MONTH})


class RowOrder(Enum):
    """In which order a file has its rows."""

    OLDEST_FIRST = "oldest first"
    NEWEST_FIRST = "newest first"
    MIXED = "mixed"


class OmissionReason(Enum):
    """Why a row is no bar."""

    NULL = "without prices"
    NO_SESSION = "on a date without a session"
    REPEATED = "with the time of the row before"
    OFF_GRID = "less than one interval after the row before"


@dataclass(frozen=True, slots=True, kw_only=True)
class Omission:
    """Rows that are left out for one reason: how many, and the line of the first."""

    reason: OmissionReason
    count: int
    first_line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RowsInTime:
    """The rows of a file in time.

    `lines` and `opens` have the line and the open of each row in the file's order; an open is None where the row is
    left out. `ascending` are the indices of the
    rows from the oldest to the newest. `zone` is the one in which the file writes its times.
    """

    form: Form
    zone: tzinfo
    order: RowOrder
    ascending: Sequence[int]
    lines: Sequence[int]
    opens: Sequence[datetime | None]
    timing: BarTiming
    omissions: tuple[Omission, ...]

    def bar_opens(self) -> list[datetime]:
        """Return the open times of all bars, ascending."""
        opens = (self.opens[index] for index in self.ascending)
        return [open_time for open_time in opens if open_time is not None]


def place_rows(path: Path, layout: Layout, scanned: FileScan, options: ReadingOptions) -> RowsInTime:
    """Place the rows of a file in time.

    Raises:
        FileInvalid: when its times are ambiguous without an option, or make no series of bars.
    """
    return _Placer(path, layout, scanned, options).place()


class _Placer:
    """Places the rows of one file."""

    def __init__(self, path: Path, layout: Layout, scanned: FileScan, options: ReadingOptions) -> None:
        self._path, self._layout, self._scanned, self._options = path, layout, scanned, options
        self._is_naive = bool(scanned.times) and scanned.times[0].tzinfo is None
        self._form = self._refine_form()

    def place(self) -> RowsInTime:
        """Place the rows: read the times in their zone, sort, find the interval, and leave out what is off the grid."""
        zone = self._choose_zone()
        indices = self._order_indices()
        self._refuse_repeated_hour(indices)
        utc = self._read_in_zone(indices, zone)
        by_time = sorted(range(len(utc)), key=utc.__getitem__)
        indices, utc = [indices[position] for position in by_time], [utc[position] for position in by_time]
        interval = self._find_interval(utc, zone)
        dates = self._find_dates(indices, interval)
        opens = list(utc) if dates is None else self._open_dated_bars(dates, interval, indices)
        read_in = self._date_zone(zone) if dates is not None else (zone if self._is_naive else UTC)
        return self._leave_out(indices, opens, interval, read_in)

    def _refine_form(self) -> Form:
        """Return Alpha Vantage's form for a plain file with its newest row first: the same columns, another clock."""
        times = self._scanned.times
        is_newest_first = self._is_naive and times[0] > times[-1] and self._layout.form is forms.PLAIN
        return forms.ALPHA_VANTAGE if is_newest_first else self._layout.form

    def _choose_zone(self) -> tzinfo:
        """Return the zone of the file's times; raise FileInvalid when it is a local one that was not named."""
        times = self._scanned.times
        if self._options.zone is not None:
            return self._options.zone
        if not self._is_naive or self._form.clock is FileClock.UTC or date_stamps.are_dates(times):
            return UTC
        problem = (
            f"{times[0].isoformat(sep=' ')} has no time zone ({self._form.title}); {self._form.zone_hint};"
            " --timezone UTC if it is UTC"
        )
        raise self._error(problem, 0)

    def _order_indices(self) -> list[int]:
        """Return the indices of the rows, the oldest first as far as the file is in order."""
        indices = list(range(len(self._scanned.times)))
        backwards = sum(later < earlier for earlier, later in pairwise(self._scanned.times))
        return indices[::-1] if backwards * 2 > len(indices) - 1 else indices

    def _refuse_repeated_hour(self, indices: Sequence[int]) -> None:
        """Refuse naive times of which one comes twice in an hour that clocks repeat, when no zone was given."""
        if not self._is_naive or self._options.zone is not None:
            return
        index_of: dict[datetime, int] = {}
        before: datetime | None = None
        for index in indices:
            at = self._scanned.times[index]
            first = index_of.setdefault(at, index)
            if first != index and local_times.looks_repeated(at, before=before):
                problem = (
                    f"{at.isoformat()} is also on line {self._scanned.lines[first]}, as local times are when the clock"
                    " is put back: the times look local; write each with its offset, or give --timezone ZONE"
                )
                raise self._error(problem, index)
            before = at

    def _read_in_zone(self, indices: Sequence[int], zone: tzinfo) -> list[datetime]:
        """Return the times of the rows as UTC; dates are midnight UTC until it is known when their bars open."""
        times = [self._scanned.times[index] for index in indices]
        if not self._is_naive or date_stamps.are_dates(times):
            return [at.replace(tzinfo=UTC) for at in times]
        try:
            return list(local_times.to_utc(times, zone))
        except LocalTimeMissing as error:
            problem = f"{error} ({zone}); give the time zone that the file is written in"
            raise self._error(problem, indices[error.index]) from None

    def _find_interval(self, utc: Sequence[datetime], zone: tzinfo) -> Interval:
        """Return the interval; raise FileInvalid when there are no two bars or their distance is no interval."""
        if len(set(utc)) < 2:
            count = len(set(utc))
            bars = "1 bar" if count == 1 else f"{count} bars"
            problem = f"holds {bars}; the interval is the most frequent gap, so there must be two"
            raise FileInvalid(self._path, problem)
        date_zone = UTC if date_stamps.are_dates(utc) else self._date_zone(zone)
        calendar = self._options.calendar
        are_consecutive = calendar.are_consecutive if calendar is not None else _never
        try:
            return bar_grid.find_interval(utc, zone=date_zone, are_consecutive=are_consecutive)
        except IntervalInvalid as error:
            problem = f"bars are no whole seconds apart: {error}; gaps must be whole seconds"
            raise FileInvalid(self._path, problem, field=self._layout.time_field) from None

    def _find_dates(self, indices: Sequence[int], interval: Interval) -> list[date] | None:
        """Return the dates that bars of days and longer are stamped with; None when they say when each opens.

        Midnight UTC is when bars do open in forms with days of UTC, and in TradingView's Unix times.
        """
        calendar = self._options.calendar
        is_instant = self._form.has_utc_days or (self._form is forms.TRADINGVIEW and self._is_epoch())
        if interval.unit not in _DATED_UNITS or (is_instant and calendar is None):
            return None
        written = [self._scanned.times[index] for index in indices]
        return date_stamps.find_dates(written, calendar.zone if calendar is not None else None)

    def _open_dated_bars(
        self, dates: Sequence[date], interval: Interval, indices: Sequence[int]
    ) -> list[datetime | None]:
        """Return the opens of bars that are stamped with a date: their session's open, None on a date without one.

        Raises:
            FileInvalid: when neither a calendar nor a time zone says when they open.
        """
        calendar, zone = self._options.calendar, self._options.zone
        if calendar is not None:
            return [date_stamps.open_in_session(day, interval, calendar) for day in dates]
        if zone is not None:
            return [date_stamps.open_at_midnight(day, interval, zone) for day in dates]
        problem = (
            f"bars of {interval} are stamped with dates, which do not say when a session opens; give --calendar NAME"
            " (XNYS for US stocks, 24/7 for what trades round the clock) or --timezone ZONE (bars open at its midnight)"
        )
        raise self._error(problem, indices[0])

    def _date_zone(self, zone: tzinfo) -> tzinfo:
        """Return the zone whose dates count: the calendar's if there is one."""
        return self._options.calendar.zone if self._options.calendar is not None else zone

    def _is_epoch(self) -> bool:
        return self._scanned.time_format is not None and self._scanned.time_format.is_epoch

    def _leave_out(
        self, indices: Sequence[int], opens: Sequence[datetime | None], interval: Interval, zone: tzinfo
    ) -> RowsInTime:
        """Return the rows in time, without those that are off the grid or on a date without a session."""
        calendar = self._options.calendar
        reasons = dict.fromkeys(
            (position for position, open_time in enumerate(opens) if open_time is None), OmissionReason.NO_SESSION
        )
        nulls = (position for position, index in enumerate(indices) if index in self._scanned.nulls)
        reasons |= dict.fromkeys(nulls, OmissionReason.NULL)
        on_date = [(position, at) for position, at in enumerate(opens) if at is not None and position not in reasons]
        series = [open_time for _, open_time in on_date]
        opens_part = calendar.opens_part if calendar is not None else _never
        off_grid = bar_grid.find_off_grid(series, interval=interval, zone=self._date_zone(zone), opens_part=opens_part)
        for number in off_grid:
            is_repeated = series[number] == series[number - 1]
            reasons[on_date[number][0]] = OmissionReason.REPEATED if is_repeated else OmissionReason.OFF_GRID
        in_file_order: list[datetime | None] = [None] * len(opens)
        for position, index in enumerate(indices):
            in_file_order[index] = None if position in reasons else opens[position]
        kept = [at for position, at in enumerate(opens) if at is not None and position not in reasons]
        return RowsInTime(
            form=self._form,
            zone=zone,
            order=_find_order(indices),
            ascending=indices,
            lines=self._scanned.lines,
            opens=in_file_order,
            timing=sessions.fit_timing(interval, calendar, kept, zone=zone),
            omissions=self._summarise({indices[position]: reason for position, reason in reasons.items()}),
        )

    def _summarise(self, reasons: dict[int, OmissionReason]) -> tuple[Omission, ...]:
        lines: dict[OmissionReason, list[int]] = {}
        for index, reason in reasons.items():
            lines.setdefault(reason, []).append(self._scanned.lines[index])
        return tuple(
            Omission(reason=reason, count=len(lines[reason]), first_line=min(lines[reason]))
            for reason in OmissionReason
            if lines.get(reason)
        )

    def _error(self, problem: str, index: int) -> FileInvalid:
        return FileInvalid(self._path, problem, line=self._scanned.lines[index], field=self._layout.time_field)


def _find_order(ascending: Sequence[int]) -> RowOrder:
    """Return the order of a file by the indices of its rows from the oldest to the newest."""
    steps = {later - earlier for earlier, later in pairwise(ascending)}
    if steps <= {1}:
        return RowOrder.OLDEST_FIRST
    return RowOrder.NEWEST_FIRST if steps == {-1} else RowOrder.MIXED


def _never(*_: object) -> bool:
    return False
