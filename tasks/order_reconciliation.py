"""Reconciling orders with the venue: looked up until their state is known, resubmitted only when they never arrived."""

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
    """Look up the orders of a book that are due for a look-up at its venue; return how many were due."""
    broker = parts.broker(book)
    with parts.transaction() as session:
        due = submissions.take_due(session, venue=broker.name, limit=LIMIT, settle_s=broker.traits.settle_s)
    order_submission.enqueue_orders(due_order.order for due_order in due if due_order.state in order_states.SENDABLE)
    doubtful = [due_order for due_order in due if due_order.state not in order_states.SENDABLE]
    lost = [due_order for due_order in doubtful if due_order.state is OrderState.SUBMITTING]
    order_submission.record_reports(
        parts,
        [
            OrderReport(order=due_order.order, state=OrderState.UNKNOWN, detail="its worker stopped before the answer")
            for due_order in lost
        ],
    )
    _record_and_settle(parts, query_venue(parts, broker, doubtful))
    return len(due)


def settle_reported_trades(parts: Parts, reports: Sequence[OrderReport]) -> None:
    """Submit the next owed exits of the trades that reports are about, and update their exit clocks and outcomes."""
    if reports:
        with parts.transaction() as session:
            experiment_ids = trades.load_experiment_ids(session, [report.order.trade_id for report in reports])
        exit_settlement.send_owed_exits(parts, experiment_ids)


def _record_and_settle(parts: Parts, reports: Sequence[OrderReport]) -> None:
    """Record reports, resubmit the orders that never arrived, raise incidents, and settle the trades concerned."""
    changed = order_submission.record_reports(parts, reports)
    order_submission.enqueue_orders(report.order for report in changed if report.state is OrderState.RESUBMIT_OK)
    for report in changed:
        if report.state is OrderState.MANUAL_REVIEW:
            _raise_incident(
                parts, "order_manual_review", report.order.order_id, report.order.client_order_id, report.detail
            )
    settle_reported_trades(parts, changed)


def query_venue(parts: Parts, broker: Broker, doubtful: Sequence[DueOrder]) -> list[OrderReport]:
    """Look orders up at the venue; return a report for each order whose state the answer clarifies.

    A venue that does not answer changes no order; when that lasts, incidents are raised.
    """
    if not doubtful:
        return []
    if not broker.traits.finds_orders:
        return [
            _report_for_manual_review(due_order, "the venue cannot be asked about it")
            for due_order in doubtful
            if due_order.is_over
        ]
    try:
        answers, ended = _find_and_cancel_stuck(broker, doubtful)
    except VenueUnavailable as error:
        log.warning("venue.silent", venue=broker.name, orders=len(doubtful), error=str(error))
        _raise_unknown_orders(parts, doubtful, str(error))
        return []
    _raise_missing_orders(parts, doubtful, answers)
    absent = [
        _report_absent(due_order)
        for due_order, report in zip(doubtful, answers, strict=True)
        if report is None and _is_lost(due_order)
    ]
    return [*_prefer_later_reports(answers, ended), *ended, *absent]


def _find_and_cancel_stuck(
    broker: Broker, doubtful: Sequence[DueOrder]
) -> tuple[list[OrderReport | None], list[OrderReport]]:
    """Look up each order and cancel those that are stuck; return the reports of the look-ups and the cancellations."""
    answers = broker.find([due_order.order for due_order in doubtful])
    stuck = [
        due_order.order for due_order, report in zip(doubtful, answers, strict=True) if _is_stuck(due_order, report)
    ]
    cancelled = broker.cancel(stuck) if stuck else []
    return answers, [report for report in cancelled if report is not None]


def _prefer_later_reports(answers: Sequence[OrderReport | None], later: Sequence[OrderReport]) -> list[OrderReport]:
    """Return the look-ups' reports without orders that a later report covers, which includes all their fills."""
    known = {report.order.order_id for report in later}
    return [report for report in answers if report is not None and report.order.order_id not in known]


def _is_lost(due: DueOrder) -> bool:
    """Return whether an order without a known result is past its window, so that it may be sent again when absent."""
    return due.is_over and due.state in (OrderState.SUBMITTING, OrderState.UNKNOWN)


def _is_stuck(due: DueOrder, report: OrderReport | None) -> bool:
    """Return whether an order that the venue shows should have been filled long ago.

    Its unfilled rest is cancelled: an entry's is no longer useful, an exit's is ordered again at the present price.
    """
    return due.is_over and due.checks > 2 and report is not None and report.state in _AT_VENUE


def _report_absent(due: DueOrder) -> OrderReport:
    """Report that the venue does not have an order, so that it may be sent again."""
    return OrderReport(order=due.order, state=OrderState.RESUBMIT_OK, detail="absent after its window")


def _report_for_manual_review(due: DueOrder, why: str) -> OrderReport:
    """Report that a person must look at an order, and why."""
    return OrderReport(order=due.order, state=OrderState.MANUAL_REVIEW, detail=why)


def _raise_unknown_orders(parts: Parts, doubtful: Sequence[DueOrder], error: str) -> None:
    """Raise an incident for each order that many look-ups left without an answer."""
    for due_order in doubtful:
        if due_order.checks >= ALARM_AFTER_CHECKS:
            _raise_incident(parts, "order_unknown", due_order.order.order_id, due_order.order.client_order_id, error)


def _raise_missing_orders(parts: Parts, doubtful: Sequence[DueOrder], answers: Sequence[OrderReport | None]) -> None:
    """Raise an incident for each order that the venue had accepted and no longer shows."""
    for due_order, report in zip(doubtful, answers, strict=True):
        if report is None and due_order.state in _AT_VENUE:
            _raise_incident(
                parts, "order_missing", due_order.order.order_id, due_order.order.client_order_id, "no longer shown"
            )


def _raise_incident(parts: Parts, kind: str, order_id: UUID, client_order_id: str, why: str | None) -> None:
    """Open an incident about an order, and log it unless one is open already."""
    with parts.transaction() as session:
        is_new = incidents.open_(
            session, kind=kind, subject=str(order_id), detail={"client_order_id": client_order_id, "why": why}
        )
    if is_new:
        log.error("incident.opened", kind=kind, client_order_id=client_order_id, why=why)
