"""Sizing of the built-in engines' entries: adapts `trading_orchestrator.sizing` to our signal, context and plan."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from domain.context import MarketContext
from domain.decision import Plan, Target, Trailing
from domain.signal import Direction, Signal
from engines import reading
from trading_orchestrator import sizing
from trading_orchestrator.sizing import Entry, Levels


@dataclass(frozen=True, slots=True, kw_only=True)
class SizedEntry:
    """Result of sizing: a plan, or a `refusal` code when there is none; `rationale` holds the numbers behind it."""

    plan: Plan | None
    refusal: str | None
    rationale: dict[str, Any]


def size_entry(signal: Signal, context: MarketContext, *, share: Decimal) -> SizedEntry:
    """Plan an entry in the signal's direction at the context's price; `share` (0..1) scales the quantity.

    The refusals are those of `trading_orchestrator.sizing.size`.
    """
    entry_size = sizing.size(_build_entry(signal, context), share=share)
    plan = None if entry_size.levels is None else _build_plan(signal.direction, entry_size.levels)
    return SizedEntry(plan=plan, refusal=entry_size.refusal, rationale=entry_size.rationale)


def _build_entry(signal: Signal, context: MarketContext) -> Entry:
    interval = reading.find_interval(signal, context)
    return Entry(
        sign=signal.direction.sign,
        price=context.current_price,
        atr=context.indicators.get("atr_14"),
        swing=context.indicators.get("swing_low_10" if signal.direction is Direction.LONG else "swing_high_10"),
        bar_length=None if interval is None else interval.approximate,
        lot=context.rules.lot,
        reference_capital=context.rules.reference_capital,
        max_notional=context.rules.max_notional,
        multiplier=context.rules.multiplier,
        rate=context.rules.rate,
    )


def _build_plan(side: Direction, levels: Levels) -> Plan:
    return Plan(
        side=side,
        quantity=levels.quantity,
        stop=levels.stop,
        targets=tuple(Target(price=price, fraction=fraction) for price, fraction in levels.targets),
        trailing=Trailing(activation=levels.trailing_activation, distance=levels.trailing_distance),
        max_hold=levels.max_hold,
    )
