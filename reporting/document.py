"""The report as one JSON document.

The same data gives the same document, bit for bit: it holds no wall time, latency or random id, and every ratio has
12 significant digits. Money is decimal strings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from domain import canonical
from domain.comparison import integrity, naive, paired, summary, verdict
from domain.comparison.integrity import ComparisonHealth
from domain.comparison.record import StudyRecord
from domain.comparison.summary import EngineSummary
from domain.decision import EngineSlot
from domain.signal import Direction
from domain.study import ExitClock

Document = dict[str, Any]


def build(record: StudyRecord) -> Document:
    """Compare the engines of a study on its exit clock, and show the other clock beside it."""
    clock = record.study.exit_clock
    health = integrity.check_integrity(record, clock=clock)
    return {
        **_heading(record),
        "engines": _engines(record, clock=clock),
        "difference": _difference(record, clock=clock),
        "cells": _cells(record, clock=clock),
        "exit_reasons": _by_engine(lambda engine: _reasons(record, engine)),
        "directions": _by_engine(lambda engine: _directions(record, engine)),
        "answers": _by_engine(lambda engine: dict(sorted(summary.count_verdicts(record, engine).items()))),
        "execution_gap": paired.compute_execution_gap(record, tuple(EngineSlot)).mean,
        "execution_gaps": _by_engine(lambda engine: _gap(record, engine)),
        "other_clock": _other_clock(record),
        "health": asdict(health),
        "verdict": _verdict(record, health),
    }


def _verdict(record: StudyRecord, health: ComparisonHealth) -> Document:
    differences = [pair.difference for pair in paired.build_pairs(record, clock=record.study.exit_clock)]
    interval = naive.compute_interval(differences, alpha=record.study.alpha)
    conclusion = verdict.conclude(interval, health, pairs=len(differences))
    return {"status": conclusion.status.value, "text": conclusion.text}


def _heading(record: StudyRecord) -> Document:
    study, measured = record.study, summary.find_span(record)
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
        "engine_versions": _by_engine(lambda engine: record.engines[engine]),
        "modes": dict(sorted(modes.items())),
        "entries": len(record.entries) + record.unassigned,
        "span": measured
        and {
            "first": canonical.format_time(measured.first),
            "last": canonical.format_time(measured.last),
            "days": measured.days,
        },
    }


def _engines(record: StudyRecord, *, clock: ExitClock) -> Document:
    return _by_engine(lambda engine: _engine(summary.summarize(record, engine, clock=clock)))


def _engine(figures: EngineSummary) -> Document:
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
    }


def _difference(record: StudyRecord, *, clock: ExitClock) -> Document:
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


def _cells(record: StudyRecord, *, clock: ExitClock) -> Document:
    shares = paired.split_by_cell(paired.build_pairs(record, clock=clock))
    return {
        cell.value: {"pairs": one.pairs, "share": one.share, "contribution": one.contribution}
        for cell, one in shares.items()
    }


def _reasons(record: StudyRecord, engine: EngineSlot) -> Document:
    counts = summary.count_exit_reasons(record, engine, clock=record.study.exit_clock)
    return {direction.value: dict(sorted(counts[direction].items())) for direction in Direction}


def _directions(record: StudyRecord, engine: EngineSlot) -> Document:
    counts = summary.count_exit_reasons(record, engine, clock=record.study.exit_clock)
    return {direction.value: counts[direction].total() for direction in Direction}


def _gap(record: StudyRecord, engine: EngineSlot) -> Document:
    gap = paired.compute_execution_gap(record, (engine,))
    return {"mean": gap.mean, "trades": gap.count}


def _other_clock(record: StudyRecord) -> Document:
    other = ExitClock.OWN if record.study.exit_clock is ExitClock.SYNCHRONIZED else ExitClock.SYNCHRONIZED
    return {
        "exit_clock": other.value,
        "engines": _engines(record, clock=other),
        "difference": _difference(record, clock=other),
    }


def _by_engine(value: Callable[[EngineSlot], object]) -> Document:
    return {engine.value: value(engine) for engine in EngineSlot}
