"""Local times of a file as UTC: hours that a change of daylight saving time repeats, and those that it leaves out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo

# Zones in which charts and exports are usually written; each changes its clock on other dates or at other hours.
_COMMON_ZONES = (
    *("America/New_York", "America/Chicago", "Europe/London", "Europe/Berlin", "Europe/Athens"),
    *("Australia/Sydney", "Pacific/Auckland", "Asia/Jerusalem", "America/Santiago"),
)
_LONGEST_STEP_BACK = timedelta(hours=2)


class LocalTimeMissing(ValueError):
    """A local time does not exist in its zone: the clock was put forward over it. `index` is that of its row."""

    def __init__(self, index: int, local: datetime) -> None:
        super().__init__(f"{local.isoformat(sep=' ')} does not exist in the time zone: the clock was put forward then")
        self.index = index


def to_utc(local_times: Sequence[datetime], zone: tzinfo) -> Iterator[datetime]:
    """Yield naive times of a zone as aware UTC; the times are in ascending order, as far as their clock is.

    Of an hour that is repeated the times count as the first one until the clock goes back.

    Raises:
        LocalTimeMissing: when a time does not exist in the zone.
    """
    before: datetime | None = None
    fold = 0
    for index, local in enumerate(local_times):
        if not _is_ambiguous(local, zone):
            fold = 0
        elif before is not None and _is_ambiguous(before, zone) and local <= before:
            fold = 1
        before = local
        at = local.replace(tzinfo=zone, fold=fold).astimezone(UTC)
        if at.astimezone(zone).replace(tzinfo=None) != local:
            raise LocalTimeMissing(index, local)
        yield at


def looks_repeated(at: datetime, *, before: datetime | None) -> bool:
    """Return whether a naive time that a file has twice looks like one of an hour that a clock showed twice.

    Either the file goes back by an hour or two with it (`before` is the row before), or some common zone repeats it.
    """
    goes_back = before is not None and timedelta(0) < before - at <= _LONGEST_STEP_BACK
    return goes_back or any(_is_ambiguous(at, ZoneInfo(name)) for name in _COMMON_ZONES)


def _is_ambiguous(local: datetime, zone: tzinfo) -> bool:
    """Return whether the zone's clock shows that time twice."""
    first, second = (local.replace(tzinfo=zone, fold=fold).utcoffset() for fold in (0, 1))
    return first is not None and second is not None and first > second
