"""Decisions of engines about signals, as they are stored: verdict, plan and reasons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from domain.signal import Direction

# What an engine that declares no latency is taken to need for an answer, in seconds, wherever latencies must repeat.
DEFAULT_LATENCY_S = Decimal("0.5")


class EngineSlot(Enum):
    """The two sides of the comparison."""

    A = "A"
    B = "B"

    @property
    def other(self) -> EngineSlot:
        """The other side."""
        return EngineSlot.B if self is EngineSlot.A else EngineSlot.A


class Verdict(Enum):
    """An engine's answer to a signal; ERROR stands for an answer that failed or came too late."""

    ENTER = "ENTER"
    HOLD = "HOLD"
    REJECT = "REJECT"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A price at which `fraction` (0..1 of the opening quantity) is closed."""

    price: Decimal
    fraction: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Trailing:
    """A trailing stop: armed once the price reaches `activation`, then `distance` behind the best price."""

    activation: Decimal
    distance: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The trade that an ENTER proposes. Prices are absolute, so the plan does not depend on fills.

    `max_hold` counts from the entry; targets are ordered from nearest to farthest and their fractions sum to at
    most 1 (what remains runs to the stop or the time limit).
    """

    side: Direction
    quantity: Decimal
    stop: Decimal
    targets: tuple[Target, ...]
    trailing: Trailing | None
    max_hold: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An engine's pure answer: the same input gives the same value.

    `plan` is set exactly when `verdict` is ENTER. `reasons` are stable codes; `rationale` holds the result of each rule
    or agent with its numbers (JSON values, decimals as strings). `confidence` is on 0..100.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    rationale: Mapping[str, Any]
    confidence: Decimal | None = None
    plan: Plan | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        if (self.plan is not None) != (self.verdict is Verdict.ENTER):
            raise ValueError("an ENTER needs a plan, and any other verdict must have none")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineAnswer:
    """A decision with its origin: engine, version, the context it was made on, and the time it took.

    `latency_ms` is the time from the question, once the engine was free to take it, to the answer; it is measured, so
    it does not repeat. `declared_latency_s` is the one that the engine declares, a part of its version.
    """

    slot: EngineSlot
    engine: str
    version: str
    context_hash: str
    decision: Decision
    latency_ms: Decimal = field(compare=False)
    declared_latency_s: Decimal = DEFAULT_LATENCY_S
