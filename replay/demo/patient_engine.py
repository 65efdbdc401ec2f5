"""Engine B of the demo: an engine of one's own, as the documentation describes them.

It trades with a trend only, and only where there is one. Stop and size are those of the built-in engines; its exits
are not: it takes no profit at a target, trails at twice the stop's distance, and holds twice as long. It is an example,
and no advice.
"""

from __future__ import annotations

from dataclasses import replace

from trading_orchestrator.engine import (
    AlertSignal,
    Direction,
    EngineDecision,
    MarketSnapshot,
    TrailingStop,
    enter,
    enter_plan,
    hold,
    reject,
)

TREND_FROM = 25  # Wilder's own threshold of ADX (New Concepts in Technical Trading Systems, 1978)


class PatientEngine:
    """Enters in a trend, where the price is on the signal's side of its average of 48 bars."""

    name = "patient"
    bars_needed = 48

    def decide(self, signal: AlertSignal, context: MarketSnapshot) -> EngineDecision:
        """Enter with the trend, with patient exits; reject what is against it."""
        price, average, strength = context.current_price, context.indicators["ema_48"], context.indicators["adx_14"]
        if price is None or average is None or strength is None:
            return hold("trend_unknown")
        if strength < TREND_FROM:
            return hold("trend_weak")
        if (price > average) is not (signal.direction is Direction.LONG):
            return reject("against_trend")
        usual = enter(signal, context, "with_trend")
        if usual.plan is None:
            return usual
        sign, distance = signal.direction.sign, abs(price - usual.plan.stop)
        trailing = TrailingStop(activation=price + sign * 2 * distance, distance=2 * distance)
        patient = replace(usual.plan, targets=(), trailing=trailing, max_hold=2 * usual.plan.max_hold)
        return enter_plan(patient, "with_trend")


def patient() -> PatientEngine:
    """Return the engine; `ENGINE_B=patient_engine:patient` names this function."""
    return PatientEngine()
