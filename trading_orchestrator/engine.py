"""Functions and types for writing an engine of your own: `enter`, `enter_plan`, `hold` and `reject`.

An engine is an object with `name`, optionally `version`, and `decide(signal, context)`; a factory without arguments
returns it. It runs in a process of its own, named as ENGINE_A or ENGINE_B by `package.module:factory` and looked for
in the folders of ENGINE_PATH; ENGINE_A_CONCURRENCY and ENGINE_B_CONCURRENCY start several such processes. A question
may take ENGINE_A_DEADLINE_S or ENGINE_B_DEADLINE_S seconds, counted from when it is put to the engine.

`declared_latency_s` may say how many seconds (0 to 60) an answer takes as a rule: replays, which cannot measure it, use
it in place of the measured time. It becomes a part of the version; without it 0.5 seconds are assumed. `bars_needed`
may say how many closed bars (0 to 250) it needs before it can enter, so that people are told how many are missing, and
`longest_hold`, a timedelta, the longest time limit of its plans: a study's horizon follows from it.
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
    AlertAction,
    AlertSignal,
    AssetKind,
    BarInterval,
    BarPriceSide,
    BarWindow,
    Direction,
    FieldQuality,
    IntervalUnit,
    MarketSnapshot,
    PriceBar,
    PriceBars,
    PriceOrigin,
    PriceQuote,
    StrategyPosition,
    TradedInstrument,
    TradingRules,
)

__all__ = [
    "AlertAction",
    "AlertSignal",
    "AssetKind",
    "BarInterval",
    "BarPriceSide",
    "BarWindow",
    "Direction",
    "EngineDecision",
    "EngineVerdict",
    "FieldQuality",
    "IntervalUnit",
    "MarketSnapshot",
    "PriceBar",
    "PriceBars",
    "PriceOrigin",
    "PriceQuote",
    "ProfitTarget",
    "StrategyPosition",
    "TradePlan",
    "TradedInstrument",
    "TradingRules",
    "TrailingStop",
    "enter",
    "enter_plan",
    "hold",
    "reject",
]


class EngineVerdict(Enum):
    """The possible answers of an engine."""

    ENTER = "ENTER"
    HOLD = "HOLD"
    REJECT = "REJECT"
    ERROR = "ERROR"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfitTarget:
    """A price at which `fraction` (0..1 of the opening quantity) is closed."""

    price: Decimal
    fraction: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TrailingStop:
    """A stop that follows the price: armed once price reaches `activation`, then `distance` behind the best price."""

    activation: Decimal
    distance: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class TradePlan:
    """The trade that an ENTER asks for: quantity, stop, targets and time limit, in absolute prices.

    `max_hold` counts from the entry; targets are ordered from nearest to farthest and their fractions sum to at
    most 1 (what remains runs to the stop or the time limit).
    """

    side: Direction
    quantity: Decimal
    stop: Decimal
    targets: tuple[ProfitTarget, ...]
    trailing: TrailingStop | None
    max_hold: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineDecision:
    """An engine's answer.

    `plan` is set exactly when `verdict` is ENTER. `reasons` are stable codes; `rationale` holds each rule's result,
    with its numbers (JSON values, decimals as strings). `confidence` is on 0..100.
    """

    verdict: EngineVerdict
    reasons: tuple[str, ...]
    rationale: Mapping[str, Any]
    confidence: Decimal | None = None
    plan: TradePlan | None = None
    error: str | None = None

    def __post_init__(self) -> None:
        if (self.plan is not None) != (self.verdict is EngineVerdict.ENTER):
            raise ValueError("a plan belongs to ENTER, and to nothing else")


def enter(
    signal: AlertSignal,
    context: MarketSnapshot,
    *reasons: str,
    share: Decimal | int | str = 1,
    confidence: Decimal | int | str | None = None,
    rationale: Mapping[str, Any] | None = None,
) -> EngineDecision:
    """Enter in the signal's direction, with the stop, targets, quantity and time limit the built-in engines use.

    `share` (0..1) scales the quantity, `confidence` is on 0..100. Without a price, an ATR or an interval, or where
    the quantity is below a lot, the answer is a REJECT with that reason.
    """
    entry_size = sizing.size(_sizing_entry(signal, context), share=Decimal(share))
    full_rationale = {**(rationale or {}), "sizing": entry_size.rationale}
    if entry_size.levels is None:
        return reject(entry_size.refusal or "no_plan", confidence=confidence, rationale=full_rationale)
    plan = _build_plan(signal.direction, entry_size.levels)
    return enter_plan(plan, *reasons, confidence=confidence, rationale=full_rationale)


def enter_plan(
    plan: TradePlan,
    *reasons: str,
    confidence: Decimal | int | str | None = None,
    rationale: Mapping[str, Any] | None = None,
) -> EngineDecision:
    """Enter with a plan that the engine made itself."""
    return _build_decision(EngineVerdict.ENTER, reasons, confidence=confidence, rationale=rationale, plan=plan)


def hold(
    *reasons: str, confidence: Decimal | int | str | None = None, rationale: Mapping[str, Any] | None = None
) -> EngineDecision:
    """Do not trade: there are too few reasons for it."""
    return _build_decision(EngineVerdict.HOLD, reasons, confidence=confidence, rationale=rationale)


def reject(
    *reasons: str, confidence: Decimal | int | str | None = None, rationale: Mapping[str, Any] | None = None
) -> EngineDecision:
    """Do not trade: there is a reason against it."""
    return _build_decision(EngineVerdict.REJECT, reasons, confidence=confidence, rationale=rationale)


def _sizing_entry(signal: AlertSignal, context: MarketSnapshot) -> sizing.Entry:
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
        multiplier=context.rules.multiplier,
        rate=context.rules.rate,
    )


def _build_plan(side: Direction, levels: sizing.Levels) -> TradePlan:
    return TradePlan(
        side=side,
        quantity=levels.quantity,
        stop=levels.stop,
        targets=tuple(ProfitTarget(price=price, fraction=fraction) for price, fraction in levels.targets),
        trailing=TrailingStop(activation=levels.trailing_activation, distance=levels.trailing_distance),
        max_hold=levels.max_hold,
    )


def _build_decision(
    verdict: EngineVerdict,
    reasons: tuple[str, ...],
    *,
    confidence: Decimal | int | str | None,
    rationale: Mapping[str, Any] | None,
    plan: TradePlan | None = None,
) -> EngineDecision:
    return EngineDecision(
        verdict=verdict,
        reasons=reasons,
        rationale=dict(rationale or {}),
        confidence=None if confidence is None else Decimal(confidence),
        plan=plan,
    )
