"""The squeeze agent: which way a narrow market breaks out."""

from __future__ import annotations

from decimal import Decimal

from engines import reading
from engines.committee.opinion import Bias, Brief, Opinion, abstention

NAME = "squeeze"
WEIGHT = Decimal("0.10")
INPUTS = (
    "close",
    "bollinger_upper",
    "bollinger_middle",
    "bollinger_lower",
    "keltner_upper",
    "keltner_lower",
    "bollinger_width_percentile",
    "momentum_10",
)
RELEASED, WAITING = Decimal(70), Decimal(50)
# A band this narrow (percentile 0..100 of its own past) has only just left the channel.
NARROW = Decimal(50)


def opine(brief: Brief) -> Opinion:
    """Lean with the momentum when the band has just left the Keltner channel and the close has gone the same way."""
    found = brief.indicators
    inputs = reading.texts(found, *INPUTS)
    squeezed, width = reading.is_squeezed(found), found.get("bollinger_width_percentile")
    momentum = reading.sign(found.get("momentum_10"))
    place = reading.difference_sign(found.get("close"), found.get("bollinger_middle"))
    if squeezed is None or width is None or momentum is None or place is None:
        return abstention(NAME, weight=WEIGHT, inputs=inputs)
    is_released = not squeezed and width < NARROW and momentum == place != 0
    return Opinion(
        agent=NAME,
        weight=WEIGHT,
        bias=Bias.of(momentum if is_released else 0),
        confidence=RELEASED if is_released else WAITING,
        reasons=("released" if is_released else "squeezed" if squeezed else "no_squeeze",),
        inputs=inputs,
    )
