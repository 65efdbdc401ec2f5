"""The technical agent: a weighted vote of eight readings, each of one indicator."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from engines import reading
from engines.committee.opinion import AgentInput, Bias, Opinion, abstain
from engines.reading import Indicators

NAME = "technical"
WEIGHT = Decimal("0.18")
LEAST, MOST = Decimal(15), Decimal(90)
CONFLICTS = 3
# A score closer to zero than this is no direction.
DEAD_BAND = Decimal("0.10")
# The agent abstains when the available readings have less than this share of the weights.
QUORUM = Decimal("0.5")
_HUNDREDTH = Decimal("0.01")


def form_opinion(agent_input: AgentInput) -> Opinion:
    """Vote by the weighted sum of the readings; confidence runs from 15 (they cancel) to 90 (they agree).

    The weights of missing readings are left out. With three readings against the majority the confidence is at most
    45: each weighs at least 0.10, so that the score is at most 0.4.
    """
    votes = {name: (weight, vote(agent_input.indicators)) for name, (weight, vote) in READINGS.items()}
    inputs = {name: vote for name, (_, vote) in votes.items()}
    available = [(weight, vote) for weight, vote in votes.values() if vote is not None]
    total = sum((weight for weight, _ in available), Decimal(0))
    if total < QUORUM:
        return abstain(NAME, weight=WEIGHT, inputs=inputs)
    score = sum((weight * vote for weight, vote in available), Decimal(0)) / total
    sign = 0 if abs(score) < DEAD_BAND else (1 if score > 0 else -1)
    conflicts = sum(1 for _, vote in available if vote * sign < 0)
    return Opinion(
        agent=NAME,
        weight=WEIGHT,
        bias=Bias.from_sign(sign),
        confidence=(LEAST + (MOST - LEAST) * abs(score)).quantize(_HUNDREDTH),
        reasons=("conflicting",) if conflicts >= CONFLICTS else ("readings_agree",) if sign else ("readings_cancel",),
        inputs=inputs | {"score": str(score.quantize(_HUNDREDTH)), "conflicts": conflicts},
    )


def vote_by_ema_stack(indicators: Indicators) -> int | None:
    """Vote bullish for EMA8 > EMA21 > EMA48, bearish for the opposite order, else neutral."""
    upper = reading.difference_sign(indicators.get("ema_8"), indicators.get("ema_21"))
    lower = reading.difference_sign(indicators.get("ema_21"), indicators.get("ema_48"))
    if upper is None or lower is None:
        return None
    return upper if upper == lower else 0


def vote_by_rsi(indicators: Indicators) -> int | None:
    """Vote bullish for RSI14 at 55-70 and bearish at 30-45; against the move beyond 70 or 30, where it is exhausted."""
    value = indicators.get("rsi_14")
    if value is None:
        return None
    distance = value - 50
    sign = 1 if distance > 0 else -1
    if abs(distance) > 20:
        return -sign
    return sign if abs(distance) >= 5 else 0


def vote_by_macd(indicators: Indicators) -> int | None:
    """Vote with the sign of the MACD 12/26/9 histogram."""
    return reading.sign(indicators.get("macd_histogram"))


def vote_by_vwap(indicators: Indicators) -> int | None:
    """Vote with the side of the day's VWAP on which the close lies, when it is more than 0.2 % away."""
    distance = reading.distance_percent(indicators.get("close"), indicators.get("vwap_day"))
    return None if distance is None else _sign_beyond(distance, Decimal("0.2"))


def vote_by_volume(indicators: Indicators) -> int | None:
    """Vote with the sign of the momentum when the volume is above its mean."""
    ratio, momentum_sign = indicators.get("volume_ratio_20"), reading.sign(indicators.get("momentum_10"))
    if ratio is None or momentum_sign is None:
        return None
    return momentum_sign if ratio > 1 else 0


def vote_by_bollinger(indicators: Indicators) -> int | None:
    """Vote with the half of the Bollinger band in which the close lies; neutral outside the band."""
    close, upper, lower = indicators.get("close"), indicators.get("bollinger_upper"), indicators.get("bollinger_lower")
    side = reading.difference_sign(close, indicators.get("bollinger_middle"))
    if close is None or upper is None or lower is None or side is None:
        return None
    return side if lower <= close <= upper else 0


def vote_by_adx(indicators: Indicators) -> int | None:
    """Vote with the stronger DI when ADX14 is above 30, or above 20 with the DIs more than 10 apart."""
    strength, plus, minus = indicators.get("adx_14"), indicators.get("plus_di_14"), indicators.get("minus_di_14")
    if strength is None or plus is None or minus is None:
        return None
    is_clear = strength > 30 or (strength > 20 and abs(plus - minus) > 10)
    return (plus > minus) - (plus < minus) if is_clear else 0


def vote_by_structure(indicators: Indicators) -> int | None:
    """Vote bullish for three bars of rising highs and lows, bearish for falling ones."""
    return reading.sign(indicators.get("structure_3"))


def _sign_beyond(value: Decimal, band: Decimal) -> int:
    """Return the sign of a value outside -band..band, else 0."""
    return (value > band) - (value < -band)


READINGS: dict[str, tuple[Decimal, Callable[[Indicators], int | None]]] = {
    "ema_stack": (Decimal("0.20"), vote_by_ema_stack),
    "rsi": (Decimal("0.15"), vote_by_rsi),
    "macd": (Decimal("0.15"), vote_by_macd),
    "vwap": (Decimal("0.10"), vote_by_vwap),
    "volume": (Decimal("0.10"), vote_by_volume),
    "bollinger": (Decimal("0.10"), vote_by_bollinger),
    "adx": (Decimal("0.10"), vote_by_adx),
    "structure": (Decimal("0.10"), vote_by_structure),
}
