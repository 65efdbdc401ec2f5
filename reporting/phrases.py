"""Phrases of the report that text, page and charts share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from domain.comparison import srm
from reporting import formatting

ENGINES = ("A", "B")
CELLS = {"both": "both", "only_a": "only A", "only_b": "only B", "none": "none"}
_REASONS_SHOWN = 12
_MOST_WAITS = 0.05
_MARKETS_SHOWN = 5
_BASES = {
    "live": "live quote",
    "open": "open of a bar",
    "alert": "price of the alert",
    "next_open": "open of the next bar",
    "unknown": "unknown",
}
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


def list_stay_out_reasons(document: Mapping[str, Any]) -> list[str]:
    """Return the reasons for which engines stayed out, those of most signals first, at most as many as fit a page."""
    counts = document["stayed_out"]
    reasons = {reason for engine in ENGINES for reason in counts[engine]}
    total = {reason: sum(counts[engine].get(reason, 0) for engine in ENGINES) for reason in reasons}
    return sorted(reasons, key=lambda reason: (-total[reason], reason))[:_REASONS_SHOWN]


def describe_entry_prices(document: Mapping[str, Any]) -> str:
    """Describe at which prices the model trades were entered, by share."""
    counts = document["entry_prices"]
    total = sum(counts.values())
    shares = [
        f"{_BASES.get(basis, basis)} {formatting.format_percent(count / total)}"
        for basis, count in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    ]
    return ", ".join(shares) or "nothing was entered yet"


def describe_waits(document: Mapping[str, Any]) -> tuple[bool, str]:
    """Return whether few enough entries waited for the next bar, and the text of that check."""
    counts = document["entry_prices"]
    share = counts.get("next_open", 0) / (sum(counts.values()) or 1)
    is_good = share <= _MOST_WAITS
    cure = "" if is_good else "; finer bars, or a price in the alerts, measure them better"
    return is_good, f"entries that waited for the open of the next bar: {formatting.format_percent(share)}{cure}"


def describe_missing_bars(document: Mapping[str, Any]) -> list[tuple[bool, str]]:
    """Return the failed check that engines lacked closed bars; nothing where they had enough."""
    missing = [
        f"{market['symbol']} {market['timeframe']}: {market['known']} of {market['needed']} closed bars"
        for market in document["missing_bars"]
    ]
    if not missing:
        return []
    more = f" and {len(missing) - _MARKETS_SHOWN} more" if len(missing) > _MARKETS_SHOWN else ""
    shown = formatting.replace_unprintable(", ".join(missing[:_MARKETS_SHOWN]))
    return [(False, f"too few closed bars: {shown}{more}; `orchestrator bars import` adds history")]


def describe_execution_gaps(document: Mapping[str, Any]) -> str:
    """Describe each engine's execution gap: the mean return of its real trades minus that of its model trades."""
    gap = document["execution_gaps"]
    gaps = [
        f"{engine} {formatting.format_bps(gap[engine]['mean'])} over {format_count(gap[engine]['trades'])} trades"
        for engine in ENGINES
        if gap[engine]["trades"]
    ]
    return ", ".join(gaps) or "no real trade has closed yet"


def describe_health_checks(document: Mapping[str, Any]) -> list[tuple[bool, str]]:
    """Return each health check of a report as whether it passed, and its text."""
    figures = document["health"]
    p = figures["srm_p"]
    return [
        (figures["hash_mismatches"] == 0, f"assignments that do not recompute: {figures['hash_mismatches']}"),
        (figures["context_mismatches"] == 0, f"pairs on differing snapshots: {figures['context_mismatches']}"),
        (p >= srm.WARN_BELOW, f"assignment balance: p {formatting.format_p_value(p)} (sequential test)"),
        (figures["unresolved"] == 0, f"entry signals that have not ended on both sides: {figures['unresolved']}"),
        *_describe_price_jumps(figures.get("price_jumps", 0)),
        describe_waits(document),
        *describe_missing_bars(document),
    ]


def _describe_price_jumps(entries: int) -> list[tuple[bool, str]]:
    """Return the failed check of entries that met a jump in prices; nothing where there are none, as nearly always."""
    return [(False, f"entries that met a jump in prices like a split or bad data: {entries}")] if entries else []


def describe_measures(document: Mapping[str, Any]) -> list[str]:
    """Return the lines that say how money, Sharpe ratio and drawdown of a report are measured."""
    days, is_marked = document["trading_days"], document["marked_to_market"]
    marked = "at the close of each bar" if is_marked else "of closed trades, as there are no bars of all instruments"
    money = "Other currencies are converted at the exit; stable coins count at 1, or by a series of the book."
    return [
        money,
        f"Sharpe over {days['days']} trading days, times √{days['per_year']}. Maximum drawdown {marked}.",
    ]
