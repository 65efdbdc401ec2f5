"""The squeeze agent: votes with the breakout from a market of low volatility."""

from __future__ import annotations

from decimal import Decimal

from engines import reading
from engines.committee.opinion import AgentInput, Bias, Opinion, abstain

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
# A band still below this percentile (0..100) of its past widths has only just left the channel.
NARROW = Decimal(50)


def form_opinion(agent_input: AgentInput) -> Opinion:
    """Vote with the momentum when the band has just left the Keltner channel and the close confirms the direction.

    The close confirms it on the same side of the band's middle.
    """
    indicators = agent_input.indicators
    inputs = reading.format_indicators(indicators, *INPUTS)
    is_squeezed, width = reading.is_squeezed(indicators), indicators.get("bollinger_width_percentile")
    momentum_sign = reading.sign(indicators.get("momentum_10"))
    close_sign = reading.difference_sign(indicators.get("close"), indicators.get("bollinger_middle"))
    if is_squeezed is None or width is None or momentum_sign is None or close_sign is None:
        return abstain(NAME, weight=WEIGHT, inputs=inputs)
    is_released = not is_squeezed and width < NARROW and momentum_sign == close_sign != 0
    return Opinion(
        agent=NAME,
        weight=WEIGHT,
        bias=Bias.from_sign(momentum_sign if is_released else 0),
        confidence=RELEASED if is_released else WAITING,
        reasons=("released" if is_released else "squeezed" if is_squeezed else "no_squeeze",),
        inputs=inputs,
    )
