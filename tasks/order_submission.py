"""Sending orders: the intent is committed before the wire, what the venue said after it, nothing is held meanwhile.

The paper venue is our own database: it answers at once and is asked where the orders are made. An order for any other
venue travels as a task of its own, and what becomes of it is learned there or by the sweep.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from uuid import UUID

import structlog
from celery import current_app

from db import orders, submissions, trades
from db.core.session import Session
from db.submissions import BegunSubmission, SubmissionRefused
from domain.ports import Broker, OrderReport, SendWindow, VenueUnavailable
from domain.trade import PAPER_VENUE, Intent, Order, OrderState
from tasks import queues
from tasks.parts import Parts

WINDOW_S = 5.0
log = structlog.get_logger()


def submit(parts: Parts, order_ids: Collection[UUID]) -> list[OrderReport]:
    """Trade what is for paper at once, and send the rest on its way; returns what is known already."""
    if not order_ids:
        return []
    with parts.transaction() as session:
        wanted = orders.load(session, order_ids)
        doubtful = submissions.load_in_doubt(session, [one.order_id for one in wanted if one.venue == PAPER_VENUE])
    announce(one for one in wanted if one.venue != PAPER_VENUE)
    found = _look_up_on_paper(parts, doubtful)
    return [*found, *send(parts, [one.order_id for one in wanted if one.venue == PAPER_VENUE])]


def announce(wanted: Iterable[Order]) -> None:
    """Send a task for each order, exits on their own queue; what the broker does not take, the sweep sends."""
    for one in wanted:
        queue = queues.EXITS if one.intent is Intent.EXIT else queues.ORDERS
        try:
            current_app.send_task("orders.submit_order", kwargs={"order_id": str(one.order_id)}, queue=queue)
        except Exception as error:  # noqa: BLE001 - a broker fails in many ways; the sweep makes good for them all
            log.warning("order.not_announced", client_order_id=one.client_order_id, error=type(error).__name__)


def send_alone(parts: Parts, order_id: UUID) -> list[OrderReport]:
    """Send one order to its venue, unless that can never take it."""
    _deny_impossible(parts, order_id)
    return send(parts, [order_id])


def send(parts: Parts, order_ids: Collection[UUID]) -> list[OrderReport]:
    """Send orders once, each at most within its window, and record what the venue said.

    What is being submitted already, by whomever, is not sent: only a look-up may say what became of it.
    """
    if not order_ids:
        return []
    ends = time.monotonic() + WINDOW_S
    with parts.transaction() as session:
        begun, refused = submissions.begin_submission(
            session, order_ids, window_s=WINDOW_S, max_age_s=parts.settings.real_max_age_s
        )
        _deny_trades(session, refused)
    books = sorted({one.order.book for one in begun})
    reports = [report for book in books for report in _sent(parts, book, begun, ends)]
    record(parts, reports)
    return reports


def cancel_entries(parts: Parts, book: str, experiment_ids: Collection[UUID]) -> None:
    """Cancel what is left of entry orders that stand at the venue; silence leaves them for the next time."""
    with parts.transaction() as session:
        standing = submissions.load_working_entries(session, experiment_ids)
    if not standing:
        return
    try:
        reports = parts.broker(book).cancel(standing)
    except VenueUnavailable as error:
        log.warning("order.not_cancelled", book=book, count=len(standing), error=str(error))
    else:
        record(parts, [one for one in reports if one is not None])


def record(parts: Parts, reports: Sequence[OrderReport]) -> list[OrderReport]:
    """Write what the venue said, whoever owns the signals by now: these are facts about the outside.

    Returns:
        The reports that changed something.
    """
    if not reports:
        return []
    with parts.transaction() as session:
        trades.lock_families(session, trades.load_experiment_ids(session, [one.order.trade_id for one in reports]))
        moved = submissions.record_reports(session, reports)
        entries = [one for one in reports if one.order.intent is Intent.ENTRY]
        trades.mark_open(session, [one.order.trade_id for one in entries if one.fills])
        trades.mark_denied(
            session, {one.order.trade_id: _reason(one) for one in entries if one.state in _ENDED and not one.fills}
        )
    for one in moved:
        log.info("order.answered", client_order_id=one.order.client_order_id, state=one.state.value, detail=one.detail)
    return moved


_ENDED = frozenset({OrderState.REJECTED, OrderState.CANCELLED, OrderState.EXPIRED})


def _reason(report: OrderReport) -> str:
    return report.detail or report.state.value


def _look_up_on_paper(parts: Parts, doubtful: Sequence[Order]) -> list[OrderReport]:
    """Ask the ledger about what a worker left half-sent; what it does not have may go: it takes no order twice."""
    if not doubtful:
        return []
    answers = zip(doubtful, parts.paper_broker.find(doubtful), strict=True)
    reports = [
        report or OrderReport(order=order, state=OrderState.RESUBMIT_OK, detail="not in the ledger")
        for order, report in answers
    ]
    record(parts, reports)
    return [one for one in reports if one.state is not OrderState.RESUBMIT_OK]


def _sent(parts: Parts, book: str, begun: Sequence[BegunSubmission], ends: float) -> list[OrderReport]:
    mine = [one for one in begun if one.order.book == book]
    window = SendWindow(
        opened_at=min(one.opened_at for one in mine), not_after=min(one.not_after for one in mine), deadline=ends
    )
    wanted, broker = [one.order for one in mine], parts.broker(book)
    reports = broker.submit(wanted, window=window)
    return [_confirmed(broker, report) if one.again else report for one, report in zip(mine, reports, strict=True)]


def _confirmed(broker: Broker, report: OrderReport) -> OrderReport:
    """Take a refusal of an order that was sent before for final only when the venue does not show the order either."""
    if report.state is not OrderState.REJECTED:
        return report
    try:
        (found,) = broker.find([report.order])
    except VenueUnavailable as error:
        return replace(report, state=OrderState.UNKNOWN, detail=f"{report.detail}; {error}")
    return found or report


def _deny_impossible(parts: Parts, order_id: UUID) -> None:
    """Deny what the venue can never take, before anything is sent."""
    with parts.transaction() as session:
        wanted = orders.load(session, [order_id])
    for one in wanted:
        why = parts.broker(one.book).refusal(one)
        if why is not None:
            with parts.transaction() as session:
                if submissions.deny(session, [order_id], reason=why):
                    _deny_trades(session, [SubmissionRefused(order=one, reason=why)])


def _deny_trades(session: Session, refused: Sequence[SubmissionRefused]) -> None:
    entries = {one.order.trade_id: one.reason for one in refused if one.order.intent is Intent.ENTRY}
    trades.mark_denied(session, entries)
    for one in refused:
        log.warning("order.denied", client_order_id=one.order.client_order_id, reason=one.reason)
