"""The words a report uses, the same on every surface."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.comparison import srm
from reporting import plain

__all__ = ["CELLS", "CLOCKS", "ENGINES", "confidence", "gaps", "health", "plain", "reasons", "whole"]

ENGINES = ("A", "B")
CELLS = {"both": "both", "only_a": "only A", "only_b": "only B", "none": "none"}
CLOCKS = {
    "synchronized": "synchronized clock (a real trade's exit closes both)",
    "own": "own clock (each engine by its own plan)",
}


def confidence(alpha: float) -> str:
    """Write 1 - alpha in percent."""
    return f"{(1 - alpha) * 100:g} %"


def whole(count: int) -> str:
    """Write a count with thousands."""
    return f"{count:,}"


def reasons(document: Mapping[str, Any]) -> list[str]:
    """Return every exit reason that occurred, in a fixed order."""
    counts = document["exit_reasons"]
    return sorted({reason for engine in ENGINES for side in counts[engine].values() for reason in side})


def gaps(document: Mapping[str, Any]) -> str:
    """Say what real trades earned more or less than their models."""
    gap = document["execution_gaps"]
    told = [
        f"{engine} {plain.bps(gap[engine]['mean'])} over {whole(gap[engine]['trades'])} trades"
        for engine in ENGINES
        if gap[engine]["trades"]
    ]
    return ", ".join(told) or "no real trade has closed yet"


def health(figures: Mapping[str, Any]) -> list[tuple[bool, str]]:
    """Return each check as whether it is well, and what it says."""
    p = figures["srm_p"]
    return [
        (figures["hash_mismatches"] == 0, f"assignments that do not recompute: {figures['hash_mismatches']}"),
        (figures["context_mismatches"] == 0, f"pairs on differing snapshots: {figures['context_mismatches']}"),
        (p >= srm.WARN_BELOW, f"assignment balance: p {plain.p_value(p)} (sequential test)"),
        (figures["unresolved"] == 0, f"entry signals that have not ended on both sides: {figures['unresolved']}"),
    ]
