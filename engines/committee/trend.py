"""The multi-timeframe agent: whether this interval and the next one up point the same way."""

from __future__ import annotations

from decimal import Decimal

from engines import reading
from engines.committee.opinion import Bias, Brief, Opinion, abstention

NAME = "multi_timeframe_trend"
WEIGHT = Decimal("0.07")
FLAT_PERCENT = Decimal("0.15")
ALIGNED, MIXED = Decimal(80), Decimal(55)
AGAINST_SIGNAL = Decimal(15)


def opine(brief: Brief) -> Opinion:
    """Lean to the side of EMA21 that the closes are on, on both intervals, 0.15 % around it being flat.

    Aligned: confidence 80. One side flat: the other leads, at 55. Opposed or both flat: neutral. Against the
    signal's direction: 15 less.
    """
    found = brief.indicators
    inputs = reading.texts(found, "close", "ema_21", "higher_close", "higher_ema_21")
    near = reading.distance_percent(found.get("close"), found.get("ema_21"))
    far = reading.distance_percent(found.get("higher_close"), found.get("higher_ema_21"))
    if near is None or far is None:
        return abstention(NAME, weight=WEIGHT, inputs=inputs)
    ways = (_way(near), _way(far))
    bias = Bias.of(sum(ways))
    is_against = bias.sign == -brief.direction.sign
    confidence = ALIGNED if abs(sum(ways)) == len(ways) else MIXED
    return Opinion(
        agent=NAME,
        weight=WEIGHT,
        bias=bias,
        confidence=confidence - AGAINST_SIGNAL if is_against else confidence,
        reasons=("aligned" if confidence == ALIGNED else "mixed",),
        inputs=inputs,
    )


def _way(distance: Decimal) -> int:
    return (distance > FLAT_PERCENT) - (distance < -FLAT_PERCENT)
