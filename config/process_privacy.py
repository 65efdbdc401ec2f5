"""Hides the environment and memory of this process, where its secrets are, from other programs of the same user."""

from __future__ import annotations

import ctypes
import sys

_PR_SET_DUMPABLE = 4


def hide_process() -> None:
    """Let nobody but root read this process's environment and memory (Linux).

    Forks inherit this, programs that are started do not.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
