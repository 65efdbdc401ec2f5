"""A database that may be older than its venue, as after a restored backup or a fork.

Orders that the venue may know although the database does not are looked up there before they are sent; see
docs/decisions/a-restored-database-asks-its-venue.md.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from decimal import Decimal

import structlog

from db import database_starts, families
from db import orders as stored_orders
from db.queries import real_exposure
from db.submissions import BegunSubmission
from domain import exit_synchronization
from domain.context import PriceBasis
from domain.exit_synchronization import Family
from domain.exits import ExitReason
from domain.ports import Broker, OrderReport, VenueUnavailable
from domain.trade import (
    ExitEvent,
    Intent,
    Order,
    OrderState,
    Pricing,
    RealVenue,
    Trade,
    client_order_id_for,
    order_id_for,
)
from tasks import position_check
from tasks.parts import Parts

PROBED_FOR_S = 900
_ATTEMPTS_LOOKED_UP = 8
log = structlog.get_logger()


def find_settled(parts: Parts, broker: Broker, begun: Sequence[BegunSubmission]) -> list[OrderReport]:
    """Return reports on the orders that must not be sent now, of those whose trade is from before the newest start.

    Those are the orders that the venue knows already, all when it does not answer, and exits of trades from before a
    restore that the venue knows under a later attempt, or of which it holds less than the open trades add up to.
    """
    old = [submission for submission in begun if submission.is_from_before_start]
    if not old or not broker.traits.finds_orders:
        return []
    orders = [submission.order for submission in old]
    try:
        answers = broker.find(orders)
        for submission, report in zip(old, answers, strict=True):
            if report is not None and not submission.again:
                _report_found(parts, report)
        absent = [order for order, report in zip(orders, answers, strict=True) if report is None]
        return [report for report in answers if report is not None] + _refuse_restored_exits(parts, broker, absent)
    except VenueUnavailable as error:
        return [_report(order, OrderState.RESUBMIT_OK, f"not sent, since it may be there: {error}") for order in orders]


def look_for_unknown_orders(parts: Parts, book: str) -> None:
    """Soon after a start, ask the venue for the next exit of each open trade: if it has one, the database is older."""
    broker = parts.broker(book)
    with parts.transaction() as session:
        experiment_ids = database_starts.list_from_before_recent_start(session, book, within_s=PROBED_FOR_S)
        loaded = families.load(session, experiment_ids)
    exits = [order for family in loaded for order in _build_next_exits(family, parts.venue(book))]
    if not exits or not broker.traits.finds_orders:
        return
    try:
        for order in exits:
            _find_unknown_attempt(parts, broker, order, known=frozenset())
    except VenueUnavailable as error:
        log.warning("venue.silent", book=book, error=str(error))


def _build_next_exits(family: Family, venue: RealVenue) -> list[Order]:
    """Build the exit that each real trade without an order on its way would be sent next; nothing is stored."""
    return [
        placed.order
        for real in family.reals
        for placed in exit_synchronization.find_owed_flattening_exits(family, real, _build_event(real), venue=venue)
    ]


def _build_event(real: Trade) -> ExitEvent:
    """Build an exit of a whole trade, of which only the id that follows for its order is used."""
    return ExitEvent(
        at=real.entry_at,
        fraction=Decimal(1),
        is_final=True,
        reason=ExitReason.FLATTEN.value,
        pricing=Pricing.MARKET,
        bid=None,
        ask=None,
        last=None,
        basis=PriceBasis.UNKNOWN,
    )


def _report_found(parts: Parts, report: OrderReport) -> None:
    """Note that the venue has an order that this database never sent: it is older than the venue."""
    with parts.transaction() as session:
        is_new = database_starts.report_found(session, report.order, state=report.state)
    if is_new:
        log.error("incident.opened", kind=database_starts.RESTORED, client_order_id=report.order.client_order_id)


def _find_unknown_attempt(parts: Parts, broker: Broker, order: Order, *, known: Collection[str]) -> Order | None:
    """Return the attempt at an exit, or at an earlier one of its trade, that the venue has and we do not know."""
    attempts = [attempt for attempt in _list_attempts(order) if attempt.client_order_id not in known]
    for report in (report for report in broker.find(attempts) if report is not None):
        _report_found(parts, report)
        return report.order
    return None


def _list_attempts(order: Order) -> list[Order]:
    """Return the first attempts at the exit of an order and at those before it, as they would be sent."""
    places = [(leg, attempt) for leg in range(1, order.leg + 1) for attempt in range(1, _ATTEMPTS_LOOKED_UP + 1)]
    return [_build_attempt(order, leg=leg, attempt=attempt) for leg, attempt in places]


def _build_attempt(order: Order, *, leg: int, attempt: int) -> Order:
    client_id = client_order_id_for(
        book=order.book,
        account=order.account,
        trade_id=order.trade_id,
        intent=order.intent,
        clock=order.clock,
        leg=leg,
        attempt=attempt,
    )
    order_id = order_id_for(order.trade_id, client_id)
    return replace(order, leg=leg, attempt=attempt, client_order_id=client_id, order_id=order_id)


def _refuse_restored_exits(parts: Parts, broker: Broker, absent: Sequence[Order]) -> list[OrderReport]:
    """Refuse exits of trades from before a restore that the venue has made already, as far as that can be seen.

    A refused exit is sent again under its next attempt, which is then the one that the venue has.
    """
    with parts.transaction() as session:
        restored = database_starts.was_restored_after(session, [order.trade_id for order in absent])
        exits = [order for order in absent if order.trade_id in restored and order.intent is Intent.EXIT]
        ours = real_exposure.load_positions(session, exits[0].book) if exits else {}
        known = stored_orders.list_client_order_ids(session, restored)
    held = {position.symbol: position.quantity for position in broker.positions()} if exits else {}
    refused = list[OrderReport]()
    for order in exits:
        symbol = order.quote.instrument.symbol
        quantity, at_venue = ours.get(symbol, Decimal(0)), held.get(symbol, Decimal(0))
        unknown = _find_unknown_attempt(parts, broker, order, known=known)
        if unknown is not None:
            why = f"the database was restored, and the venue has {unknown.client_order_id} of this trade"
            refused.append(_report(order, OrderState.REJECTED, why))
        elif quantity and position_check.holds_less(quantity, at_venue):
            why = (
                f"the database was restored, and the venue holds {at_venue} while the open trades add up to {quantity}"
            )
            refused.append(_report(order, OrderState.REJECTED, why))
    return refused


def _report(order: Order, state: OrderState, detail: str) -> OrderReport:
    return OrderReport(order=order, state=state, detail=detail)
