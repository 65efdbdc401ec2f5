"""The report as one JSON document.

The same data gives the same document, bit for bit: it holds no wall time, latency or random id, and every ratio has
12 significant digits. Money is written as decimal strings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from domain import canonical, costs
from domain.comparison import integrity, naive, paired, staying_out, summary, verdict
from domain.comparison.integrity import ComparisonHealth
from domain.comparison.paired import Cell
from domain.comparison.record import StudyRecord
from domain.comparison.summary import EngineSummary
from domain.decision import EngineSlot
from domain.signal import Direction
from domain.study import ExitClock
from reporting import study_costs

JsonDocument = dict[str, Any]


def build_report(record: StudyRecord) -> JsonDocument:
    """Build the comparison of a study's engines on its exit clock, and on the other clock for comparison."""
    clock = record.study.exit_clock
    health = integrity.check_integrity(record, clock=clock)
    return {
        **_build_heading(record),
        "engines": _build_engine_sections(record, clock=clock),
        "difference": _build_difference(record, clock=clock),
        "cells": _build_cells(record, clock=clock),
        "exit_reasons": _map_engines(lambda engine: _count_exit_reasons(record, engine)),
        "directions": _map_engines(lambda engine: _count_directions(record, engine)),
        "stayed_out": _map_engines(lambda engine: _count_stay_outs(record, engine)),
        "missing_bars": [asdict(market) for market in record.missing_bars],
        "entry_prices": dict(sorted(record.entry_bases.items())),
        "answers": _map_engines(lambda engine: dict(sorted(summary.count_verdicts(record, engine).items()))),
        "execution_gap": paired.compute_execution_gap(record, tuple(EngineSlot)).mean,
        "execution_gaps": _map_engines(lambda engine: _build_execution_gap(record, engine)),
        "other_clock": _build_other_clock(record),
        "health": asdict(health),
        "verdict": _build_verdict(record, health),
    }


def _build_verdict(record: StudyRecord, health: ComparisonHealth) -> JsonDocument:
    """Build the verdict on the difference between the engines: its status and a sentence."""
    pairs = paired.build_pairs(record, clock=record.study.exit_clock)
    interval = naive.compute_interval([pair.difference for pair in pairs], alpha=record.study.alpha)
    traded = sum(pair.cell is not Cell.NONE for pair in pairs)
    conclusion = verdict.conclude(interval, health, pairs=len(pairs), traded=traded)
    return {"status": conclusion.status.value, "text": conclusion.text}


def _build_heading(record: StudyRecord) -> JsonDocument:
    """Build the facts about the study: its book, terms, versions, number of entries and time span."""
    study, measured, days = record.study, summary.find_span(record), summary.list_days(record)
    modes = Counter(entry.mode.value for entry in record.entries if entry.mode is not None)
    return {
        "study": study.name,
        "book": study.book,
        "exit_clock": study.exit_clock.value,
        "horizon_sessions": study.horizon_sessions,
        "simulated": record.is_simulated,
        "reference_capital": canonical.format_number(record.reference_capital),
        "currency": record.currency,
        "fill_model": record.fill_model,
        "engine_versions": _map_engines(lambda engine: record.engines[engine]),
        "modes": dict(sorted(modes.items())),
        "entries": len(record.entries) + record.unassigned,
        "span": measured
        and {
            "first": canonical.format_time(measured.first),
            "last": canonical.format_time(measured.last),
            "days": measured.days,
        },
        "trading_days": {"days": len(days.days), "per_year": days.per_year},
        "marked_to_market": bool(record.marked_drawdowns),
        "costs": costs.VERSION,
        "cost_rows": study_costs.build_rows(record),
    }


def _build_engine_sections(record: StudyRecord, *, clock: ExitClock) -> JsonDocument:
    return _map_engines(lambda engine: _build_engine_section(summary.summarize(record, engine, clock=clock)))


def _build_engine_section(figures: EngineSummary) -> JsonDocument:
    return {
        "decisions": figures.decisions,
        "trades": figures.trades,
        "wins": figures.wins,
        "win_rate": figures.win_rate,
        "total_pnl": canonical.format_number(figures.total_pnl),
        "average_pnl": figures.average_pnl
        if figures.average_pnl is None
        else canonical.format_number(figures.average_pnl),
        "sharpe": figures.sharpe,
        "max_drawdown": figures.max_drawdown,
        "max_drawdown_closed": figures.max_drawdown_closed,
    }


def _build_difference(record: StudyRecord, *, clock: ExitClock) -> JsonDocument:
    """Build the mean return difference B - A per entry, with its naive confidence interval."""
    pairs = paired.build_pairs(record, clock=clock)
    interval = naive.compute_interval([pair.difference for pair in pairs], alpha=record.study.alpha)
    return {
        "estimate": interval.estimate,
        "ci_low": interval.low,
        "ci_high": interval.high,
        "alpha": float(record.study.alpha),
        "e_value": None,
        "p_anytime": None,
        "blocks": paired.count_entry_days(pairs),
        "pairs": len(pairs),
        "method": naive.METHOD,
        "label": naive.LABEL,
        "note": interval.note,
    }


def _build_cells(record: StudyRecord, *, clock: ExitClock) -> JsonDocument:
    """Build the shares of pairs by which engines traded (the cells), and their part of the difference."""
    shares = paired.split_by_cell(paired.build_pairs(record, clock=clock))
    return {
        cell.value: {"pairs": share.pairs, "share": share.share, "contribution": share.contribution}
        for cell, share in shares.items()
    }


def _count_exit_reasons(record: StudyRecord, engine: EngineSlot) -> JsonDocument:
    """Count an engine's exit reasons, by direction."""
    counts = summary.count_exit_reasons(record, engine, clock=record.study.exit_clock)
    return {direction.value: dict(sorted(counts[direction].items())) for direction in Direction}


def _count_stay_outs(record: StudyRecord, engine: EngineSlot) -> JsonDocument:
    """Count the signals that an engine did not trade by the reason, the most frequent first."""
    counts = staying_out.count_reasons(record, engine)
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _count_directions(record: StudyRecord, engine: EngineSlot) -> JsonDocument:
    """Count an engine's ended trades, by direction."""
    counts = summary.count_exit_reasons(record, engine, clock=record.study.exit_clock)
    return {direction.value: counts[direction].total() for direction in Direction}


def _build_execution_gap(record: StudyRecord, engine: EngineSlot) -> JsonDocument:
    """Build the mean return difference of an engine's real and model trades, with the number of trades."""
    gap = paired.compute_execution_gap(record, (engine,))
    return {"mean": gap.mean, "trades": gap.count}


def _build_other_clock(record: StudyRecord) -> JsonDocument:
    """Build the engines' figures and their difference on the exit clock that is not the study's."""
    other = ExitClock.OWN if record.study.exit_clock is ExitClock.SYNCHRONIZED else ExitClock.SYNCHRONIZED
    return {
        "exit_clock": other.value,
        "engines": _build_engine_sections(record, clock=other),
        "difference": _build_difference(record, clock=other),
    }


def _map_engines(value: Callable[[EngineSlot], object]) -> JsonDocument:
    """Return a value for each engine, by the engine's name."""
    return {engine.value: value(engine) for engine in EngineSlot}
