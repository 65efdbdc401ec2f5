"""Tier 2 of engine A: rules that halve the size of an entry."""

from __future__ import annotations

from engines import reading
from engines.rules.finding import RuleFinding, RuleInput, RuleOutcome


def check_squeeze(rule_input: RuleInput) -> RuleFinding:
    """Ask for caution while the Bollinger band lies inside the Keltner channel."""
    indicators = rule_input.context.indicators
    inputs = reading.format_indicators(
        indicators, "bollinger_upper", "bollinger_lower", "keltner_upper", "keltner_lower"
    )
    outcome = _to_outcome(reading.is_squeezed(indicators))
    return RuleFinding(rule="squeeze", outcome=outcome, reason="caution_squeeze", inputs=inputs)


def check_momentum(rule_input: RuleInput) -> RuleFinding:
    """Ask for caution when the momentum of 10 bars is against the signal."""
    indicators = rule_input.context.indicators
    momentum_sign = reading.sign(indicators.get("momentum_10"))
    outcome = _to_outcome(None if momentum_sign is None else momentum_sign == -rule_input.signal.direction.sign)
    inputs = reading.format_indicators(indicators, "momentum_10")
    return RuleFinding(rule="momentum", outcome=outcome, reason="caution_momentum", inputs=inputs)


def check_volume(rule_input: RuleInput) -> RuleFinding:
    """Ask for caution when the volume is below the configured share of its mean (half by default)."""
    ratio = rule_input.context.indicators.get("volume_ratio_20")
    outcome = _to_outcome(None if ratio is None else ratio < rule_input.config.min_volume_ratio)
    return RuleFinding(
        rule="volume",
        outcome=outcome,
        reason="caution_volume",
        inputs={"volume_ratio_20": reading.format_number(ratio)},
        threshold=str(rule_input.config.min_volume_ratio),
    )


def _to_outcome(is_caution: bool | None) -> RuleOutcome:
    """Return the outcome of a rule; None stands for missing inputs."""
    if is_caution is None:
        return RuleOutcome.MISSING
    return RuleOutcome.CAUTION if is_caution else RuleOutcome.PASSED


RULES = (check_squeeze, check_momentum, check_volume)
