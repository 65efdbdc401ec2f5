"""Tier 1 of engine A: rules that block an entry. A rule with missing inputs reports that and does not block."""

from __future__ import annotations

from domain.signal import Flag
from engines import reading
from engines.rules.finding import MissingConfidence, RuleFinding, RuleInput, RuleOutcome


def check_confidence(rule_input: RuleInput) -> RuleFinding:
    """Block a signal whose own confidence (0..100) is below the horizon's minimum."""
    confidence, minimum = rule_input.signal.confidence, rule_input.by_horizon(rule_input.config.min_confidence)
    if confidence is None:
        is_ignored = rule_input.config.missing_confidence is MissingConfidence.IGNORE
        outcome, reason = RuleOutcome.IGNORED if is_ignored else RuleOutcome.BLOCKED, "confidence_missing"
    elif minimum is None:
        outcome, reason = RuleOutcome.MISSING, "timeframe_missing"
    else:
        outcome, reason = RuleOutcome.BLOCKED if confidence < minimum else RuleOutcome.PASSED, "confidence_low"
    return RuleFinding(
        rule="confidence",
        outcome=outcome,
        reason=reason,
        inputs={"confidence": reading.format_number(confidence)},
        threshold=reading.format_number(minimum),
    )


def check_regime(rule_input: RuleInput) -> RuleFinding:
    """Block an entry against a clear bull or bear regime; without a clear one both directions pass.

    Bull: EMA21 > EMA48 > EMA200 and EMA21 rising. Bear: the opposite of each.
    """
    indicators = rule_input.context.indicators
    names = ("ema_21", "ema_48", "ema_200", "ema_21_slope")
    signs = (
        reading.difference_sign(indicators.get("ema_21"), indicators.get("ema_48")),
        reading.difference_sign(indicators.get("ema_48"), indicators.get("ema_200")),
        reading.sign(indicators.get("ema_21_slope")),
    )
    against = -rule_input.signal.direction.sign
    outcome = RuleOutcome.BLOCKED if signs == (against,) * 3 else RuleOutcome.PASSED
    if None in signs:
        outcome = RuleOutcome.MISSING
    return RuleFinding(
        rule="regime", outcome=outcome, reason="against_regime", inputs=reading.format_indicators(indicators, *names)
    )


def check_volatility(rule_input: RuleInput) -> RuleFinding:
    """Block when the percentile of the ATR lies outside the horizon's band."""
    rank, band = (
        rule_input.context.indicators.get("atr_percentile"),
        rule_input.by_horizon(rule_input.config.volatility_bands),
    )
    if rank is None or band is None:
        outcome, reason = RuleOutcome.MISSING, "volatility_missing"
    elif rank < band[0]:
        outcome, reason = RuleOutcome.BLOCKED, "volatility_low"
    else:
        outcome, reason = RuleOutcome.BLOCKED if rank > band[1] else RuleOutcome.PASSED, "volatility_high"
    return RuleFinding(
        rule="volatility",
        outcome=outcome,
        reason=reason,
        inputs={"atr_percentile": reading.format_number(rank)},
        threshold=None if band is None else [str(edge) for edge in band],
    )


def check_spread(rule_input: RuleInput) -> RuleFinding:
    """Block when the spread is too large a part of the ATR."""
    width, atr = reading.spread(rule_input.context.quote), rule_input.context.indicators.get("atr_14")
    if width is None or atr is None:
        outcome = RuleOutcome.MISSING
    else:
        outcome = RuleOutcome.BLOCKED if width > rule_input.config.max_spread_to_atr * atr else RuleOutcome.PASSED
    return RuleFinding(
        rule="spread",
        outcome=outcome,
        reason="spread_wide",
        inputs={"spread": reading.format_number(width), "atr_14": reading.format_number(atr)},
        threshold=str(rule_input.config.max_spread_to_atr),
    )


def check_age(rule_input: RuleInput) -> RuleFinding:
    """Block a signal that was flagged stale when it arrived."""
    flags = rule_input.signal.flags
    outcome = RuleOutcome.BLOCKED if Flag.STALE.value in flags else RuleOutcome.PASSED
    return RuleFinding(rule="age", outcome=outcome, reason="signal_stale", inputs={"flags": list(flags)})


def check_depth(rule_input: RuleInput) -> RuleFinding:
    """Block when there are fewer closed bars than the slowest indicator needs; a missing count blocks too."""
    bars = rule_input.context.indicators.get("bars")
    is_deep = bars is not None and bars >= rule_input.config.min_bars
    return RuleFinding(
        rule="depth",
        outcome=RuleOutcome.PASSED if is_deep else RuleOutcome.BLOCKED,
        reason="too_few_bars",
        inputs={"bars": reading.format_number(bars)},
        threshold=str(rule_input.config.min_bars),
    )


RULES = (check_confidence, check_regime, check_volatility, check_spread, check_age, check_depth)
