"""Input, configuration and result of the rules of engine A."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from typing import Any

from domain.context import MarketContext
from domain.signal import Signal
from trading_orchestrator.sizing import Horizon


class RuleOutcome(Enum):
    """Outcome of a rule: `missing` when an input is missing, `ignored` when the configuration tolerates that."""

    PASSED = "passed"
    BLOCKED = "blocked"
    CAUTION = "caution"
    MISSING = "missing"
    IGNORED = "ignored"


class MissingConfidence(Enum):
    """Treatment of a signal without a confidence of its own."""

    IGNORE = "ignore"
    BLOCK = "block"


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesConfig:
    """Thresholds of engine A; tuples hold one per horizon, in the order scalp, swing, position, long-term.

    `volatility_bands` are percentiles 0..100 of the ATR as a share of the price; `max_spread_to_atr` is a ratio, so
    that it suits a currency pair and a coin alike.
    """

    missing_confidence: MissingConfidence = MissingConfidence.IGNORE
    min_confidence: tuple[int, ...] = (65, 60, 55, 50)
    volatility_bands: tuple[tuple[int, int], ...] = ((25, 80), (20, 85), (15, 90), (10, 95))
    max_spread_to_atr: Decimal = Decimal("0.25")
    min_bars: int = 200
    min_volume_ratio: Decimal = Decimal("0.5")
    max_halvings: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleInput:
    """Input of each rule; `horizon` is None when no interval is known."""

    config: RulesConfig
    signal: Signal
    context: MarketContext
    horizon: Horizon | None

    def by_horizon(self, values: tuple[Any, ...]) -> Any:
        """Return the value of this input's horizon out of one per horizon; None when there is no horizon."""
        return None if self.horizon is None else values[list(Horizon).index(self.horizon)]


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFinding:
    """Result of one rule. `inputs` and `threshold` are JSON values with decimals as strings."""

    rule: str
    outcome: RuleOutcome
    reason: str
    inputs: dict[str, Any]
    threshold: Any = field(default=None)

    def as_json(self, *, tier: int) -> dict[str, Any]:
        """Return the finding as it stands in the rationale."""
        return {
            "name": self.rule,
            "tier": tier,
            "outcome": self.outcome.value,
            "inputs": self.inputs,
            "threshold": self.threshold,
        }
