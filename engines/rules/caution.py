"""Tier 2 of engine A: what halves the size."""

from __future__ import annotations

from engines import reading
from engines.rules.finding import Case, Finding, Outcome


def squeeze(case: Case) -> Finding:
    """Be careful while the Bollinger band lies inside the Keltner channel."""
    found = case.context.indicators
    inputs = reading.texts(found, "bollinger_upper", "bollinger_lower", "keltner_upper", "keltner_lower")
    outcome = _outcome(reading.is_squeezed(found))
    return Finding(rule="squeeze", outcome=outcome, reason="caution_squeeze", inputs=inputs)


def momentum(case: Case) -> Finding:
    """Be careful when the momentum of 10 bars runs against the signal."""
    found = case.context.indicators
    way = reading.sign(found.get("momentum_10"))
    outcome = _outcome(None if way is None else way == -case.signal.direction.sign)
    inputs = reading.texts(found, "momentum_10")
    return Finding(rule="momentum", outcome=outcome, reason="caution_momentum", inputs=inputs)


def volume(case: Case) -> Finding:
    """Be careful when the volume is under half its mean."""
    ratio = case.context.indicators.get("volume_ratio_20")
    outcome = _outcome(None if ratio is None else ratio < case.config.min_volume_ratio)
    return Finding(
        rule="volume",
        outcome=outcome,
        reason="caution_volume",
        inputs={"volume_ratio_20": reading.text(ratio)},
        threshold=str(case.config.min_volume_ratio),
    )


def _outcome(is_caution: bool | None) -> Outcome:
    if is_caution is None:
        return Outcome.MISSING
    return Outcome.CAUTION if is_caution else Outcome.PASSED


RULES = (squeeze, momentum, volume)
