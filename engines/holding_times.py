"""The longest time for which an engine's plans may hold a trade."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

from domain.intervals import Interval
from domain.ports import Engine
from engines.committee import CommitteeEngine
from engines.rules import RulesEngine
from trading_orchestrator import sizing

BUILT_IN = frozenset({RulesEngine.name, CommitteeEngine.name})


def find_longest_hold(engine: Engine) -> timedelta | None:
    """Return the longest time limit of an engine's plans on any interval; None when it declares none."""
    if isinstance(engine, RulesEngine | CommitteeEngine):
        return max(sizing.MAX_HOLD.values())
    declared = getattr(engine, "longest_hold", None)
    return declared if isinstance(declared, timedelta) else None


def find_longest_built_in_hold(intervals: Collection[Interval]) -> timedelta:
    """Return the longest time limit of the built-in engines' plans on some intervals; on any, where none is given."""
    if not intervals:
        return max(sizing.MAX_HOLD.values())
    return max(sizing.MAX_HOLD[sizing.Horizon.of(interval.approximate)] for interval in intervals)
