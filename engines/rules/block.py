"""Tier 1 of engine A: what keeps it out. A rule whose inputs are missing says so and does not block."""

from __future__ import annotations

from domain.signal import Flag
from engines import reading
from engines.rules.finding import Case, Finding, MissingConfidence, Outcome


def confidence(case: Case) -> Finding:
    """Block a signal whose own confidence (0..100) is below the horizon's minimum."""
    said, least = case.signal.confidence, case.by_horizon(case.config.min_confidence)
    if said is None:
        is_ignored = case.config.missing_confidence is MissingConfidence.IGNORE
        outcome, reason = Outcome.IGNORED if is_ignored else Outcome.BLOCKED, "confidence_missing"
    elif least is None:
        outcome, reason = Outcome.MISSING, "timeframe_missing"
    else:
        outcome, reason = Outcome.BLOCKED if said < least else Outcome.PASSED, "confidence_low"
    return Finding(
        rule="confidence",
        outcome=outcome,
        reason=reason,
        inputs={"confidence": reading.text(said)},
        threshold=reading.text(least),
    )


def regime(case: Case) -> Finding:
    """Block a direction against a clear regime; without a clear one both directions pass.

    Bull: EMA21 > EMA48 > EMA200 and EMA21 rising. Bear: the mirror of it.
    """
    found = case.context.indicators
    names = ("ema_21", "ema_48", "ema_200", "ema_21_slope")
    signs = (
        reading.difference_sign(found.get("ema_21"), found.get("ema_48")),
        reading.difference_sign(found.get("ema_48"), found.get("ema_200")),
        reading.sign(found.get("ema_21_slope")),
    )
    against = -case.signal.direction.sign
    outcome = Outcome.BLOCKED if signs == (against,) * 3 else Outcome.PASSED
    if None in signs:
        outcome = Outcome.MISSING
    return Finding(rule="regime", outcome=outcome, reason="against_regime", inputs=reading.texts(found, *names))


def volatility(case: Case) -> Finding:
    """Block when the volatility percentile lies outside the horizon's band."""
    rank, band = case.context.indicators.get("atr_percentile"), case.by_horizon(case.config.volatility_bands)
    if rank is None or band is None:
        outcome, reason = Outcome.MISSING, "volatility_missing"
    elif rank < band[0]:
        outcome, reason = Outcome.BLOCKED, "volatility_low"
    else:
        outcome, reason = Outcome.BLOCKED if rank > band[1] else Outcome.PASSED, "volatility_high"
    return Finding(
        rule="volatility",
        outcome=outcome,
        reason=reason,
        inputs={"atr_percentile": reading.text(rank)},
        threshold=None if band is None else [str(edge) for edge in band],
    )


def spread(case: Case) -> Finding:
    """Block when crossing the spread costs too large a part of the ATR."""
    width, atr = reading.spread(case.context.quote), case.context.indicators.get("atr_14")
    if width is None or atr is None:
        outcome = Outcome.MISSING
    else:
        outcome = Outcome.BLOCKED if width > case.config.max_spread_to_atr * atr else Outcome.PASSED
    return Finding(
        rule="spread",
        outcome=outcome,
        reason="spread_wide",
        inputs={"spread": reading.text(width), "atr_14": reading.text(atr)},
        threshold=str(case.config.max_spread_to_atr),
    )


def age(case: Case) -> Finding:
    """Block a signal that was flagged stale when it arrived."""
    flags = case.signal.flags
    outcome = Outcome.BLOCKED if Flag.STALE.value in flags else Outcome.PASSED
    return Finding(rule="age", outcome=outcome, reason="signal_stale", inputs={"flags": list(flags)})


def depth(case: Case) -> Finding:
    """Block when fewer closed bars are known than the slowest indicator needs; no count means no bars."""
    bars = case.context.indicators.get("bars")
    is_deep = bars is not None and bars >= case.config.min_bars
    return Finding(
        rule="depth",
        outcome=Outcome.PASSED if is_deep else Outcome.BLOCKED,
        reason="too_few_bars",
        inputs={"bars": reading.text(bars)},
        threshold=str(case.config.min_bars),
    )


RULES = (confidence, regime, volatility, spread, age, depth)
