"""Free space of the disk that holds the data: when a person is told, and when no new alerts are taken."""

from __future__ import annotations

from dataclasses import dataclass

_LOW_SHARE = 0.10
# A little more must be free before the incident ends, else it would begin and end all the time.
_ENOUGH_SHARE = 0.12
_MEGABYTE = 1 << 20
# What is left is kept for exits; of that, the reserve is given back when even less is free.
_KEPT_FOR_EXITS, _KEPT_SHARE = 256 * _MEGABYTE, 0.05
_RESERVE, _RESERVE_SHARE = 32 * _MEGABYTE, 0.01


@dataclass(frozen=True, slots=True, kw_only=True)
class DiskSpace:
    """Size of a disk and what unprivileged processes may still write, in bytes."""

    total: int
    free: int

    @property
    def free_percent(self) -> float:
        """The free share in per cent, with one decimal."""
        return round(100 * self.free / self.total, 1) if self.total else 0.0

    @property
    def is_short(self) -> bool:
        """Whether what is left is kept for exits: 256 MB, of a small disk 5 %."""
        return self.free < min(_KEPT_FOR_EXITS, self.total * _KEPT_SHARE)

    def is_short_after(self, size: int) -> bool:
        """Return whether what is left after writing `size` bytes would be kept for exits."""
        return DiskSpace(total=self.total, free=self.free - size).is_short

    @property
    def reserve_size(self) -> int:
        """The size of the reserve: 32 MB, of a small disk 1 %."""
        return int(min(_RESERVE, self.total * _RESERVE_SHARE))

    @property
    def needs_reserve(self) -> bool:
        """Whether so little is left that the reserve is given back."""
        return self.free < self.reserve_size

    def is_low(self, *, was_low: bool) -> bool:
        """Return whether too little is free; after it was low, more must be free than before."""
        return self.free < self.total * (_ENOUGH_SHARE if was_low else _LOW_SHARE)
