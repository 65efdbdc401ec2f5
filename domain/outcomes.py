"""What a trade earned, recomputed from its fills.

P&L = (exit - entry) x side x quantity x multiplier - fees, in Decimal. Of a trade that is closed it is exact: sums
and products of what the fills say, nothing divided.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext

from domain.fills import round_to_12_digits
from domain.signal import Direction
from domain.study import ExitClock
from domain.trade import Clock, Fill, Intent, Outcome, Trade

_ONE = Decimal(1)
_EXACT = Context(prec=100)


class TradeNotFlat(ValueError):
    """What the fills closed is not what they opened, so there is no outcome yet, or never was a trade."""


class ClosedMoreThanOpened(ValueError):
    """The fills of a trade closed more than they opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """Quantity, notional (price x quantity) and fees of some fills."""

    quantity: Decimal
    notional: Decimal
    fees: Decimal


def select_fills_on_clock(fills: Iterable[Fill], clock: ExitClock) -> tuple[Fill, ...]:
    """Return the fills that count on an exit clock: the entries, and the exits of that clock."""
    return tuple(one for one in fills if one.clock in (Clock.BOTH, Clock(clock.value)))


def compute_open_quantity(fills: Iterable[Fill], clock: ExitClock) -> Decimal:
    """Return the open quantity of one trade on a clock: what entry fills opened less what exit fills closed."""
    counted = select_fills_on_clock(fills, clock)
    with localcontext(_EXACT):
        return _sums(counted, Intent.ENTRY).quantity - _sums(counted, Intent.EXIT).quantity


def compute_pnl(fills: Sequence[Fill], side: Direction, *, multiplier: Decimal = _ONE) -> Decimal:
    """Return what the fills of one trade on one clock earned, in the quote currency.

    Each exit earns against the quantity-weighted mean of the entries; the fees of all fills are taken off, also while
    a part is still open (the mean cost of that part then has 12 significant digits). `side` is the one stored at
    entry.

    Raises:
        ClosedMoreThanOpened: when the exits exceed the entries.
    """
    with localcontext(_EXACT):
        opened, closed = _sums(fills, Intent.ENTRY), _sums(fills, Intent.EXIT)
        gross = (closed.notional - _cost(opened, closed.quantity)) * side.sign * multiplier
        return gross - opened.fees - closed.fees


def compute_outcome(
    trade: Trade,
    fills_on_clock: Sequence[Fill],
    *,
    clock: ExitClock,
    equals_own: bool,
    reference_notional: Decimal,
    exit_reason: str,
    share: Decimal = _ONE,
    multiplier: Decimal = _ONE,
) -> Outcome:
    """Return how a trade ended on a clock; return_ratio = pnl / (reference_notional x share).

    `share` is the engine's allocation for a real trade that got a part of the capital, else 1. Mean prices and the
    ratio have 12 significant digits, the P&L is exact.

    Raises:
        TradeNotFlat: when the fills did not close exactly what they opened, or opened nothing.
    """
    _require_flat(trade, fills_on_clock)
    earned = compute_pnl(fills_on_clock, trade.side, multiplier=multiplier)
    with localcontext(_EXACT):
        ratio = round_to_12_digits(earned / (reference_notional * share))
    return Outcome(
        trade_id=trade.trade_id,
        experiment_id=trade.experiment_id,
        engine=trade.engine,
        is_shadow=trade.is_shadow,
        exit_clock=clock,
        equals_own=equals_own,
        entry_price=_mean_price(fills_on_clock, Intent.ENTRY),
        exit_price=_mean_price(fills_on_clock, Intent.EXIT),
        pnl=earned,
        return_ratio=ratio,
        exit_reason=exit_reason,
        entry_time=min(one.at for one in fills_on_clock if one.intent is Intent.ENTRY),
        exit_time=max(one.at for one in fills_on_clock if one.intent is Intent.EXIT),
    )


def _require_flat(trade: Trade, fills: Sequence[Fill]) -> None:
    opened, closed = _sums(fills, Intent.ENTRY).quantity, _sums(fills, Intent.EXIT).quantity
    if opened != closed or not opened:
        raise TradeNotFlat(f"trade {trade.trade_id} opened {opened} and closed {closed}")


def _sums(fills: Iterable[Fill], intent: Intent) -> _Sums:
    counted = [one for one in fills if one.intent is intent]
    with localcontext(_EXACT):
        return _Sums(
            quantity=sum((one.quantity for one in counted), Decimal(0)),
            notional=sum((one.price * one.quantity for one in counted), Decimal(0)),
            fees=sum((one.fee for one in counted), Decimal(0)),
        )


def _cost(opened: _Sums, quantity: Decimal) -> Decimal:
    if quantity == opened.quantity:
        return opened.notional
    if quantity > opened.quantity:
        raise ClosedMoreThanOpened(f"the fills closed {quantity} of {opened.quantity}")
    return round_to_12_digits(opened.notional * quantity / opened.quantity)


def _mean_price(fills: Sequence[Fill], intent: Intent) -> Decimal:
    sums = _sums(fills, intent)
    with localcontext(_EXACT):
        return round_to_12_digits(sums.notional / sums.quantity)
