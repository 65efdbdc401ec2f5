"""The regime agent: classifies the market and votes in a trend, an expansion or a clear transition."""

from __future__ import annotations

from decimal import Decimal

from engines import reading
from engines.committee.opinion import AgentInput, Bias, MarketState, Opinion, abstain

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
# In a transition the agent votes only when one directional indicator (DI) is this far above the other.
TRANSITIONAL_GAP = Decimal(10)


def form_opinion(agent_input: AgentInput) -> Opinion:
    """Vote with the stronger DI in a trend or an expansion, and in a transition when it is 10 above the other."""
    indicators = agent_input.indicators
    inputs = reading.format_indicators(indicators, *INPUTS)
    adx, plus, minus = indicators.get("adx_14"), indicators.get("plus_di_14"), indicators.get("minus_di_14")
    rank, width = indicators.get("atr_percentile"), indicators.get("bollinger_width_percentile")
    if adx is None or plus is None or minus is None or rank is None or width is None:
        return abstain(NAME, weight=WEIGHT, inputs=inputs)
    state = classify_market(adx=adx, rank=rank, width=width)
    return Opinion(
        agent=NAME,
        weight=WEIGHT,
        bias=Bias.from_sign(_vote_sign(state, gap=plus - minus)),
        confidence=CONFIDENCE[state],
        reasons=(state.value,),
        inputs=inputs,
        state=state,
    )


def classify_market(*, adx: Decimal, rank: Decimal, width: Decimal) -> MarketState:
    """Classify the market by ADX14 and the percentiles (0..100) of ATR and band width; the first match counts."""
    if adx > 30 and rank > 50:
        return MarketState.TREND
    if width < 15 and adx < 20:
        return MarketState.COMPRESSION
    if width > 85 and rank > 70:
        return MarketState.EXPANSION
    if adx < 20 and rank < 50:
        return MarketState.RANGE
    return MarketState.TRANSITIONAL


def _vote_sign(state: MarketState, *, gap: Decimal) -> int:
    """Return the sign of the vote; `gap` is +DI minus -DI."""
    match state:
        case MarketState.TREND | MarketState.EXPANSION:
            return (gap > 0) - (gap < 0)
        case MarketState.TRANSITIONAL:
            return (gap > TRANSITIONAL_GAP) - (gap < -TRANSITIONAL_GAP)
        case MarketState.COMPRESSION | MarketState.RANGE:
            return 0
