"""Orders, their events and fills, and the quotes both refer to.

What a venue reports is stored whether or not the writer still owns the signal: it has happened.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.core import bulk, states
from db.tables.trades import FillRow, OrderRow, QuoteRow
from db.trade_rows import build_denomination
from domain.context import PriceBasis
from domain.exit_synchronization import PlacedOrder
from domain.signal import Instrument, InstrumentKind
from domain.trade import Clock, Fill, Intent, Order, OrderState, Pricing, QuoteBasis, TradeQuote

_INSERT_EVENT = text("""
    INSERT INTO order_events (order_id, from_state, to_state, detail)
    SELECT id, from_state, to_state, detail
    FROM unnest(cast(:ids AS uuid[]), cast(:froms AS text[]), cast(:tos AS text[]), cast(:details AS text[]))
        AS given(id, from_state, to_state, detail)
""")
_SELECT = """
    SELECT order_id, client_order_id, orders.book, trade_id, intent, exit_clock, leg, attempt, orders.side,
           orders.quantity, fraction, pricing, reason, is_final, venue, account, state, quote_id, quotes.symbol,
           quotes.exchange, quotes.instrument_kind, at, bid, ask, last, basis, quotes.rate AS quote_rate, currency,
           multiplier, conversion, trades.rate, next_check_at <= clock_timestamp() AS may_retry
    FROM orders JOIN quotes USING (quote_id) JOIN trades USING (trade_id)
"""


def record(session: Session, orders: Sequence[Order], *, state: OrderState) -> set[UUID]:
    """Insert orders in `state` with their quotes and first event; orders that exist stay as they are.

    Returns:
        The ids that were new.
    """
    if not orders:
        return set()
    quotes = {order.quote.quote_id: order.quote for order in orders}
    bulk.insert(session, QuoteRow, [_build_quote_row(quotes[key]) for key in sorted(quotes)])
    rows = [_build_row(order, state) for order in sorted(orders, key=lambda order: order.order_id)]
    new: set[UUID] = set(bulk.insert(session, OrderRow, rows))
    record_events(session, [(order_id, None, state, None) for order_id in new])
    return new


def record_filled_model_orders(session: Session, orders: Sequence[Order], fills: Sequence[Fill]) -> None:
    """Insert model orders as filled, with their fills."""
    record(session, orders, state=OrderState.FILLED)
    record_fills(session, fills)


def record_fills(session: Session, fills: Sequence[Fill]) -> list[UUID]:
    """Insert fills and return the ids of the new ones; a fill that a venue reported before stays as it is."""
    return bulk.insert(session, FillRow, [_build_fill_row(fill) for fill in fills])


def load_orders_of_fills(session: Session, fill_ids: Collection[UUID]) -> set[UUID]:
    """Return the ids of the orders that the fills belong to."""
    query = text("SELECT order_id FROM fills WHERE fill_id = ANY(:ids)")
    return set(session.execute(query, {"ids": list(fill_ids)}).scalars())


def list_pending_entries(session: Session, experiment_ids: Collection[UUID]) -> list[UUID]:
    """Return the ids of the experiments' real entry orders that are still to be sent, or are being sent."""
    query = text(f"""
        SELECT order_id FROM orders JOIN trades USING (trade_id)
        WHERE experiment_id = ANY(:ids) AND NOT is_shadow AND intent = 'entry'
          AND state IN {states.PENDING_ORDERS}
        ORDER BY order_id
    """)
    return list(session.execute(query, {"ids": list(experiment_ids)}).scalars())


def load(session: Session, order_ids: Collection[UUID]) -> list[Order]:
    """Return orders by id, in order of id."""
    query = text(f"{_SELECT} WHERE order_id = ANY(:ids) ORDER BY order_id")
    return [_build_order(row) for row in session.execute(query, {"ids": list(order_ids)})]


def list_client_order_ids(session: Session, trade_ids: Collection[UUID]) -> set[str]:
    """Return the client ids of all orders of some trades."""
    query = text("SELECT client_order_id FROM orders WHERE trade_id = ANY(:ids)")
    return set(session.execute(query, {"ids": list(trade_ids)}).scalars())


def load_exits(session: Session, trade_ids: Collection[UUID]) -> dict[UUID, list[PlacedOrder]]:
    """Return the exit orders of each trade with their states, by clock, leg and attempt."""
    query = text(
        f"{_SELECT} WHERE trade_id = ANY(:ids) AND intent = 'exit' ORDER BY trade_id, exit_clock, leg, attempt"
    )
    exits: dict[UUID, list[PlacedOrder]] = {}
    for row in session.execute(query, {"ids": list(trade_ids)}):
        placed = PlacedOrder(order=_build_order(row), state=OrderState(row.state), may_retry=row.may_retry)
        exits.setdefault(row.trade_id, []).append(placed)
    return exits


def list_pending_exits(session: Session, experiment_ids: Collection[UUID]) -> list[UUID]:
    """Return the ids of the experiments' real exit orders that are still to be sent, or are being sent."""
    query = text(f"""
        SELECT order_id FROM orders JOIN trades USING (trade_id)
        WHERE experiment_id = ANY(:ids) AND NOT is_shadow AND intent = 'exit'
          AND state IN {states.PENDING_ORDERS}
        ORDER BY order_id
    """)
    return list(session.execute(query, {"ids": list(experiment_ids)}).scalars())


def load_trades_with_open_entry(session: Session, trade_ids: Collection[UUID]) -> set[UUID]:
    """Return the ids of the trades whose entry order may still fill."""
    query = text(
        f"SELECT trade_id FROM orders WHERE trade_id = ANY(:ids) AND intent = 'entry' AND state IN {states.OPEN_ORDERS}"
    )
    return set(session.execute(query, {"ids": list(trade_ids)}).scalars())


def load_fills(session: Session, trade_ids: Collection[UUID]) -> dict[UUID, list[Fill]]:
    """Return the fills of each trade, in order of time."""
    query = text("""
        SELECT order_id, trade_id, exit_clock, intent, venue, venue_fill_id, side, quantity, price, fee, filled_at,
               quote_id, quote_basis, price_basis, fill_model, currency, rate
        FROM fills WHERE trade_id = ANY(:ids) ORDER BY trade_id, filled_at, venue_fill_id
    """)
    fills: dict[UUID, list[Fill]] = {}
    for row in session.execute(query, {"ids": list(trade_ids)}):
        fills.setdefault(row.trade_id, []).append(_build_fill(row))
    return fills


def record_events(session: Session, events: Sequence[tuple[UUID, OrderState | None, OrderState, str | None]]) -> None:
    """Append events: (order id, state before, state after, reason)."""
    if not events:
        return
    parameters = {
        "ids": [order_id for order_id, _, _, _ in events],
        "froms": [before and before.value for _, before, _, _ in events],
        "tos": [after.value for _, _, after, _ in events],
        "details": [reason for _, _, _, reason in events],
    }
    session.execute(_INSERT_EVENT, parameters)


def _format_side(*, is_buy: bool) -> str:
    return "buy" if is_buy else "sell"


def _build_quote_row(quote: TradeQuote) -> dict[str, Any]:
    return {
        "quote_id": quote.quote_id,
        "book": quote.book,
        "symbol": quote.instrument.symbol,
        "exchange": quote.instrument.exchange,
        "instrument_kind": quote.instrument.kind.value,
        "at": quote.at,
        "bid": quote.bid,
        "ask": quote.ask,
        "last": quote.last,
        "rate": quote.rate,
        "basis": quote.basis.value,
    }


def _build_row(order: Order, state: OrderState) -> dict[str, Any]:
    return {
        "order_id": order.order_id,
        "client_order_id": order.client_order_id,
        "book": order.book,
        "trade_id": order.trade_id,
        "intent": order.intent.value,
        "exit_clock": order.clock.value,
        "leg": order.leg,
        "attempt": order.attempt,
        "side": _format_side(is_buy=order.is_buy),
        "quantity": order.quantity,
        "fraction": order.fraction,
        "pricing": order.pricing.value,
        "reason": order.reason,
        "is_final": order.is_final,
        "venue": order.venue,
        "account": order.account,
        "quote_id": order.quote.quote_id,
        "state": state.value,
    }


def _build_fill_row(fill: Fill) -> dict[str, Any]:
    return {
        "order_id": fill.order_id,
        "trade_id": fill.trade_id,
        "exit_clock": fill.clock.value,
        "intent": fill.intent.value,
        "venue": fill.venue,
        "venue_fill_id": fill.venue_fill_id,
        "side": _format_side(is_buy=fill.is_buy),
        "quantity": fill.quantity,
        "price": fill.price,
        "fee": fill.fee,
        "filled_at": fill.at,
        "quote_id": fill.quote_id,
        "quote_basis": fill.basis.value,
        "price_basis": fill.price_basis.value,
        "fill_model": fill.fill_model,
        "currency": fill.currency,
        "rate": fill.rate,
    }


def _build_order(row: Any) -> Order:
    instrument = Instrument(symbol=row.symbol, exchange=row.exchange, kind=InstrumentKind(row.instrument_kind))
    return Order(
        order_id=row.order_id,
        client_order_id=row.client_order_id,
        book=row.book,
        trade_id=row.trade_id,
        intent=Intent(row.intent),
        clock=Clock(row.exit_clock),
        leg=row.leg,
        attempt=row.attempt,
        is_buy=row.side == "buy",
        quantity=row.quantity,
        fraction=row.fraction,
        pricing=Pricing(row.pricing),
        reason=row.reason,
        venue=row.venue,
        account=row.account,
        is_final=row.is_final,
        money=build_denomination(row),
        quote=TradeQuote(
            quote_id=row.quote_id,
            book=row.book,
            instrument=instrument,
            at=row.at,
            bid=row.bid,
            ask=row.ask,
            last=row.last,
            rate=row.quote_rate,
            basis=PriceBasis(row.basis),
        ),
    )


def _build_fill(row: Any) -> Fill:
    return Fill(
        order_id=row.order_id,
        trade_id=row.trade_id,
        clock=Clock(row.exit_clock),
        intent=Intent(row.intent),
        venue=row.venue,
        venue_fill_id=row.venue_fill_id,
        is_buy=row.side == "buy",
        quantity=row.quantity,
        price=row.price,
        fee=row.fee,
        at=row.filled_at,
        quote_id=row.quote_id,
        basis=QuoteBasis(row.quote_basis),
        price_basis=PriceBasis(row.price_basis),
        fill_model=row.fill_model,
        currency=row.currency,
        rate=row.rate,
    )
