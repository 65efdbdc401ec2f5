"""The technical agent: eight readings of the bars, weighed against each other."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from engines import reading
from engines.committee.opinion import Bias, Brief, Opinion, abstention
from engines.reading import Indicators

NAME = "technical"
WEIGHT = Decimal("0.18")
LEAST, MOST = Decimal(15), Decimal(90)
CONFLICTS = 3
# Readings that all but cancel each other are no direction.
DEAD_BAND = Decimal("0.10")
# With fewer readings than this share of the weights, the agent abstains.
QUORUM = Decimal("0.5")
_HUNDREDTH = Decimal("0.01")


def opine(brief: Brief) -> Opinion:
    """Lean to the side of the weighted readings; confidence runs from 15 (they cancel) to 90 (they agree).

    Missing readings take their weight with them. Three readings against the majority leave at most 45: none weighs
    less than 0.10, so the score is then at most 0.4.
    """
    votes = {name: (weight, vote(brief.indicators)) for name, (weight, vote) in READINGS.items()}
    inputs = {name: vote for name, (_, vote) in votes.items()}
    heard = [(weight, vote) for weight, vote in votes.values() if vote is not None]
    total = sum((weight for weight, _ in heard), Decimal(0))
    if total < QUORUM:
        return abstention(NAME, weight=WEIGHT, inputs=inputs)
    score = sum((weight * vote for weight, vote in heard), Decimal(0)) / total
    way = 0 if abs(score) < DEAD_BAND else (1 if score > 0 else -1)
    conflicts = sum(1 for _, vote in heard if vote * way < 0)
    return Opinion(
        agent=NAME,
        weight=WEIGHT,
        bias=Bias.of(way),
        confidence=(LEAST + (MOST - LEAST) * abs(score)).quantize(_HUNDREDTH),
        reasons=("conflicting",) if conflicts >= CONFLICTS else ("readings_agree",) if way else ("readings_cancel",),
        inputs=inputs | {"score": str(score.quantize(_HUNDREDTH)), "conflicts": conflicts},
    )


def stack(found: Indicators) -> int | None:
    """Vote with EMA8, EMA21 and EMA48 when they stand in order."""
    upper = reading.difference_sign(found.get("ema_8"), found.get("ema_21"))
    lower = reading.difference_sign(found.get("ema_21"), found.get("ema_48"))
    if upper is None or lower is None:
        return None
    return upper if upper == lower else 0


def rsi(found: Indicators) -> int | None:
    """Vote with RSI14 at 55-70 and 30-45; beyond 70 or 30 the move is exhausted and the vote turns against it."""
    value = found.get("rsi_14")
    if value is None:
        return None
    lean = value - 50
    way = 1 if lean > 0 else -1
    if abs(lean) > 20:
        return -way
    return way if abs(lean) >= 5 else 0


def macd(found: Indicators) -> int | None:
    """Vote with the MACD 12/26/9 histogram."""
    return reading.sign(found.get("macd_histogram"))


def vwap(found: Indicators) -> int | None:
    """Vote with a close more than 0.2 % away from the day's VWAP."""
    away = reading.distance_percent(found.get("close"), found.get("vwap_day"))
    return None if away is None else _beyond(away, Decimal("0.2"))


def volume(found: Indicators) -> int | None:
    """Vote with the momentum when more than its mean was traded."""
    ratio, way = found.get("volume_ratio_20"), reading.sign(found.get("momentum_10"))
    if ratio is None or way is None:
        return None
    return way if ratio > 1 else 0


def bollinger(found: Indicators) -> int | None:
    """Vote with the half of the band the close is in; outside the band nothing is said."""
    close, upper, lower = found.get("close"), found.get("bollinger_upper"), found.get("bollinger_lower")
    way = reading.difference_sign(close, found.get("bollinger_middle"))
    if close is None or upper is None or lower is None or way is None:
        return None
    return way if lower <= close <= upper else 0


def adx(found: Indicators) -> int | None:
    """Vote with the stronger DI when ADX14 > 30, or > 20 with a DI gap above 10."""
    strength, plus, minus = found.get("adx_14"), found.get("plus_di_14"), found.get("minus_di_14")
    if strength is None or plus is None or minus is None:
        return None
    is_clear = strength > 30 or (strength > 20 and abs(plus - minus) > 10)
    return (plus > minus) - (plus < minus) if is_clear else 0


def structure(found: Indicators) -> int | None:
    """Vote with three bars of rising or falling highs and lows."""
    return reading.sign(found.get("structure_3"))


def _beyond(value: Decimal, band: Decimal) -> int:
    return (value > band) - (value < -band)


READINGS: dict[str, tuple[Decimal, Callable[[Indicators], int | None]]] = {
    "ema_stack": (Decimal("0.20"), stack),
    "rsi": (Decimal("0.15"), rsi),
    "macd": (Decimal("0.15"), macd),
    "vwap": (Decimal("0.10"), vwap),
    "volume": (Decimal("0.10"), volume),
    "bollinger": (Decimal("0.10"), bollinger),
    "adx": (Decimal("0.10"), adx),
    "structure": (Decimal("0.10"), structure),
}
