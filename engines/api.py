"""What one's own engine is written with: `enter`, `enter_plan`, `hold` and `reject`.

An engine is an object with `name`, optionally `version`, and `decide(signal, context)`; a factory without arguments
returns it. It runs in a process of its own, named as ENGINE_A or ENGINE_B by `package.module:factory`.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from domain.context import MarketContext
from domain.decision import Decision, Plan, Verdict
from domain.signal import Direction, Signal
from engines import sizing

__all__ = ["Decision", "Direction", "MarketContext", "Plan", "Signal", "enter", "enter_plan", "hold", "reject"]


def enter(
    signal: Signal,
    context: MarketContext,
    *reasons: str,
    share: Decimal | int | str = 1,
    confidence: Decimal | int | str | None = None,
    rationale: Mapping[str, Any] | None = None,
) -> Decision:
    """Enter in the signal's direction, with the stop, targets, quantity and time limit the built-in engines use.

    `share` (0..1) scales the quantity, `confidence` is on 0..100. Without a price, an ATR or an interval, or where
    the quantity is below a lot, the answer is a REJECT that says so.
    """
    sized = sizing.size(signal, context, share=Decimal(share))
    told = {**(rationale or {}), "sizing": sized.rationale}
    if sized.plan is None:
        return reject(sized.refusal or "no_plan", confidence=confidence, rationale=told)
    return enter_plan(sized.plan, *reasons, confidence=confidence, rationale=told)


def enter_plan(
    plan: Plan, *reasons: str, confidence: Decimal | int | str | None = None, rationale: Mapping[str, Any] | None = None
) -> Decision:
    """Enter with a plan of one's own."""
    return _answer(Verdict.ENTER, reasons, confidence=confidence, rationale=rationale, plan=plan)


def hold(
    *reasons: str, confidence: Decimal | int | str | None = None, rationale: Mapping[str, Any] | None = None
) -> Decision:
    """Stay out, because too little speaks for the trade."""
    return _answer(Verdict.HOLD, reasons, confidence=confidence, rationale=rationale)


def reject(
    *reasons: str, confidence: Decimal | int | str | None = None, rationale: Mapping[str, Any] | None = None
) -> Decision:
    """Stay out, because something speaks against the trade."""
    return _answer(Verdict.REJECT, reasons, confidence=confidence, rationale=rationale)


def _answer(
    verdict: Verdict,
    reasons: tuple[str, ...],
    *,
    confidence: Decimal | int | str | None,
    rationale: Mapping[str, Any] | None,
    plan: Plan | None = None,
) -> Decision:
    return Decision(
        verdict=verdict,
        reasons=reasons,
        rationale=dict(rationale or {}),
        confidence=None if confidence is None else Decimal(confidence),
        plan=plan,
    )
