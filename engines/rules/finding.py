"""What a rule says, and what rules are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

from domain.context import MarketContext
from domain.signal import Signal
from trading_orchestrator.sizing import Horizon


class Outcome(Enum):
    """How a rule ended: `missing` when its inputs are, `ignored` when the configuration says not to mind that."""

    PASSED = "passed"
    BLOCKED = "blocked"
    CAUTION = "caution"
    MISSING = "missing"
    IGNORED = "ignored"


class MissingConfidence(Enum):
    """What to do with a signal that carries no confidence."""

    IGNORE = "ignore"
    BLOCK = "block"


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesConfig:
    """The thresholds of engine A, by horizon in the order scalp, swing, position, long-term.

    `volatility_bands` are percentiles 0..100 of ATR as a share of price; `max_spread_to_atr` is a ratio, which
    means the same for a currency pair and a coin.
    """

    missing_confidence: MissingConfidence = MissingConfidence.IGNORE
    min_confidence: tuple[int, ...] = (65, 60, 55, 50)
    volatility_bands: tuple[tuple[int, int], ...] = ((25, 80), (20, 85), (15, 90), (10, 95))
    max_spread_to_atr: Decimal = Decimal("0.25")
    min_bars: int = 200
    min_volume_ratio: Decimal = Decimal("0.5")
    max_halvings: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What each rule is given; `horizon` is None when no interval is known."""

    config: RulesConfig
    signal: Signal
    context: MarketContext
    horizon: Horizon | None

    def by_horizon(self, values: tuple[Any, ...]) -> Any:
        """Pick a threshold by horizon; None when there is no horizon."""
        return None if self.horizon is None else values[list(Horizon).index(self.horizon)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one rule found. `inputs` and `threshold` are JSON values with decimals as strings."""

    rule: str
    outcome: Outcome
    reason: str
    inputs: dict[str, Any]
    threshold: Any = field(default=None)

    def as_json(self, *, tier: int) -> dict[str, Any]:
        """Write the finding for the rationale."""
        return {
            "name": self.rule,
            "tier": tier,
            "outcome": self.outcome.value,
            "inputs": self.inputs,
            "threshold": self.threshold,
        }
