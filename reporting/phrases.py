"""Phrases of the report that text, page and charts share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.comparison import srm
from reporting import formatting

ENGINES = ("A", "B")
CELLS = {"both": "both", "only_a": "only A", "only_b": "only B", "none": "none"}
CLOCKS = {
    "synchronized": "synchronized clock (a real trade's exit closes both)",
    "own": "own clock (each engine by its own plan)",
}


def format_confidence(alpha: float) -> str:
    """Format a confidence level, 1 - alpha, in percent."""
    return f"{(1 - alpha) * 100:g} %"


def format_count(count: int) -> str:
    """Format a count with thousands separators."""
    return f"{count:,}"


def list_exit_reasons(document: Mapping[str, Any]) -> list[str]:
    """Return every exit reason that occurred, in a fixed order."""
    counts = document["exit_reasons"]
    return sorted({reason for engine in ENGINES for side in counts[engine].values() for reason in side})


def describe_execution_gaps(document: Mapping[str, Any]) -> str:
    """Describe each engine's execution gap: the mean return of its real trades minus that of its model trades."""
    gap = document["execution_gaps"]
    gaps = [
        f"{engine} {formatting.format_bps(gap[engine]['mean'])} over {format_count(gap[engine]['trades'])} trades"
        for engine in ENGINES
        if gap[engine]["trades"]
    ]
    return ", ".join(gaps) or "no real trade has closed yet"


def describe_health_checks(figures: Mapping[str, Any]) -> list[tuple[bool, str]]:
    """Return each health check as whether it passed, and its text."""
    p = figures["srm_p"]
    return [
        (figures["hash_mismatches"] == 0, f"assignments that do not recompute: {figures['hash_mismatches']}"),
        (figures["context_mismatches"] == 0, f"pairs on differing snapshots: {figures['context_mismatches']}"),
        (p >= srm.WARN_BELOW, f"assignment balance: p {formatting.format_p_value(p)} (sequential test)"),
        (figures["unresolved"] == 0, f"entry signals that have not ended on both sides: {figures['unresolved']}"),
    ]


def describe_measures(document: Mapping[str, Any]) -> list[str]:
    """Return the lines that say how money, Sharpe ratio and drawdown of a report are measured."""
    days, is_marked = document["trading_days"], document["marked_to_market"]
    marked = "at the close of each bar" if is_marked else "of closed trades, as there are no bars of all instruments"
    money = "Other currencies are converted at the exit; stable coins count at 1, or by a series of the book."
    return [
        money,
        f"Sharpe over {days['days']} trading days, times √{days['per_year']}. Maximum drawdown {marked}.",
    ]
