"""The context agent: the quick trend, trusted less the wilder the market is."""

from __future__ import annotations

from decimal import Decimal

from engines import reading
from engines.committee.opinion import Bias, Brief, Opinion, abstention

NAME = "context"
WEIGHT = Decimal("0.12")
CALM = Decimal(60)
# (ATR in percent of price above which, confidence), the wildest first
WILD = ((Decimal("2.5"), Decimal(30)), (Decimal("1.5"), Decimal(40)))


def opine(brief: Brief) -> Opinion:
    """Lean to the side of EMA8 against EMA21; confidence 60, 40 or 30 by ATR in percent of price."""
    found = brief.indicators
    inputs = reading.texts(found, "ema_8", "ema_21", "atr_percent")
    way, atr = reading.difference_sign(found.get("ema_8"), found.get("ema_21")), found.get("atr_percent")
    if way is None or atr is None:
        return abstention(NAME, weight=WEIGHT, inputs=inputs)
    confidence = next((trust for edge, trust in WILD if atr > edge), CALM)
    return Opinion(
        agent=NAME,
        weight=WEIGHT,
        bias=Bias.of(way),
        confidence=confidence,
        reasons=("calm" if confidence == CALM else "wild",),
        inputs=inputs,
    )
