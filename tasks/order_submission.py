"""Submitting orders: the intent is committed before the network call, the answer after it; no transaction is open
in between.

The paper venue is our own database: it answers at once, so its orders are submitted by the stage that made them. An
order for any other venue gets a task of its own; that task, or the reconciliation, records its result.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from uuid import UUID

import structlog
from celery import current_app

from db import database_starts, exit_incidents, orders, submissions, trades
from db.core.session import Session
from db.submissions import BegunSubmission, SubmissionRefused
from domain.ports import Broker, OrderReport, SendWindow, VenueUnavailable
from domain.trade import PAPER_VENUE, Intent, Order, OrderState
from tasks import closed_exchanges, queues, restored_database, venue_mark
from tasks.parts import Parts

WINDOW_S = 5.0
log = structlog.get_logger()


def submit(parts: Parts, order_ids: Collection[UUID]) -> list[OrderReport]:
    """Submit paper orders at once and enqueue a task for each other order; return the reports so far."""
    if not order_ids:
        return []
    with parts.transaction() as session:
        loaded = orders.load(session, order_ids)
        doubtful = submissions.load_in_doubt(
            session, [order.order_id for order in loaded if order.venue == PAPER_VENUE]
        )
    enqueue_orders(order for order in loaded if order.venue != PAPER_VENUE)
    known = _look_up_on_paper(parts, doubtful)
    return [*known, *send(parts, [order.order_id for order in loaded if order.venue == PAPER_VENUE])]


def enqueue_orders(unsent: Iterable[Order]) -> None:
    """Enqueue a task for each order, exits on their own queue; one that cannot be enqueued is left to the sweep."""
    for order in unsent:
        queue = queues.EXITS if order.intent is Intent.EXIT else queues.ORDERS
        try:
            current_app.send_task("orders.submit_order", kwargs={"order_id": str(order.order_id)}, queue=queue)
        except Exception as error:  # noqa: BLE001 - message brokers fail in many ways; the sweep covers all of them
            log.warning("order.not_announced", client_order_id=order.client_order_id, error=type(error).__name__)


def submit_single_order(parts: Parts, order_id: UUID) -> list[OrderReport]:
    """Submit one order to its venue, unless the venue can never accept it; exits wait for their exchange to open."""
    if closed_exchanges.hold_until_opening(parts, order_id):
        return []
    _deny_impossible_order(parts, order_id)
    return send(parts, [order_id])


def send(parts: Parts, order_ids: Collection[UUID]) -> list[OrderReport]:
    """Send orders to their venues once, each within its window, and record the venues' reports.

    An order that any worker has begun to submit is not sent: only a look-up may clarify its state.
    """
    if not order_ids:
        return []
    ends = time.monotonic() + WINDOW_S
    with parts.transaction() as session:
        begun, refused = submissions.begin_submission(
            session, order_ids, window_s=WINDOW_S, max_age_s=parts.settings.real_max_age_s
        )
        _deny_trades(session, refused)
        mark = database_starts.load_mark(session, [submission.order.order_id for submission in begun])
    venue_mark.advance(parts.settings.data_dir, mark)
    books = sorted({submission.order.book for submission in begun})
    reports = [report for book in books for report in _submit_to_broker(parts, book, begun, ends)]
    record_reports(parts, reports)
    return reports


def cancel_entries(
    parts: Parts, book: str, experiment_ids: Collection[UUID], *, only: Collection[UUID] | None = None
) -> None:
    """Cancel the unfilled rest of entry orders at the venue; when it does not answer, only log that.

    `only` names the trades whose entries are cancelled (None: all of the experiments).
    """
    with parts.transaction() as session:
        loaded = submissions.load_working_entries(session, experiment_ids)
    working_entries = [order for order in loaded if only is None or order.trade_id in only]
    if not working_entries:
        return
    try:
        reports = parts.broker(book).cancel(working_entries)
    except VenueUnavailable as error:
        log.warning("order.not_cancelled", book=book, count=len(working_entries), error=str(error))
    else:
        record_reports(parts, [report for report in reports if report is not None])


def record_reports(parts: Parts, reports: Sequence[OrderReport]) -> list[OrderReport]:
    """Store the venue's reports, whoever owns the signals by now, since they are facts about the venue.

    Returns:
        The reports that changed an order.
    """
    if not reports:
        return []
    with parts.transaction() as session:
        trades.lock_families(
            session, trades.load_experiment_ids(session, [report.order.trade_id for report in reports])
        )
        changed = submissions.record_reports(session, reports)
        entries = [report for report in reports if report.order.intent is Intent.ENTRY]
        trades.mark_open(session, [report.order.trade_id for report in entries if report.fills])
        trades.mark_denied(
            session,
            {
                report.order.trade_id: _denial_reason(report)
                for report in entries
                if report.state in _ENDED_UNFILLED and not report.fills
            },
        )
        _note_refused_exits(session, changed)
    for report in changed:
        log.info(
            "order.answered",
            client_order_id=report.order.client_order_id,
            state=report.state.value,
            detail=report.detail,
        )
    return changed


def _note_refused_exits(session: Session, changed: Sequence[OrderReport]) -> None:
    """Open an incident about each real trade whose exit the venue refused or let expire, as while it is closed."""
    for order, report in ((report.order, report) for report in changed if report.state in _REFUSED):
        if order.intent is Intent.EXIT:
            exit_incidents.open_about_trades(
                session,
                kind=exit_incidents.REFUSED,
                subject=order.trade_id,
                book=order.book,
                real_ids=[order.trade_id],
                symbol=order.quote.instrument.symbol,
                client_order_id=order.client_order_id,
                why=report.detail or report.state.value,
            )


_REFUSED = frozenset({OrderState.REJECTED, OrderState.EXPIRED})
_ENDED_UNFILLED = frozenset({OrderState.REJECTED, OrderState.CANCELLED, OrderState.EXPIRED})


def _denial_reason(report: OrderReport) -> str:
    """Return the venue's detail of a report, else the order's state, as the reason to deny a trade."""
    return report.detail or report.state.value


def _look_up_on_paper(parts: Parts, doubtful: Sequence[Order]) -> list[OrderReport]:
    """Look up in the paper ledger the orders that a worker left half-submitted.

    Those it does not have may be submitted again, since the ledger accepts no order twice.
    """
    if not doubtful:
        return []
    answers = zip(doubtful, parts.paper_broker.find(doubtful), strict=True)
    reports = [
        report or OrderReport(order=order, state=OrderState.RESUBMIT_OK, detail="not in the ledger")
        for order, report in answers
    ]
    record_reports(parts, reports)
    return [report for report in reports if report.state is not OrderState.RESUBMIT_OK]


def _submit_to_broker(parts: Parts, book: str, begun: Sequence[BegunSubmission], ends: float) -> list[OrderReport]:
    """Send the begun orders of one book in one window; rejections of repeated orders are confirmed first."""
    of_book = [submission for submission in begun if submission.order.book == book]
    window = SendWindow(
        opened_at=min(submission.opened_at for submission in of_book),
        not_after=min(submission.not_after for submission in of_book),
        deadline=ends,
    )
    broker = parts.broker(book)
    settled = restored_database.find_settled(parts, broker, of_book)
    settled_ids = {report.order.order_id for report in settled}
    unsent = [submission for submission in of_book if submission.order.order_id not in settled_ids]
    reports = broker.submit([submission.order for submission in unsent], window=window)
    sent = [
        _confirm_rejection(broker, report) if submission.again else report
        for submission, report in zip(unsent, reports, strict=True)
    ]
    return [*settled, *sent]


def _confirm_rejection(broker: Broker, report: OrderReport) -> OrderReport:
    """Replace the rejection of an order that was sent before by what the venue shows of that order, if anything."""
    if report.state is not OrderState.REJECTED:
        return report
    try:
        (shown_by_venue,) = broker.find([report.order])
    except VenueUnavailable as error:
        return replace(report, state=OrderState.UNKNOWN, detail=f"{report.detail}; {error}")
    return shown_by_venue or report


def _deny_impossible_order(parts: Parts, order_id: UUID) -> None:
    """Deny an order that the venue can never accept, before anything is sent."""
    with parts.transaction() as session:
        loaded = orders.load(session, [order_id])
    for order in loaded:
        why = parts.broker(order.book).refusal(order)
        if why is not None:
            with parts.transaction() as session:
                if submissions.deny(session, [order_id], reason=why):
                    _deny_trades(session, [SubmissionRefused(order=order, reason=why)])


def _deny_trades(session: Session, refused: Sequence[SubmissionRefused]) -> None:
    """Mark the trades of refused entry orders as denied, and log each refused order."""
    entries = {denial.order.trade_id: denial.reason for denial in refused if denial.order.intent is Intent.ENTRY}
    trades.mark_denied(session, entries)
    for denial in refused:
        log.warning("order.denied", client_order_id=denial.order.client_order_id, reason=denial.reason)
