"""Exit orders: the orders that follow from an exit, and those that repeat it on the synchronized clock."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from domain import fills
from domain.signal import Direction
from domain.trade import (
    FIRST_ATTEMPT,
    MODEL_VENUE,
    Clock,
    ExitEvent,
    Intent,
    Order,
    Trade,
    client_order_id_for,
    order_id_for,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A model trade and the quantity of it that is closed already on the synchronized clock."""

    trade: Trade
    closed: Decimal


def compute_exit_quantity(event: ExitEvent, *, quantity: Decimal, lot: Decimal, already_closed: Decimal) -> Decimal:
    """Return the part of an opening `quantity` that an exit closes: whole lots, the final exit all that is left.

    It is 0 when a partial exit is smaller than a lot (then there is no order), and never more than is still open.
    """
    still_open = max(quantity - already_closed, Decimal(0))
    if event.is_final:
        return still_open
    return min(fills.floor_to_lot(quantity * event.fraction, lot), still_open)


def build_exit_order(
    trade: Trade,
    event: ExitEvent,
    *,
    clock: Clock,
    leg: int,
    quantity: Decimal,
    venue: str,
    account: str = "",
    attempt: int = FIRST_ATTEMPT,
) -> Order:
    """Build the order of one exit; the same exit gives the same ids. `leg` counts a trade's exits from 1."""
    client_order_id = client_order_id_for(
        book=trade.book,
        account=account,
        trade_id=trade.trade_id,
        intent=Intent.EXIT,
        clock=clock,
        leg=leg,
        attempt=attempt,
    )
    return Order(
        order_id=order_id_for(trade.trade_id, client_order_id),
        client_order_id=client_order_id,
        book=trade.book,
        trade_id=trade.trade_id,
        intent=Intent.EXIT,
        clock=clock,
        leg=leg,
        attempt=attempt,
        is_buy=_is_exit_buy(trade),
        quantity=quantity,
        fraction=event.fraction,
        pricing=event.pricing,
        reason=event.reason,
        venue=venue,
        quote=fills.build_trade_quote(
            trade.book,
            trade.instrument,
            at=event.at,
            bid=event.bid,
            ask=event.ask,
            last=event.last,
            rate=event.rate,
            basis=event.basis,
        ),
        is_final=event.is_final,
        money=trade.money,
    )


def build_synchronized_orders(event: ExitEvent, holdings: Sequence[Holding], *, leg: int) -> tuple[Order, ...]:
    """Build the orders that close the fraction of a real exit in each model trade too, on the same stored quote.

    `leg` is the real exit's; the orders count on the synchronized clock and fill by the model. Trades with nothing to
    close get none.
    """
    orders = []
    for holding in holdings:
        trade = holding.trade
        quantity = compute_exit_quantity(event, quantity=trade.quantity, lot=trade.lot, already_closed=holding.closed)
        if quantity > 0:
            orders.append(
                build_exit_order(trade, event, clock=Clock.SYNCHRONIZED, leg=leg, quantity=quantity, venue=MODEL_VENUE)
            )
    return tuple(orders)


def _is_exit_buy(trade: Trade) -> bool:
    return trade.side is Direction.SHORT


def exit_event_from_order(order: Order) -> ExitEvent:
    """Return the exit that an order was built from."""
    quote = order.quote
    return ExitEvent(
        at=quote.at,
        fraction=order.fraction,
        is_final=order.is_final,
        reason=order.reason,
        pricing=order.pricing,
        bid=quote.bid,
        ask=quote.ask,
        last=quote.last,
        rate=quote.rate,
        basis=quote.basis,
    )
