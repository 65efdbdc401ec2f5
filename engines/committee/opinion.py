"""Input and opinion of an agent: a bias with a confidence, or an abstention when inputs are missing."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum
from typing import Any

from domain.signal import Direction
from engines import reading


class Bias(Enum):
    """Direction in which an agent expects the market to move."""

    BULLISH = "bullish"
    BEARISH = "bearish"
    NEUTRAL = "neutral"

    @classmethod
    def from_sign(cls, sign: int) -> Bias:
        """Return bullish for a positive sign, bearish for a negative one, neutral for 0."""
        if sign == 0:
            return cls.NEUTRAL
        return cls.BULLISH if sign > 0 else cls.BEARISH

    @property
    def sign(self) -> int:
        """The sign of the bias: +1 bullish, -1 bearish, 0 neutral."""
        match self:
            case Bias.BULLISH:
                return 1
            case Bias.BEARISH:
                return -1
            case Bias.NEUTRAL:
                return 0


class MarketState(Enum):
    """Kind of market, as the regime agent classifies it."""

    TREND = "trend"
    COMPRESSION = "compression"
    EXPANSION = "expansion"
    RANGE = "range"
    TRANSITIONAL = "transitional"


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentInput:
    """Input of each agent: the indicators, and the signal's direction (only the trend agent uses it)."""

    indicators: reading.Indicators
    direction: Direction


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """Opinion of one agent. `bias` is None when it abstains; `confidence` is on 0..100.

    `block` is the code of an objection that rejects the signal whatever the votes; only the regime agent sets `state`.
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
        """The agent's vote: +1, -1, or 0 when it is neutral or abstains."""
        return 0 if self.bias is None else self.bias.sign

    def as_json(self) -> dict[str, Any]:
        """Return the opinion as it stands in the rationale."""
        return {
            "name": self.agent,
            "weight": str(self.weight),
            "outcome": "abstained" if self.bias is None else self.bias.value,
            "confidence": str(self.confidence),
            "reasons": list(self.reasons),
            "inputs": self.inputs,
            "block": self.block,
        }


def abstain(agent: str, *, weight: Decimal, inputs: dict[str, Any]) -> Opinion:
    """Return the opinion of an agent that abstains because an input is missing."""
    return Opinion(
        agent=agent, weight=weight, bias=None, confidence=Decimal(0), reasons=("inputs_missing",), inputs=inputs
    )
