"""The disk that holds the data directory, as the operating system measures it."""

from __future__ import annotations

import shutil
from pathlib import Path

from domain.disk_space import DiskSpace


def measure(directory: Path | None) -> DiskSpace | None:
    """Return the space of the disk that holds a directory; None where there is none, or it cannot be asked."""
    try:
        usage = None if directory is None else shutil.disk_usage(directory)
    except OSError:
        return None
    return None if usage is None else DiskSpace(total=usage.total, free=usage.free)


def is_short(directory: Path | None) -> bool:
    """Return whether what is left of the disk is kept for exits; False where that is not known."""
    space = measure(directory)
    return space is not None and space.is_short
