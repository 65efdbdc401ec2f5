"""Free space of the disk that holds the data: when a person is told, and when no new alerts are taken."""

from __future__ import annotations

from dataclasses import dataclass

_LOW_SHARE = 0.10
# A little more must be free before the incident ends, else it would begin and end all the time.
_ENOUGH_SHARE = 0.12


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSpace:
    """Size of a disk and what unprivileged processes may still write, in bytes."""

    total: int
    free: int

    @property
    def free_percent(self) -> float:
        """The free share in per cent, with one decimal."""
        return round(100 * self.free / self.total, 1) if self.total else 0.0

    def is_low(self, *, was_low: bool) -> bool:
        """Return whether too little is free; after it was low, more must be free than before."""
        return self.free < self.total * (_ENOUGH_SHARE if was_low else _LOW_SHARE)
