"""Memory and descriptors of processes with all their descendants, from Linux's /proc."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_PROC = Path("/proc")
_PAGE_MB = os.sysconf("SC_PAGE_SIZE") / 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessUsage:
    """What a process and its descendants use: memory in MB (shared pages count for each) and open descriptors."""

    memory_mb: float
    descriptors: int


def measure_processes(pids: Mapping[str, int]) -> dict[str, ProcessUsage]:
    """Return the usage of each named process with its descendants."""
    parents = _read_parents()
    return {name: _measure_tree(_list_tree(pid, parents)) for name, pid in pids.items()}


def _read_parents() -> dict[int, int]:
    """Return the parent of every process."""
    parents = {}
    for entry in _PROC.iterdir():
        with suppress(OSError, ValueError, IndexError):
            parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
    return parents


def _list_tree(pid: int, parents: Mapping[int, int]) -> list[int]:
    tree = [pid]
    for process in tree:
        tree += [child for child, parent in parents.items() if parent == process]
    return tree


def _measure_tree(tree: list[int]) -> ProcessUsage:
    memory_mb, descriptors = 0.0, 0
    for pid in tree:
        with suppress(OSError):
            memory_mb += int((_PROC / str(pid) / "statm").read_text().split()[1]) * _PAGE_MB
            descriptors += sum(1 for _ in (_PROC / str(pid) / "fd").iterdir())
    return ProcessUsage(memory_mb=memory_mb, descriptors=descriptors)
