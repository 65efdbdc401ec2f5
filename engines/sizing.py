"""The shared way of turning a direction into a plan: stop, targets, trailing, quantity and time limit.

Both built-in engines use it, so that they differ in what they enter and not in how.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from itertools import pairwise
from typing import Any

from domain.context import InstrumentRules, MarketContext
from domain.decision import Plan, Target, Trailing
from domain.signal import Direction, Signal
from engines import reading
from engines.reading import Horizon

RISK_SHARE = Decimal("0.005")
ATR_MULTIPLE = Decimal("1.5")
ATR_CAP = Decimal(3)
# (distance from the entry in stop distances, fraction of the opening quantity)
TARGETS = ((Decimal("1.5"), Decimal("0.5")), (Decimal(3), Decimal("0.5")))
# The trailing stop is armed before the first target, so that it can close the whole trade and not only its second half.
TRAILING_ACTIVATION = Decimal(1)
TRAILING_DISTANCE = Decimal(1)
# Two days for a swing: on hourly bars a trade that neither fails nor succeeds then does end by time.
MAX_HOLD = {
    Horizon.SCALP: timedelta(hours=4),
    Horizon.SWING: timedelta(hours=48),
    Horizon.POSITION: timedelta(days=30),
    Horizon.LONG_TERM: timedelta(days=180),
}

_PRICE = Context(prec=8, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """A plan, or None with the code of what prevents one; `rationale` shows the numbers."""

    plan: Plan | None
    refusal: str | None
    rationale: dict[str, Any]


def size(signal: Signal, context: MarketContext, *, share: Decimal) -> Sized:
    """Plan an entry in the signal's direction at the context's price.

    `share` (0..1) scales the quantity. The plan is refused with `inputs_missing`, `stop_too_close` (no distance is
    left at 8 significant digits), `price_out_of_range` (a level at or below zero) or `quantity_below_lot`.
    """
    price, atr = context.current_price, context.indicators.get("atr_14")
    horizon = reading.horizon_of(signal, context)
    if price is None or atr is None or horizon is None:
        return Sized(plan=None, refusal="inputs_missing", rationale={})
    distance = stop_distance(signal.direction, context, price=price, atr=atr)
    quantity = quantity_for(context.rules, price=price, distance=distance, share=share)
    rationale = _numbers(price=price, distance=distance, quantity=quantity, share=share) | {"horizon": horizon.value}
    refusal = _hindrance(price=price, distance=distance, quantity=quantity)
    if refusal is not None:
        return Sized(plan=None, refusal=refusal, rationale=rationale)
    plan = _plan(signal.direction, price=price, distance=distance, quantity=quantity, max_hold=MAX_HOLD[horizon])
    refusal = _disorder(plan, price=price)
    return Sized(plan=None if refusal else plan, refusal=refusal, rationale=rationale)


def stop_distance(direction: Direction, context: MarketContext, *, price: Decimal, atr: Decimal) -> Decimal:
    """Return max(1.5 ATR, distance to the last swing beyond the price), at most 3 ATR.

    A missing swing leaves the ATR alone to decide.
    """
    swing = context.indicators.get("swing_low_10" if direction is Direction.LONG else "swing_high_10")
    structure = Decimal(0) if swing is None else (price - swing) * direction.sign
    return min(max(ATR_MULTIPLE * atr, structure), ATR_CAP * atr)


def quantity_for(rules: InstrumentRules, *, price: Decimal, distance: Decimal, share: Decimal) -> Decimal:
    """Return `share` of the quantity that loses the risk share at the stop, within the cap and floored to the lot."""
    if distance <= 0 or price <= 0:
        return Decimal(0)
    by_risk = RISK_SHARE * rules.reference_capital / distance
    capped = min(by_risk, rules.max_notional / price)
    lots = (capped * share / rules.lot).to_integral_value(rounding=ROUND_FLOOR)
    return lots * rules.lot


def canonical_price(value: Decimal) -> Decimal:
    """Round to 8 significant digits and drop trailing zeros, so that equal prices are written alike."""
    return Decimal(format(_PRICE.plus(value).normalize(), "f"))


def _plan(direction: Direction, *, price: Decimal, distance: Decimal, quantity: Decimal, max_hold: timedelta) -> Plan:
    ahead = distance * direction.sign
    return Plan(
        side=direction,
        quantity=quantity,
        stop=canonical_price(price - ahead),
        targets=tuple(Target(price=canonical_price(price + ahead * at), fraction=share) for at, share in TARGETS),
        trailing=Trailing(
            activation=canonical_price(price + ahead * TRAILING_ACTIVATION),
            distance=canonical_price(distance * TRAILING_DISTANCE),
        ),
        max_hold=max_hold,
    )


def _hindrance(*, price: Decimal, distance: Decimal, quantity: Decimal) -> str | None:
    if price <= 0:
        return "price_out_of_range"
    if distance <= 0:
        return "stop_too_close"
    return "quantity_below_lot" if quantity <= 0 else None


def _disorder(plan: Plan, *, price: Decimal) -> str | None:
    levels = [plan.stop, price, *(target.price for target in plan.targets)]
    if any(level <= 0 for level in levels):
        return "price_out_of_range"
    steps = [(after - before) * plan.side.sign for before, after in pairwise(levels)]
    return None if all(step > 0 for step in steps) else "stop_too_close"


def _numbers(*, price: Decimal, distance: Decimal, quantity: Decimal, share: Decimal) -> dict[str, Any]:
    named = {"entry_reference": price, "stop_distance": distance, "quantity": quantity, "share": share}
    return {name: reading.text(value) for name, value in named.items()}
