"""Where servers that the tests share keep their files: in memory where there is room, since they are only copied."""

from __future__ import annotations

import shutil
from pathlib import Path

_IN_MEMORY = Path("/dev/shm")
_NEEDED = 3 * 1024**3


def directory() -> Path | None:
    """Return a directory in memory with room for a few hundred small databases, None where there is none.

    What these servers promise is not tested on them: tests that kill or fill a server start one of their own, on disk.
    """
    if not _IN_MEMORY.is_dir() or shutil.disk_usage(_IN_MEMORY).free < _NEEDED:
        return None
    return _IN_MEMORY
