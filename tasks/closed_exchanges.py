"""Exits of real trades while their exchange is closed: they wait for its opening, with an incident that says when."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog

from db import contexts, exit_incidents, orders, submissions
from domain import trading_hours
from domain.trade import PAPER_VENUE, Intent, Order
from tasks.parts import Parts

log = structlog.get_logger()


def hold_until_opening(parts: Parts, order_id: UUID) -> bool:
    """Put off an exit whose instrument is out of session, and open the incident about it; return whether it waits.

    An exchange that is closed would refuse it. The reconciliation sends it when the exchange opens. Instruments of
    which no calendar is known are always in session.
    """
    with parts.transaction() as session:
        exits = [order for order in orders.load(session, [order_id]) if _is_exit_at_venue(order)]
        calendars = contexts.load_calendars(session, [order.trade_id for order in exits])
    return any(_hold(parts, order, calendar=calendars.get(order.trade_id)) for order in exits)


def _is_exit_at_venue(order: Order) -> bool:
    return order.intent is Intent.EXIT and order.venue != PAPER_VENUE


def _hold(parts: Parts, order: Order, *, calendar: str | None) -> bool:
    """Put off one exit until its exchange opens; return False when that is open."""
    now = parts.clock.now(order.book)
    opens_at = trading_hours.find_opening(order.quote.instrument, now, calendar=calendar)
    if opens_at is None:
        return False
    with parts.transaction() as session:
        if submissions.put_off(session, order.order_id, wait_s=(opens_at - now).total_seconds()):
            exit_incidents.open_about_closed_exchange(session, order, opens_at=opens_at)
            _log_waiting(order, opens_at)
    return True


def _log_waiting(order: Order, opens_at: datetime) -> None:
    log.info("exit.waits_for_opening", client_order_id=order.client_order_id, opens_at=opens_at.isoformat())
