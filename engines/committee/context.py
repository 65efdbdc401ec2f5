"""The context agent: votes with the short-term trend, with less confidence the higher the volatility is."""

from __future__ import annotations

from decimal import Decimal

from engines import reading
from engines.committee.opinion import AgentInput, Bias, Opinion, abstain

NAME = "context"
WEIGHT = Decimal("0.12")
CALM = Decimal(60)
# (ATR in percent of the price, confidence above it), the highest first
CONFIDENCE_ABOVE_ATR = ((Decimal("2.5"), Decimal(30)), (Decimal("1.5"), Decimal(40)))


def form_opinion(agent_input: AgentInput) -> Opinion:
    """Vote bullish for EMA8 above EMA21, bearish below; confidence 60, 40 or 30 by ATR in percent of the price."""
    indicators = agent_input.indicators
    inputs = reading.format_indicators(indicators, "ema_8", "ema_21", "atr_percent")
    trend_sign, atr_percent = (
        reading.difference_sign(indicators.get("ema_8"), indicators.get("ema_21")),
        indicators.get("atr_percent"),
    )
    if trend_sign is None or atr_percent is None:
        return abstain(NAME, weight=WEIGHT, inputs=inputs)
    confidence = next((confidence for edge, confidence in CONFIDENCE_ABOVE_ATR if atr_percent > edge), CALM)
    return Opinion(
        agent=NAME,
        weight=WEIGHT,
        bias=Bias.from_sign(trend_sign),
        confidence=confidence,
        reasons=("calm" if confidence == CALM else "wild",),
        inputs=inputs,
    )
