"""The multi-timeframe agent: compares the trend of the signal's interval with that of the next higher interval."""

from __future__ import annotations

from decimal import Decimal

from engines import reading
from engines.committee.opinion import AgentInput, Bias, Opinion, abstain

NAME = "multi_timeframe_trend"
WEIGHT = Decimal("0.07")
FLAT_PERCENT = Decimal("0.15")
ALIGNED, MIXED = Decimal(80), Decimal(55)
AGAINST_SIGNAL = Decimal(15)


def form_opinion(agent_input: AgentInput) -> Opinion:
    """Vote with the trends of both intervals: bullish with the close above EMA21, flat within 0.15 % of it.

    Both trends alike: confidence 80. One of them flat: the other counts, at 55. Opposite or both flat: neutral. A vote
    against the signal's direction has 15 less confidence.
    """
    indicators = agent_input.indicators
    inputs = reading.format_indicators(indicators, "close", "ema_21", "higher_close", "higher_ema_21")
    distance = reading.distance_percent(indicators.get("close"), indicators.get("ema_21"))
    higher_distance = reading.distance_percent(indicators.get("higher_close"), indicators.get("higher_ema_21"))
    if distance is None or higher_distance is None:
        return abstain(NAME, weight=WEIGHT, inputs=inputs)
    signs = (_trend_sign(distance), _trend_sign(higher_distance))
    bias = Bias.from_sign(sum(signs))
    is_against = bias.sign == -agent_input.direction.sign
    confidence = ALIGNED if abs(sum(signs)) == len(signs) else MIXED
    return Opinion(
        agent=NAME,
        weight=WEIGHT,
        bias=bias,
        confidence=confidence - AGAINST_SIGNAL if is_against else confidence,
        reasons=("aligned" if confidence == ALIGNED else "mixed",),
        inputs=inputs,
    )


def _trend_sign(distance: Decimal) -> int:
    """Return +1 or -1 for a close above or below EMA21, 0 for one close to it."""
    return (distance > FLAT_PERCENT) - (distance < -FLAT_PERCENT)
