"""What an agent says: a bias with a confidence, or nothing when its inputs are missing."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

from domain.signal import Direction
from engines import reading


class Bias(Enum):
    """Where an agent sees the market going."""

    BULLISH = "bullish"
    BEARISH = "bearish"
    NEUTRAL = "neutral"

    @classmethod
    def of(cls, way: int) -> Bias:
        """Return the bias of a sign."""
        if way == 0:
            return cls.NEUTRAL
        return cls.BULLISH if way > 0 else cls.BEARISH

    @property
    def sign(self) -> int:
        """+1 bullish, -1 bearish, 0 neutral."""
        match self:
            case Bias.BULLISH:
                return 1
            case Bias.BEARISH:
                return -1
            case Bias.NEUTRAL:
                return 0


class MarketState(Enum):
    """What kind of market the regime agent sees."""

    TREND = "trend"
    COMPRESSION = "compression"
    EXPANSION = "expansion"
    RANGE = "range"
    TRANSITIONAL = "transitional"


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """What each agent is given: the indicators, and the direction asked for (most agents do not look at it)."""

    indicators: reading.Indicators
    direction: Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """One agent's vote. `bias` is None when it abstains; `confidence` is on 0..100.

    `block` is the code of an objection that ends the matter; `state` is set by the regime agent only.
    """

    agent: str
    weight: Decimal
    bias: Bias | None
    confidence: Decimal
    reasons: tuple[str, ...]
    inputs: dict[str, Any]
    block: str | None = None
    state: MarketState | None = None

    @property
    def vote(self) -> int:
        """+1, -1, or 0 when neutral or abstaining."""
        return 0 if self.bias is None else self.bias.sign

    def as_json(self) -> dict[str, Any]:
        """Write the opinion for the rationale."""
        return {
            "name": self.agent,
            "weight": str(self.weight),
            "outcome": "abstained" if self.bias is None else self.bias.value,
            "confidence": str(self.confidence),
            "reasons": list(self.reasons),
            "inputs": self.inputs,
            "block": self.block,
        }


def abstention(agent: str, *, weight: Decimal, inputs: dict[str, Any]) -> Opinion:
    """Say nothing, because something needed is missing."""
    return Opinion(
        agent=agent, weight=weight, bias=None, confidence=Decimal(0), reasons=("inputs_missing",), inputs=inputs
    )
