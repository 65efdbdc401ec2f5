"""Profit and loss of trades, recomputed from their fills.

P&L = (exit - entry) x side x quantity x multiplier - fees in the quote currency, converted once, at the rate of the
exit: where a trade has several exits, each at its own rate, with its share of the entry's cost and fees. Where every
rate is 1 it is exact, made of sums and products of the fills' values only; else it is rounded once, at the end, to ten
decimal places of the book's currency.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Context, Decimal, localcontext

from domain import costs
from domain.fills import round_to_12_digits
from domain.money import CurrenciesDiffer
from domain.signal import Direction
from domain.study import ExitClock
from domain.trade import Clock, Fill, Intent, Outcome, Trade

_ONE = Decimal(1)
_EXACT = Context(prec=100)
_BPS = Decimal(10_000)
_PLACES = Decimal("1E-10")


class TradeNotFlat(ValueError):
    """The fills closed less than they opened, or opened nothing, so the trade has no outcome."""


class ClosedMoreThanOpened(ValueError):
    """The fills of a trade closed more than they opened."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums:
    """Quantity, notional (price x quantity) and fees of some fills; `at_rates` are those times each fill's rate."""

    quantity: Decimal
    notional: Decimal
    fees: Decimal
    at_rates: tuple[Decimal, Decimal, Decimal]


def select_fills_on_clock(fills: Iterable[Fill], clock: ExitClock) -> tuple[Fill, ...]:
    """Return the fills that count on an exit clock: entries, and the exits of that clock."""
    return tuple(fill for fill in fills if fill.clock in (Clock.BOTH, Clock(clock.value)))


def compute_open_quantity(fills: Iterable[Fill], clock: ExitClock) -> Decimal:
    """Return the open quantity of one trade on a clock: that of its entry fills minus that of its exit fills."""
    counted = select_fills_on_clock(fills, clock)
    with localcontext(_EXACT):
        return _add_up(counted, Intent.ENTRY).quantity - _add_up(counted, Intent.EXIT).quantity


def compute_pnl(fills: Sequence[Fill], side: Direction, *, multiplier: Decimal = _ONE) -> Decimal:
    """Return the profit or loss of one trade's fills on one clock, in the book's base currency.

    Each exit is compared with the quantity-weighted mean price of the entries; the fees of all fills are subtracted,
    also while a part is still open (the mean cost of that part then has 12 significant digits). `side` is the one
    stored at entry.

    Raises:
        ClosedMoreThanOpened: when the exits exceed the entries.
        CurrenciesDiffer: when the fills are in several currencies.
    """
    require_one_currency(fills)
    if all(fill.rate == _ONE for fill in fills):
        return _compute_pnl_at_par(fills, side, multiplier)
    with localcontext(_EXACT):
        opened, closed = _add_up(fills, Intent.ENTRY), _add_up(fills, Intent.EXIT)
        quantity, notional, fees = closed.at_rates
        rate = quantity / closed.quantity if closed.quantity else opened.at_rates[0] / opened.quantity
        gross = (notional - _compute_cost(opened, closed.quantity) * rate) * side.sign * multiplier
        return (gross - opened.fees * rate - fees).quantize(_PLACES)


def compute_holding_cost(trade: Trade, fills: Sequence[Fill]) -> Decimal:
    """Return what holding a trade until its exits has cost, in the book's base currency; below 0 it was an income.

    For each exit: its quantity at the mean price of the entries, times the multiplier, times the basis points of the
    whole intervals since the entry, at the rate of the exit; rounded to ten decimal places.
    """
    costs_of_kind = costs.find_costs(trade.instrument)
    if costs_of_kind.holding is None:
        return Decimal(0)
    entered_at = min(fill.at for fill in fills if fill.intent is Intent.ENTRY)
    is_long = trade.side is Direction.LONG
    with localcontext(_EXACT):
        opened = _add_up(fills, Intent.ENTRY)
        worth = opened.notional / opened.quantity * trade.money.point_value
        parts = (
            worth
            * fill.quantity
            * fill.rate
            * costs.compute_holding_bps(costs_of_kind, fill.at - entered_at, is_long=is_long)
            for fill in fills
            if fill.intent is Intent.EXIT
        )
        return (sum(parts, Decimal(0)) / _BPS).quantize(_PLACES).normalize()


def require_one_currency(fills: Iterable[Fill]) -> None:
    """Refuse fills in several currencies, which cannot be added up.

    Raises:
        CurrenciesDiffer
    """
    names = sorted({fill.currency for fill in fills})
    if len(names) > 1:
        raise CurrenciesDiffer(f"the fills of a trade are in {' and '.join(names)}")


def compute_outcome(
    trade: Trade,
    fills_on_clock: Sequence[Fill],
    *,
    clock: ExitClock,
    equals_own: bool,
    reference_notional: Decimal,
    exit_reason: str,
    share: Decimal = _ONE,
) -> Outcome:
    """Return the outcome of a trade on a clock; return_ratio = pnl / (reference_notional x share).

    `share` is the engine's allocation for a real trade that got a part of the capital, else 1. Mean prices and the
    ratio have 12 significant digits; the P&L is in the book's base currency, as is `reference_notional`, and less the
    cost of holding (funding of perpetuals, swap of currencies).

    Raises:
        TradeNotFlat: when the fills did not close exactly what they opened, or opened nothing.
    """
    _require_flat(trade, fills_on_clock)
    holding_cost = compute_holding_cost(trade, fills_on_clock)
    with localcontext(_EXACT):
        trade_pnl = compute_pnl(fills_on_clock, trade.side, multiplier=trade.money.point_value) - holding_cost
        ratio = round_to_12_digits(trade_pnl / (reference_notional * share))
    return Outcome(
        trade_id=trade.trade_id,
        experiment_id=trade.experiment_id,
        engine=trade.engine,
        is_shadow=trade.is_shadow,
        exit_clock=clock,
        equals_own=equals_own,
        entry_price=_compute_mean_price(fills_on_clock, Intent.ENTRY),
        exit_price=_compute_mean_price(fills_on_clock, Intent.EXIT),
        pnl=trade_pnl,
        holding_cost=holding_cost,
        return_ratio=ratio,
        exit_reason=exit_reason,
        entry_time=min(fill.at for fill in fills_on_clock if fill.intent is Intent.ENTRY),
        exit_time=max(fill.at for fill in fills_on_clock if fill.intent is Intent.EXIT),
    )


def _compute_pnl_at_par(fills: Sequence[Fill], side: Direction, multiplier: Decimal) -> Decimal:
    """Return the exact profit or loss of fills whose rates are all 1."""
    with localcontext(_EXACT):
        opened, closed = _add_up(fills, Intent.ENTRY), _add_up(fills, Intent.EXIT)
        gross = (closed.notional - _compute_cost(opened, closed.quantity)) * side.sign * multiplier
        return gross - opened.fees - closed.fees


def _require_flat(trade: Trade, fills: Sequence[Fill]) -> None:
    opened, closed = _add_up(fills, Intent.ENTRY).quantity, _add_up(fills, Intent.EXIT).quantity
    if opened != closed or not opened:
        raise TradeNotFlat(f"trade {trade.trade_id} opened {opened} and closed {closed}")


def _add_up(fills: Iterable[Fill], intent: Intent) -> _Sums:
    counted = [fill for fill in fills if fill.intent is intent]
    with localcontext(_EXACT):
        return _Sums(
            quantity=sum((fill.quantity for fill in counted), Decimal(0)),
            notional=sum((fill.price * fill.quantity for fill in counted), Decimal(0)),
            fees=sum((fill.fee for fill in counted), Decimal(0)),
            at_rates=(
                sum((fill.quantity * fill.rate for fill in counted), Decimal(0)),
                sum((fill.price * fill.quantity * fill.rate for fill in counted), Decimal(0)),
                sum((fill.fee * fill.rate for fill in counted), Decimal(0)),
            ),
        )


def _compute_cost(opened: _Sums, quantity: Decimal) -> Decimal:
    """Return the notional at which `quantity` of the entries was opened, at their mean price."""
    if quantity == opened.quantity:
        return opened.notional
    if quantity > opened.quantity:
        raise ClosedMoreThanOpened(f"the fills closed {quantity} of {opened.quantity}")
    return round_to_12_digits(opened.notional * quantity / opened.quantity)


def _compute_mean_price(fills: Sequence[Fill], intent: Intent) -> Decimal:
    sums = _add_up(fills, intent)
    with localcontext(_EXACT):
        return round_to_12_digits(sums.notional / sums.quantity)
