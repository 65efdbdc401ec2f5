"""The orders that open trades, as they are first stored."""

from __future__ import annotations

from collections.abc import Iterable

from db import orders
from db.core.session import Session
from domain.trade import OrderState
from domain.trade_opening import Opening


def record(session: Session, openings: Iterable[Opening]) -> None:
    """Record the opening orders: those of model trades as filled, those of real trades as intents."""
    ordered = [opening for opening in openings if opening.order]
    model = [(opening.order, opening.fill) for opening in ordered if opening.order and opening.fill]
    real = [opening.order for opening in ordered if opening.order and not opening.fill]
    orders.record_filled_model_orders(session, [order for order, _ in model], [fill for _, fill in model])
    orders.record(session, real, state=OrderState.INTENT)
