"""The risk check of new trades: outside the engines, with the same rules for both and for both ledgers."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from domain.decision import Plan
from domain.fills import TwoSidedQuote
from domain.ports import Exposure
from domain.signal import Direction


class Denial(StrEnum):
    """Reason why a trade was not opened; stored with the trade."""

    QUANTITY_NOT_POSITIVE = "quantity_not_positive"
    NO_QUOTE = "no_quote"
    STOP_ON_WRONG_SIDE = "stop_on_wrong_side"
    BELOW_MINIMUM_LOT = "below_minimum_lot"
    MAX_OPEN_PER_SYMBOL = "max_open_per_symbol"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits on the open trades of one engine in one ledger of a book."""

    max_open_per_symbol: int


def find_denial(
    plan: Plan, *, quantity: Decimal, market: TwoSidedQuote | None, exposure: Exposure, limits: Limits
) -> Denial | None:
    """Return the first reason to deny a trade of `quantity` (the plan's share in whole lots), or None.

    A stop is on the wrong side when the price that tests it (bid for long, ask for short) has already reached it.
    """
    if not _is_positive(plan.quantity):
        return Denial.QUANTITY_NOT_POSITIVE
    if market is None:
        return Denial.NO_QUOTE
    if not _is_stop_behind_price(plan, market):
        return Denial.STOP_ON_WRONG_SIDE
    if quantity <= 0:
        return Denial.BELOW_MINIMUM_LOT
    if exposure.open_in_symbol >= limits.max_open_per_symbol:
        return Denial.MAX_OPEN_PER_SYMBOL
    return None


def _is_positive(quantity: Decimal) -> bool:
    return quantity.is_finite() and quantity > 0


def _is_stop_behind_price(plan: Plan, market: TwoSidedQuote) -> bool:
    if not plan.stop.is_finite():
        return False
    if plan.side is Direction.LONG:
        return plan.stop < market.bid.price
    return plan.stop > market.ask.price
