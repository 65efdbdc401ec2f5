"""Builders of what was traded: trades, orders, fills and outcomes of an entry that `tests.support.builders.rows` made.

`a_closed_trade` and `no_trade` end one engine's side.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4, uuid5

from sqlalchemy import text
from sqlalchemy.orm import Session

from db.tables.trades import FillRow, OrderRow, PaperLedgerRow, QuoteRow, TradeOutcomeRow, TradeRow
from domain.context import PriceBasis
from domain.decision import EngineSlot
from domain.signal import Direction
from domain.study import ExitClock
from domain.trade import Clock, trade_id_for
from tests.support.builders.rows import LOT, NOTIONAL, Judged, plan_json

_numbers = itertools.count(1)


def no_trade(session: Session, judged: Judged, engine: EngineSlot, *, reason: str = "no_trade_hold") -> None:
    """End a side that did not trade with 0 on both clocks."""
    for clock in ExitClock:
        session.add(
            TradeOutcomeRow(
                experiment_id=judged.experiment_id,
                engine=engine.value,
                trade_id=None,
                is_shadow=True,
                exit_clock=clock.value,
                equals_own=True,
                pnl=Decimal(0),
                return_ratio=Decimal(0),
                exit_reason=reason,
            )
        )
    session.flush()


def a_trade(
    session: Session,
    judged: Judged,
    engine: EngineSlot,
    *,
    is_shadow: bool = True,
    status: str = "open",
    side: Direction = Direction.LONG,
    quantity: Decimal = Decimal(100),
    denial: str | None = None,
) -> UUID:
    """Insert a trade without its orders."""
    signal = judged.signal
    trade_id = trade_id_for(judged.experiment_id, engine=engine, is_shadow=is_shadow)
    session.add(
        TradeRow(
            trade_id=trade_id,
            experiment_id=judged.experiment_id,
            book=signal.book,
            source=signal.source,
            strategy=signal.strategy,
            symbol=signal.symbol,
            exchange=signal.exchange,
            instrument_kind=signal.instrument_kind.value,
            engine=engine.value,
            is_shadow=is_shadow,
            status=status,
            side=side.value,
            quantity=quantity,
            lot=LOT,
            plan=plan_json(side, quantity),
            entry_at=signal.received_at,
            time_limit_at=signal.received_at + timedelta(days=7),
            walk={"stop": "1", "remaining": "1", "targets_hit": 0, "best": None, "legs": 0},
            evaluated_to=signal.received_at,
            denial=denial,
            currency="USD",
            multiplier=Decimal(1),
            conversion="same",
            rate=Decimal(1),
        )
    )
    session.flush()
    return trade_id


def a_quote(session: Session, judged: Judged, *, at: datetime, price: Decimal) -> UUID:
    """Insert the quote of a moment, the same one for the same moment and price."""
    signal = judged.signal
    quote_id = uuid5(judged.experiment_id, f"{at.isoformat()} {price}")
    if session.get(QuoteRow, quote_id) is None:
        session.add(
            QuoteRow(
                quote_id=quote_id,
                book=signal.book,
                symbol=signal.symbol,
                exchange=signal.exchange,
                instrument_kind=signal.instrument_kind.value,
                at=at,
                bid=price,
                ask=price,
                basis=PriceBasis.OPEN.value,
            )
        )
        session.flush()
    return quote_id


def an_order(
    session: Session,
    judged: Judged,
    trade_id: UUID,
    *,
    venue: str,
    clock: Clock,
    price: Decimal,
    at: datetime,
    is_buy: bool,
    quantity: Decimal = Decimal(100),
    fee: Decimal = Decimal(1),
    state: str = "filled",
    reason: str = "stop",
    **columns: Any,
) -> UUID:
    """Insert an order (an entry when it counts on both clocks) and, when it is filled, its one fill."""
    is_entry = clock is Clock.BOTH
    values: dict[str, Any] = {
        "order_id": uuid4(),
        "client_order_id": f"t{next(_numbers)}",
        "book": judged.signal.book,
        "trade_id": trade_id,
        "intent": "entry" if is_entry else "exit",
        "exit_clock": clock.value,
        "leg": 0 if is_entry else 1,
        "attempt": 1,
        "side": "buy" if is_buy else "sell",
        "quantity": quantity,
        "fraction": Decimal(1),
        "pricing": "market",
        "reason": reason,
        "is_final": not is_entry,
        "venue": venue,
        "quote_id": a_quote(session, judged, at=at, price=price),
        "state": state,
    }
    order = OrderRow(**values | columns)
    session.add(order)
    session.flush()
    if state == "filled":
        a_fill(session, order, price=price, at=at, fee=fee)
    return order.order_id


def a_fill(session: Session, order: OrderRow, *, price: Decimal, at: datetime, fee: Decimal = Decimal(1)) -> None:
    """Fill an order completely; the paper venue remembers it."""
    fill_id = f"{order.client_order_id}-1"
    session.add(
        FillRow(
            order_id=order.order_id,
            trade_id=order.trade_id,
            exit_clock=order.exit_clock,
            intent=order.intent,
            venue=order.venue,
            venue_fill_id=fill_id,
            side=order.side,
            quantity=order.quantity,
            price=price,
            fee=fee,
            filled_at=at,
            quote_id=order.quote_id,
            quote_basis="observed",
            currency="USD",
            rate=Decimal(1),
            price_basis=PriceBasis.OPEN.value,
            fill_model="fm2",
        )
    )
    if order.venue == "paper":
        session.add(PaperLedgerRow(client_order_id=order.client_order_id, fills=[{"venue_fill_id": fill_id}]))
    session.flush()


def an_open_trade(
    session: Session,
    judged: Judged,
    engine: EngineSlot,
    *,
    is_shadow: bool = True,
    side: Direction = Direction.LONG,
    entry: Decimal = Decimal("1.1"),
    quantity: Decimal = Decimal(100),
) -> UUID:
    """Insert a trade that its entry has opened."""
    trade_id = a_trade(session, judged, engine, is_shadow=is_shadow, side=side, quantity=quantity)
    an_order(
        session,
        judged,
        trade_id,
        venue="model" if is_shadow else "paper",
        clock=Clock.BOTH,
        price=entry,
        at=judged.signal.received_at,
        is_buy=side is Direction.LONG,
        quantity=quantity,
        reason="entry",
    )
    return trade_id


def a_closed_trade(
    session: Session,
    judged: Judged,
    engine: EngineSlot,
    *,
    is_shadow: bool = True,
    side: Direction = Direction.LONG,
    entry: Decimal = Decimal("1.1"),
    exit_at: Mapping[ExitClock, tuple[datetime, Decimal]] | None = None,
    equals_own: bool = False,
    quantity: Decimal = Decimal(100),
    share: Decimal = Decimal(1),
    reason: str = "stop",
) -> UUID:
    """Insert a trade that opened at `entry` and closed on each clock it has, at a moment and price (default: +0.1).

    With `equals_own` only the own clock has orders and its outcome stands for both.
    """
    exits = exit_at or dict.fromkeys(ExitClock, (judged.signal.received_at + timedelta(days=1), entry + Decimal("0.1")))
    trade_id = an_open_trade(session, judged, engine, is_shadow=is_shadow, side=side, entry=entry, quantity=quantity)
    for clock in ExitClock if is_shadow else (ExitClock.SYNCHRONIZED,):
        at, price = exits[ExitClock.OWN if equals_own and is_shadow else clock]
        if not (equals_own and is_shadow and clock is ExitClock.SYNCHRONIZED):
            an_order(
                session,
                judged,
                trade_id,
                venue="model" if is_shadow else "paper",
                clock=Clock(clock.value),
                price=price,
                at=at,
                is_buy=side is Direction.SHORT,
                quantity=quantity,
                reason=reason,
            )
        pnl = (price - entry) * side.sign * quantity - 2
        session.add(
            TradeOutcomeRow(
                experiment_id=judged.experiment_id,
                engine=engine.value,
                trade_id=trade_id,
                is_shadow=is_shadow,
                exit_clock=clock.value,
                equals_own=equals_own,
                entry_price=entry,
                exit_price=price,
                pnl=pnl,
                return_ratio=pnl / (NOTIONAL * share),
                exit_reason=reason,
                entry_time=judged.signal.received_at,
                exit_time=at,
            )
        )
    session.execute(text("UPDATE trades SET status = 'closed' WHERE trade_id = :id"), {"id": trade_id})
    session.flush()
    return trade_id
