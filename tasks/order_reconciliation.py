"""Finding out what became of orders: looked up until it is known, sent again only when they certainly never arrived."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import structlog

from db import incidents, submissions, trades
from db.submissions import DueOrder
from domain import order_states
from domain.ports import Broker, OrderReport, VenueUnavailable
from domain.trade import OrderState
from tasks import exit_settlement, order_submission
from tasks.parts import Parts

LIMIT = 100
ALARM_AFTER_CHECKS = 8
_AT_VENUE = frozenset({OrderState.ACCEPTED, OrderState.PARTIAL})
log = structlog.get_logger()


def reconcile(parts: Parts, book: str) -> int:
    """Look at the orders of a book's venue that are due; returns how many there were."""
    broker = parts.broker(book)
    with parts.transaction() as session:
        due = submissions.take_due(session, venue=broker.name, limit=LIMIT, settle_s=broker.traits.settle_s)
    order_submission.announce(one.order for one in due if one.state in order_states.SENDABLE)
    doubtful = [one for one in due if one.state not in order_states.SENDABLE]
    lost = [one for one in doubtful if one.state is OrderState.SUBMITTING]
    order_submission.record(
        parts, [OrderReport(order=one.order, state=OrderState.UNKNOWN, detail="its worker did not say") for one in lost]
    )
    _apply(parts, learned(parts, broker, doubtful))
    return len(due)


def after(parts: Parts, reports: Sequence[OrderReport]) -> None:
    """Do what follows from what a venue said: the next exit that is owed, the siblings, the outcomes."""
    if reports:
        with parts.transaction() as session:
            experiment_ids = trades.load_experiment_ids(session, [one.order.trade_id for one in reports])
        exit_settlement.follow(parts, experiment_ids)


def _apply(parts: Parts, reports: Sequence[OrderReport]) -> None:
    moved = order_submission.record(parts, reports)
    order_submission.announce(one.order for one in moved if one.state is OrderState.RESUBMIT_OK)
    for one in moved:
        if one.state is OrderState.MANUAL_REVIEW:
            _raise_incident(parts, "order_manual_review", one.order.order_id, one.order.client_order_id, one.detail)
    after(parts, moved)


def learned(parts: Parts, broker: Broker, doubtful: Sequence[DueOrder]) -> list[OrderReport]:
    """Ask the venue, and return one report of each order that it says something about.

    From its silence nothing follows but an alarm when it lasts.
    """
    if not doubtful:
        return []
    if not broker.traits.finds_orders:
        return [_for_a_person(one, "the venue cannot be asked about it") for one in doubtful if one.is_over]
    try:
        found, ended = _asked(broker, doubtful)
    except VenueUnavailable as error:
        log.warning("venue.silent", venue=broker.name, orders=len(doubtful), error=str(error))
        _alarm_about_old(parts, doubtful, str(error))
        return []
    _alarm_about_missing(parts, doubtful, found)
    absent = [_absent(one) for one, report in zip(doubtful, found, strict=True) if report is None and _is_gone(one)]
    return [*_but(found, ended), *ended, *absent]


def _asked(broker: Broker, doubtful: Sequence[DueOrder]) -> tuple[list[OrderReport | None], list[OrderReport]]:
    """Return what the venue shows of each order, and what became of those whose rest it was asked to cancel."""
    found = broker.find([one.order for one in doubtful])
    stuck = [one.order for one, report in zip(doubtful, found, strict=True) if _is_stuck(one, report)]
    cancelled = broker.cancel(stuck) if stuck else []
    return found, [one for one in cancelled if one is not None]


def _but(found: Sequence[OrderReport | None], later: Sequence[OrderReport]) -> list[OrderReport]:
    """Return what was found, except where a later report, which knows all fills too, says more of the same order."""
    known = {one.order.order_id for one in later}
    return [one for one in found if one is not None and one.order.order_id not in known]


def _is_gone(due: DueOrder) -> bool:
    return due.is_over and due.state in (OrderState.SUBMITTING, OrderState.UNKNOWN)


def _is_stuck(due: DueOrder, report: OrderReport | None) -> bool:
    """Whether an order that the venue has should have been filled long ago.

    What is left of an entry is not wanted any more; what is left of an exit is asked for again, at the present price.
    """
    return due.is_over and due.checks > 2 and report is not None and report.state in _AT_VENUE


def _absent(due: DueOrder) -> OrderReport:
    return OrderReport(order=due.order, state=OrderState.RESUBMIT_OK, detail="absent after its window")


def _for_a_person(due: DueOrder, why: str) -> OrderReport:
    return OrderReport(order=due.order, state=OrderState.MANUAL_REVIEW, detail=why)


def _alarm_about_old(parts: Parts, doubtful: Sequence[DueOrder], error: str) -> None:
    for one in doubtful:
        if one.checks >= ALARM_AFTER_CHECKS:
            _raise_incident(parts, "order_unknown", one.order.order_id, one.order.client_order_id, error)


def _alarm_about_missing(parts: Parts, doubtful: Sequence[DueOrder], found: Sequence[OrderReport | None]) -> None:
    for one, report in zip(doubtful, found, strict=True):
        if report is None and one.state in _AT_VENUE:
            _raise_incident(parts, "order_missing", one.order.order_id, one.order.client_order_id, "no longer shown")


def _raise_incident(parts: Parts, kind: str, order_id: UUID, client_order_id: str, why: str | None) -> None:
    with parts.transaction() as session:
        is_new = incidents.open_(
            session, kind=kind, subject=str(order_id), detail={"client_order_id": client_order_id, "why": why}
        )
    if is_new:
        log.error("incident.opened", kind=kind, client_order_id=client_order_id, why=why)
