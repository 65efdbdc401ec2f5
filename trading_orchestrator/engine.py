"""What an engine of your own is written with: `enter`, `enter_plan`, `hold` and `reject`.

An engine is an object with `name`, optionally `version`, and `decide(signal, context)`; a factory without arguments
returns it. It runs in a process of its own, named as ENGINE_A or ENGINE_B by `package.module:factory` and looked for
in the folders of ENGINE_PATH.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from enum import Enum
from typing import Any

from trading_orchestrator import sizing
from trading_orchestrator.question import (
    Action,
    Bar,
    BarSeries,
    Direction,
    Instrument,
    InstrumentKind,
    InstrumentRules,
    Interval,
    MarketContext,
    Position,
    PriceSide,
    Quality,
    Quote,
    Signal,
    Unit,
    Window,
)

__all__ = [
    "Action",
    "Bar",
    "BarSeries",
    "Decision",
    "Direction",
    "Instrument",
    "InstrumentKind",
    "InstrumentRules",
    "Interval",
    "MarketContext",
    "Plan",
    "Position",
    "PriceSide",
    "Quality",
    "Quote",
    "Signal",
    "Target",
    "Trailing",
    "Unit",
    "Verdict",
    "Window",
    "enter",
    "enter_plan",
    "hold",
    "reject",
]


class Verdict(Enum):
    """What an engine can answer."""

    ENTER = "ENTER"
    HOLD = "HOLD"
    REJECT = "REJECT"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A price at which `fraction` (0..1 of the opening quantity) is closed."""

    price: Decimal
    fraction: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Trailing:
    """A stop that follows: armed once price reaches `activation`, then `distance` behind the best price."""

    activation: Decimal
    distance: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How an ENTER wants to be traded, in absolute prices.

    `max_hold` counts from the entry; targets are ordered from nearest to farthest and their fractions sum to at
    most 1 (what remains runs to the stop or the time limit).
    """

    side: Direction
    quantity: Decimal
    stop: Decimal
    targets: tuple[Target, ...]
    trailing: Trailing | None
    max_hold: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """An engine's answer.

    `plan` is set exactly when `verdict` is ENTER. `reasons` are stable codes; `rationale` says which rule said what,
    with which numbers (JSON values, decimals as strings). `confidence` is on 0..100.
    """

    verdict: Verdict
    reasons: tuple[str, ...]
    rationale: Mapping[str, Any]
    confidence: Decimal | None = None
    plan: Plan | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        if (self.plan is not None) != (self.verdict is Verdict.ENTER):
            raise ValueError("a plan belongs to ENTER, and to nothing else")


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
    entry_size = sizing.size(_entry(signal, context), share=Decimal(share))
    shown = {**(rationale or {}), "sizing": entry_size.rationale}
    if entry_size.levels is None:
        return reject(entry_size.refusal or "no_plan", confidence=confidence, rationale=shown)
    plan = _plan(signal.direction, entry_size.levels)
    return enter_plan(plan, *reasons, confidence=confidence, rationale=shown)


def enter_plan(
    plan: Plan, *reasons: str, confidence: Decimal | int | str | None = None, rationale: Mapping[str, Any] | None = None
) -> Decision:
    """Enter with a plan of one's own."""
    return _decision(Verdict.ENTER, reasons, confidence=confidence, rationale=rationale, plan=plan)


def hold(
    *reasons: str, confidence: Decimal | int | str | None = None, rationale: Mapping[str, Any] | None = None
) -> Decision:
    """Stay out, because too little speaks for the trade."""
    return _decision(Verdict.HOLD, reasons, confidence=confidence, rationale=rationale)


def reject(
    *reasons: str, confidence: Decimal | int | str | None = None, rationale: Mapping[str, Any] | None = None
) -> Decision:
    """Stay out, because something speaks against the trade."""
    return _decision(Verdict.REJECT, reasons, confidence=confidence, rationale=rationale)


def _entry(signal: Signal, context: MarketContext) -> sizing.Entry:
    is_long = signal.direction is Direction.LONG
    interval = signal.timeframe
    if interval is None and context.window.base is not None:
        interval = context.window.base.interval
    return sizing.Entry(
        sign=signal.direction.sign,
        price=context.current_price,
        atr=context.indicators.get("atr_14"),
        swing=context.indicators.get("swing_low_10" if is_long else "swing_high_10"),
        bar_length=None if interval is None else interval.approximate,
        lot=context.rules.lot,
        reference_capital=context.rules.reference_capital,
        max_notional=context.rules.max_notional,
    )


def _plan(side: Direction, levels: sizing.Levels) -> Plan:
    return Plan(
        side=side,
        quantity=levels.quantity,
        stop=levels.stop,
        targets=tuple(Target(price=price, fraction=fraction) for price, fraction in levels.targets),
        trailing=Trailing(activation=levels.trailing_activation, distance=levels.trailing_distance),
        max_hold=levels.max_hold,
    )


def _decision(
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
