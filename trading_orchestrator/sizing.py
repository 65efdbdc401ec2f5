"""Sizing, shared by all engines that use `enter`: stop, targets, trailing, quantity and time limit for a direction.

Both built-in engines and `engine.enter` use it, so that they differ in what they enter and not in how. It takes and
returns plain numbers, because the callers have plan types of their own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_FLOOR, ROUND_HALF_EVEN, Context, Decimal
from enum import Enum
from itertools import pairwise
from typing import Any

RISK_SHARE = Decimal("0.005")
ATR_MULTIPLE = Decimal("1.5")
ATR_CAP = Decimal(3)
# (distance from the entry in stop distances, fraction of the opening quantity)
TARGETS = ((Decimal("1.5"), Decimal("0.5")), (Decimal(3), Decimal("0.5")))
# The trailing stop is armed before the first target, so that it can close the whole trade and not only its second half.
TRAILING_ACTIVATION = Decimal(1)
TRAILING_DISTANCE = Decimal(1)

_PRICE = Context(prec=8, rounding=ROUND_HALF_EVEN)


class Horizon(Enum):
    """The holding period that a signal's interval suggests."""

    SCALP = "scalp"
    SWING = "swing"
    POSITION = "position"
    LONG_TERM = "long_term"

    @classmethod
    def of(cls, bar_length: timedelta) -> Horizon:
        """Sort an interval: up to 15m scalp, up to 1d swing, below a month position, months long-term."""
        if bar_length <= timedelta(minutes=15):
            return cls.SCALP
        if bar_length <= timedelta(days=1):
            return cls.SWING
        return cls.POSITION if bar_length < timedelta(days=30) else cls.LONG_TERM


# Two days for a swing: on hourly bars a trade that neither fails nor succeeds then does end by time.
MAX_HOLD = {
    Horizon.SCALP: timedelta(hours=4),
    Horizon.SWING: timedelta(hours=48),
    Horizon.POSITION: timedelta(days=30),
    Horizon.LONG_TERM: timedelta(days=180),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """The inputs of a size.

    `sign` is +1 for long and -1 for short; `swing` is the last swing low of a long and swing high of a short, None
    when it is not known. A missing price, ATR or bar length leaves nothing to size with. A move of the price by 1 is
    worth `multiplier` x `rate` units of the currency of `reference_capital` and `max_notional`, for each unit of
    quantity; where one of the two is not known (None) the size is one lot, and the trade is denied for that reason.
    """

    sign: int
    price: Decimal | None
    atr: Decimal | None
    swing: Decimal | None
    bar_length: timedelta | None
    lot: Decimal
    reference_capital: Decimal
    max_notional: Decimal
    multiplier: Decimal | None = Decimal(1)
    rate: Decimal | None = Decimal(1)

    @property
    def point_value(self) -> Decimal | None:
        """What a move of the price by 1 is worth for one unit of quantity; None where it is not known."""
        return None if self.multiplier is None or self.rate is None else self.multiplier * self.rate


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """The numbers of a plan; `targets` are pairs of a price and the fraction closed there."""

    quantity: Decimal
    stop: Decimal
    targets: tuple[tuple[Decimal, Decimal], ...]
    trailing_activation: Decimal
    trailing_distance: Decimal
    max_hold: timedelta


@dataclass(frozen=True, slots=True, kw_only=True)
class EntrySize:
    """The levels of a plan, or None with the code of what prevents one; `rationale` shows the numbers as texts."""

    levels: Levels | None
    refusal: str | None
    rationale: dict[str, Any]


def size(entry: Entry, *, share: Decimal) -> EntrySize:
    """Size an entry at its price; `share` (0..1) scales the quantity.

    It is refused with `inputs_missing`, `stop_too_close` (no distance is left at 8 significant digits),
    `price_out_of_range` (a level at or below zero) or `quantity_below_lot`.
    """
    price, atr = entry.price, entry.atr
    if price is None or atr is None or entry.bar_length is None:
        return EntrySize(levels=None, refusal="inputs_missing", rationale={})
    horizon = Horizon.of(entry.bar_length)
    distance = stop_distance(entry, price=price, atr=atr)
    quantity = quantity_for(entry, price=price, distance=distance, share=share)
    numbers = _numbers(price=price, distance=distance, quantity=quantity, share=share)
    rationale = numbers | _worth(entry) | {"horizon": horizon.value}
    refusal = _hindrance(price=price, distance=distance, quantity=quantity)
    if refusal is not None:
        return EntrySize(levels=None, refusal=refusal, rationale=rationale)
    levels = _levels(entry.sign, price=price, distance=distance, quantity=quantity, max_hold=MAX_HOLD[horizon])
    refusal = _disorder(levels, sign=entry.sign, price=price)
    return EntrySize(levels=None if refusal else levels, refusal=refusal, rationale=rationale)


def stop_distance(entry: Entry, *, price: Decimal, atr: Decimal) -> Decimal:
    """Return max(1.5 ATR, distance to the last swing beyond the price), at most 3 ATR.

    A missing swing leaves the ATR alone to decide.
    """
    structure = Decimal(0) if entry.swing is None else (price - entry.swing) * entry.sign
    return min(max(ATR_MULTIPLE * atr, structure), ATR_CAP * atr)


def quantity_for(entry: Entry, *, price: Decimal, distance: Decimal, share: Decimal) -> Decimal:
    """Return `share` of the quantity that loses the risk share at the stop, within the cap and floored to the lot.

    quantity = risk share x capital / (stop distance x multiplier x rate), at most cap / (price x multiplier x rate).
    """
    if distance <= 0 or price <= 0:
        return Decimal(0)
    worth = entry.point_value
    if worth is None:
        return entry.lot
    by_risk = RISK_SHARE * entry.reference_capital / (distance * worth)
    capped = min(by_risk, entry.max_notional / (price * worth))
    lots = (capped * share / entry.lot).to_integral_value(rounding=ROUND_FLOOR)
    return lots * entry.lot


def canonical_price(value: Decimal) -> Decimal:
    """Round to 8 significant digits and drop trailing zeros, so that equal prices are written alike."""
    return Decimal(format(_PRICE.plus(value).normalize(), "f"))


def decimal_text(value: Decimal) -> str:
    """Write a finite decimal without exponent, trailing zeros or a negative zero."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _levels(sign: int, *, price: Decimal, distance: Decimal, quantity: Decimal, max_hold: timedelta) -> Levels:
    ahead = distance * sign
    return Levels(
        quantity=quantity,
        stop=canonical_price(price - ahead),
        targets=tuple((canonical_price(price + ahead * at), fraction) for at, fraction in TARGETS),
        trailing_activation=canonical_price(price + ahead * TRAILING_ACTIVATION),
        trailing_distance=canonical_price(distance * TRAILING_DISTANCE),
        max_hold=max_hold,
    )


def _hindrance(*, price: Decimal, distance: Decimal, quantity: Decimal) -> str | None:
    if price <= 0:
        return "price_out_of_range"
    if distance <= 0:
        return "stop_too_close"
    return "quantity_below_lot" if quantity <= 0 else None


def _disorder(levels: Levels, *, sign: int, price: Decimal) -> str | None:
    prices = [levels.stop, price, *(target for target, _ in levels.targets)]
    if any(level <= 0 for level in prices):
        return "price_out_of_range"
    steps = [(after - before) * sign for before, after in pairwise(prices)]
    return None if all(step > 0 for step in steps) else "stop_too_close"


def _worth(entry: Entry) -> dict[str, Any]:
    """Return the multiplier and the rate as texts, None where one is not known."""
    values = {"multiplier": entry.multiplier, "rate": entry.rate}
    return {name: None if value is None else decimal_text(value) for name, value in values.items()}


def _numbers(*, price: Decimal, distance: Decimal, quantity: Decimal, share: Decimal) -> dict[str, Any]:
    named = {"entry_reference": price, "stop_distance": distance, "quantity": quantity, "share": share}
    return {name: decimal_text(value) for name, value in named.items()}
