"""The risk check of new trades: outside the engines, with the same rules for both and for both ledgers."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Protocol

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
    BELOW_MINIMUM_NOTIONAL = "below_minimum_notional"
    UNKNOWN_MULTIPLIER = "unknown_multiplier"
    NO_RATE = "no_rate"
    MAX_OPEN_PER_SYMBOL = "max_open_per_symbol"
    # The alert fired before its exit, which had arrived before it.
    OUTDATED = "outdated"
    # The prices that the decision rests on, or the one it would be filled at, jumped as by a split or bad data.
    PRICE_JUMP = "price_jump"
    # The source holds as many real trades of this strategy, symbol and side as it may (`--pyramiding`).
    PYRAMIDING = "pyramiding"
    EXIT_BEFORE_FILL = "exit_before_fill"
    OPPOSITE_BEFORE_FILL = "opposite_before_fill"
    DATA_ENDED_BEFORE_FILL = "data_ended_before_fill"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Limits on the open trades of one engine in one ledger of a book."""

    max_open_per_symbol: int


class ValueTerms(Protocol):
    """What a quantity of an instrument is worth: each is None where it is not known, or where there is none."""

    @property
    def multiplier(self) -> Decimal | None:
        """Value of a move of the price by 1, for one unit, in the quote currency."""
        ...

    @property
    def rate(self) -> Decimal | None:
        """Value of one unit of the quote currency in the book's."""
        ...

    @property
    def min_notional(self) -> Decimal | None:
        """The smallest value of an order in the quote currency."""
        ...


def find_denial(
    plan: Plan,
    *,
    quantity: Decimal,
    rules: ValueTerms,
    market: TwoSidedQuote | None,
    exposure: Exposure,
    limits: Limits,
    is_waiting: bool = False,
) -> Denial | None:
    """Return the first reason to deny a trade of `quantity` (the plan's share in whole lots), or None.

    A trade that waits for its price (`is_waiting`) is checked without one, and again when it has one. A contract
    without a known multiplier and an instrument without a rate to the book's currency are never traded. A stop is on
    the wrong side when the price that tests it (bid for long, ask for short) has already reached it.
    """
    if not _is_positive(plan.quantity):
        return Denial.QUANTITY_NOT_POSITIVE
    if market is None and not is_waiting:
        return Denial.NO_QUOTE if rules.multiplier is not None else Denial.UNKNOWN_MULTIPLIER
    value_denial = None if market is None else _find_value_denial(plan, quantity=quantity, rules=rules, market=market)
    if value_denial is not None:
        return value_denial
    if exposure.open_in_symbol >= limits.max_open_per_symbol:
        return Denial.MAX_OPEN_PER_SYMBOL
    return None


def _find_value_denial(plan: Plan, *, quantity: Decimal, rules: ValueTerms, market: TwoSidedQuote) -> Denial | None:
    """Return the reason to deny a trade by what it is worth: unknown, on the wrong side of its stop, or too small."""
    if rules.multiplier is None:
        return Denial.UNKNOWN_MULTIPLIER
    if rules.rate is None:
        return Denial.NO_RATE
    if not _is_stop_behind_price(plan, market):
        return Denial.STOP_ON_WRONG_SIDE
    if quantity <= 0:
        return Denial.BELOW_MINIMUM_LOT
    price = market.side_taken(is_buy=plan.side is Direction.LONG).price
    if rules.min_notional is not None and price * quantity * rules.multiplier < rules.min_notional:
        return Denial.BELOW_MINIMUM_NOTIONAL
    return None


def _is_positive(quantity: Decimal) -> bool:
    return quantity.is_finite() and quantity > 0


def _is_stop_behind_price(plan: Plan, market: TwoSidedQuote) -> bool:
    if not plan.stop.is_finite():
        return False
    if plan.side is Direction.LONG:
        return plan.stop < market.bid.price
    return plan.stop > market.ask.price
