"""An order as its venue holds it, and the report that follows from it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from domain import fills
from domain.ports import OrderReport
from domain.trade import Fill, Order, OrderState, QuoteBasis

FILL_MODEL = "venue"


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One trade of an order at its venue; the fee is in `fee_asset`, `at` aware UTC by the venue's clock."""

    trade_id: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    fee_asset: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldOrder:
    """An order as its venue holds it. `executions` is None when the answer did not tell them."""

    venue_order_id: str
    symbol: str
    is_buy: bool
    quantity: Decimal
    filled: Decimal
    state: OrderState
    at: datetime
    executions: tuple[Execution, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """An instrument by the venue's own names."""

    symbol: str
    base: str
    quote: str


def disagreement(order: Order, held: HeldOrder, *, listed: Listed) -> str | None:
    """Say in what the venue's order is not the one we meant, or None when symbol, side and quantity agree."""
    meant = {"symbol": listed.symbol, "side": order.is_buy, "quantity": order.quantity}
    found = {"symbol": held.symbol, "side": held.is_buy, "quantity": held.quantity}
    wrong = [f"{name} {found[name]} instead of {meant[name]}" for name in meant if meant[name] != found[name]]
    return "the venue holds another order under this id: " + ", ".join(wrong) if wrong else None


def report(order: Order, held: HeldOrder, *, listed: Listed, executions: Sequence[Execution]) -> OrderReport:
    """Report what the venue holds; the state is never ahead of the fills that are known.

    An order that is filled at the venue stays accepted or partial until all of its fills can be told.
    """
    wrong = disagreement(order, held, listed=listed)
    if wrong is not None:
        return OrderReport(
            order=order, state=OrderState.MANUAL_REVIEW, venue_order_id=held.venue_order_id, detail=wrong
        )
    known = tuple(_fill(order, one, held=held, listed=listed) for one in executions)
    is_whole = sum((one.quantity for one in known), Decimal(0)) >= held.filled
    behind = OrderState.PARTIAL if known else OrderState.ACCEPTED
    return OrderReport(
        order=order,
        state=held.state if is_whole else behind,
        fills=known,
        venue_order_id=held.venue_order_id,
        detail=_detail(executions, listed=listed, is_whole=is_whole),
    )


def fee_in_quote(execution: Execution, *, listed: Listed) -> Decimal | None:
    """Return the fee in the quote currency, None when it is in a third one."""
    if execution.fee_asset == listed.quote or not execution.fee:
        return fills.round_to_12_digits(execution.fee)
    if execution.fee_asset == listed.base:
        return fills.round_to_12_digits(execution.fee * execution.price)
    return None


def _fill(order: Order, execution: Execution, *, held: HeldOrder, listed: Listed) -> Fill:
    return Fill(
        order_id=order.order_id,
        trade_id=order.trade_id,
        clock=order.clock,
        intent=order.intent,
        venue=order.venue,
        venue_fill_id=f"{listed.symbol}-{held.venue_order_id}-{execution.trade_id}",
        is_buy=order.is_buy,
        quantity=execution.quantity,
        price=execution.price,
        fee=fee_in_quote(execution, listed=listed) or Decimal(0),
        at=execution.at,
        quote_id=order.quote.quote_id,
        basis=QuoteBasis.OBSERVED,
        fill_model=FILL_MODEL,
    )


def _detail(executions: Sequence[Execution], *, listed: Listed, is_whole: bool) -> str | None:
    if not is_whole:
        return "the venue has not told all fills yet"
    foreign = {one.fee_asset for one in executions if fee_in_quote(one, listed=listed) is None}
    return f"fees in {', '.join(sorted(foreign))} are not counted" if foreign else None
