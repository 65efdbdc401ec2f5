"""The regime agent: what kind of market this is, and which way it leans if it leans at all."""

from __future__ import annotations

from decimal import Decimal

from engines import reading
from engines.committee.opinion import Bias, Brief, MarketState, Opinion, abstention

NAME = "regime"
WEIGHT = Decimal("0.12")
INPUTS = ("adx_14", "plus_di_14", "minus_di_14", "atr_percentile", "bollinger_width_percentile")
CONFIDENCE = {
    MarketState.TREND: Decimal(75),
    MarketState.EXPANSION: Decimal(65),
    MarketState.TRANSITIONAL: Decimal(50),
    MarketState.COMPRESSION: Decimal(50),
    MarketState.RANGE: Decimal(50),
}
# A market that is still making up its mind leans only when one DI is clearly ahead.
TRANSITIONAL_GAP = Decimal(10)


def opine(brief: Brief) -> Opinion:
    """Lean with the stronger DI in a trend or an expansion, and in a transition that has it 10 ahead."""
    found = brief.indicators
    inputs = reading.texts(found, *INPUTS)
    adx, plus, minus = found.get("adx_14"), found.get("plus_di_14"), found.get("minus_di_14")
    rank, width = found.get("atr_percentile"), found.get("bollinger_width_percentile")
    if adx is None or plus is None or minus is None or rank is None or width is None:
        return abstention(NAME, weight=WEIGHT, inputs=inputs)
    state = state_of(adx=adx, rank=rank, width=width)
    return Opinion(
        agent=NAME,
        weight=WEIGHT,
        bias=Bias.of(_lean(state, gap=plus - minus)),
        confidence=CONFIDENCE[state],
        reasons=(state.value,),
        inputs=inputs,
        state=state,
    )


def state_of(*, adx: Decimal, rank: Decimal, width: Decimal) -> MarketState:
    """Name the market by ADX14 and the percentiles (0..100) of ATR and band width; the first that fits counts."""
    if adx > 30 and rank > 50:
        return MarketState.TREND
    if width < 15 and adx < 20:
        return MarketState.COMPRESSION
    if width > 85 and rank > 70:
        return MarketState.EXPANSION
    if adx < 20 and rank < 50:
        return MarketState.RANGE
    return MarketState.TRANSITIONAL


def _lean(state: MarketState, *, gap: Decimal) -> int:
    match state:
        case MarketState.TREND | MarketState.EXPANSION:
            return (gap > 0) - (gap < 0)
        case MarketState.TRANSITIONAL:
            return (gap > TRANSITIONAL_GAP) - (gap < -TRANSITIONAL_GAP)
        case MarketState.COMPRESSION | MarketState.RANGE:
            return 0
