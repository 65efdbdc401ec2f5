"""Submissions: orders on their way to their venue, and the reports on them.

An order's submission is begun and committed before it is sent. Reports are stored whether or not the writer still owns
the signal; a state changes only as `domain.order_states` allows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from db import orders
from db.core import states
from domain import order_states
from domain.ports import OrderReport
from domain.trade import Order, OrderState

# A refused leg is sent again after 2, 4, 8 ... seconds; an order at its venue is looked up at such intervals, too.
RETRY_AFTER_S = "least(60, power(2, least(attempt, 6)))"
CHECK_AGAIN_S = "least(30, power(2, least(checks, 5)))"

# An exit is always sent. An entry is denied when its trade is to be closed, while the switch is set, at a venue while
# its book is not live, or when its signal is too old to be traded for real; the age of one that had to wait for a price
# counts from its order. One that was begun at the paper venue before goes on, since the worker that began it may be
# booking it now.
_BEGIN = text(f"""
    WITH candidates AS (
        SELECT o.order_id, o.state AS before, o.venue NOT IN ('model', 'paper') AND EXISTS (
                SELECT FROM database_starts WHERE started_at > trades.created_at) AS is_from_before_start, CASE
            WHEN o.intent = 'exit' OR (o.venue = 'paper' AND o.state = 'resubmit_ok') THEN NULL
            WHEN trades.close_requested_at IS NOT NULL THEN 'closed_by_hand'
            WHEN rule.paused THEN 'paused'
            WHEN o.venue NOT IN ('model', 'paper') AND books.live_account IS NULL THEN 'not_live'
            WHEN o.book NOT LIKE 'replay:%' AND clock_timestamp() - make_interval(secs => :max_age_s)
                > CASE quotes.basis WHEN 'next_open' THEN o.created_at ELSE s.stored_at END
                THEN 'expired_stale' END AS refusal
        FROM orders AS o JOIN quotes USING (quote_id)
            JOIN trades USING (trade_id) JOIN experiments USING (experiment_id) JOIN signals AS s USING (signal_id)
            JOIN books ON books.book = o.book
            CROSS JOIN LATERAL (SELECT paused FROM policy_versions WHERE policy_versions.book = o.book
                                ORDER BY policy_version_id DESC LIMIT 1) AS rule
        WHERE o.order_id = ANY(:ids) AND o.state IN {states.SENDABLE_ORDERS}
        ORDER BY o.order_id FOR UPDATE OF o)
    UPDATE orders SET state = CASE WHEN refusal IS NULL THEN 'submitting' ELSE 'denied' END,
        not_after = clock_timestamp() + make_interval(secs => :window_s),
        next_check_at = clock_timestamp() + make_interval(secs => :window_s), checks = 0
    FROM candidates WHERE orders.order_id = candidates.order_id
    RETURNING orders.order_id, before, refusal, is_from_before_start,
        not_after - make_interval(secs => :window_s) AS opened_at, not_after
""")
_LOCK_POLICIES = text("""
    SELECT pg_advisory_xact_lock_shared(hashtextextended('policy:' || book, 0))
    FROM (SELECT DISTINCT book FROM orders WHERE order_id = ANY(:ids) ORDER BY book) AS submitted
""")
_STATES = text("SELECT order_id, state FROM orders WHERE order_id = ANY(:ids) ORDER BY order_id FOR UPDATE")
_UPDATE_STATES = text(f"""
    UPDATE orders SET state = given.state, venue_order_id = coalesce(given.venue_id, venue_order_id),
        next_check_at = clock_timestamp() + make_interval(secs => {RETRY_AFTER_S})
    FROM unnest(cast(:ids AS uuid[]), cast(:states AS text[]), cast(:venue_ids AS text[])) AS given(id, state, venue_id)
    WHERE order_id = given.id
""")
_TAKE_DUE = text(f"""
    UPDATE orders SET checks = checks + 1, next_check_at = clock_timestamp() + make_interval(secs => {CHECK_AGAIN_S})
    WHERE order_id IN (
        SELECT order_id FROM orders
        WHERE state IN {states.OPEN_ORDERS} AND state <> 'manual_review' AND venue = :venue
          AND next_check_at <= clock_timestamp()
        ORDER BY next_check_at LIMIT :limit FOR UPDATE SKIP LOCKED)
    RETURNING order_id, state, checks,
        not_after + make_interval(secs => :settle_s) < clock_timestamp() AS is_over
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunSubmission:
    """Order that may be sent between two times of the database's clock; `again` when it was sent before.

    `is_from_before_start`: it goes to a venue, and its trade is older than the newest start, so that the venue may know
    the order although the database does not.
    """

    order: Order
    again: bool
    is_from_before_start: bool
    opened_at: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRefused:
    """Order that is denied instead of sent, and the reason."""

    order: Order
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DueOrder:
    """Order to be looked up at its venue, with the number of look-ups so far.

    `is_over` is whether its window, and the time for its venue to settle after it, are over.
    """

    order: Order
    state: OrderState
    checks: int
    is_over: bool


def begin_submission(
    session: Session, order_ids: Collection[UUID], *, window_s: float, max_age_s: float
) -> tuple[list[BegunSubmission], list[SubmissionRefused]]:
    """Move orders that may be sent to `submitting`, or to `denied` with a reason.

    Only the former may be sent, once this transaction is committed. The switch, and whether the book is live, are read
    under a lock that changing them takes too, so that no submission begins after a change.
    """
    parameters = {"ids": list(order_ids), "window_s": window_s, "max_age_s": max_age_s}
    session.execute(_LOCK_POLICIES, {"ids": parameters["ids"]})
    rows = {row.order_id: row for row in session.execute(_BEGIN, parameters)}
    events = [
        (order_id, OrderState(row.before), OrderState.DENIED if row.refusal else OrderState.SUBMITTING, row.refusal)
        for order_id, row in rows.items()
    ]
    orders.record_events(session, events)
    loaded = [(order, rows[order.order_id]) for order in orders.load(session, rows)]
    begun = [_build_begun(order, row) for order, row in loaded if not row.refusal]
    return begun, [SubmissionRefused(order=order, reason=row.refusal) for order, row in loaded if row.refusal]


def load_in_doubt(session: Session, order_ids: Collection[UUID]) -> list[Order]:
    """Return the orders that were being submitted when their worker stopped."""
    query = text(f"SELECT order_id FROM orders WHERE order_id = ANY(:ids) AND state IN {states.DOUBTFUL_ORDERS}")
    return orders.load(session, list(session.execute(query, {"ids": list(order_ids)}).scalars()))


def load_working_entries(session: Session, experiment_ids: Collection[UUID]) -> list[Order]:
    """Return the entry orders of the experiments that the venue has and may still fill."""
    query = text(f"""
        SELECT order_id FROM orders JOIN trades USING (trade_id)
        WHERE experiment_id = ANY(:ids) AND intent = 'entry' AND state IN {states.WORKING_ORDERS}
    """)
    return orders.load(session, list(session.execute(query, {"ids": list(experiment_ids)}).scalars()))


def deny(session: Session, order_ids: Collection[UUID], *, reason: str) -> set[UUID]:
    """Deny orders that were never sent, with a reason, and return the ids of those that were denied."""
    query = text(
        "UPDATE orders SET state = 'denied' WHERE order_id = ANY(:ids) AND state = 'intent' RETURNING order_id"
    )
    denied = set(session.execute(query, {"ids": list(order_ids)}).scalars())
    orders.record_events(session, [(order_id, OrderState.INTENT, OrderState.DENIED, reason) for order_id in denied])
    return denied


def put_off(session: Session, order_id: UUID, *, wait_s: float) -> bool:
    """Have an order that is not at its venue looked at again only after so many seconds.

    Returns whether that is new; a flatten comes back to it every second.
    """
    query = text(f"""
        UPDATE orders SET next_check_at = clock_timestamp() + make_interval(secs => :wait_s)
        WHERE order_id = :order_id AND state IN {states.SENDABLE_ORDERS}
          AND next_check_at < clock_timestamp() + make_interval(secs => :wait_s - 1)
        RETURNING order_id
    """)
    return bool(session.execute(query, {"order_id": order_id, "wait_s": wait_s}).all())


def record_reports(session: Session, reports: Sequence[OrderReport]) -> list[OrderReport]:
    """Store reports on orders: all fills, and the new states where the transition is allowed.

    A report that an order is still partially filled changes its state only when it brings new fills.

    Returns:
        The reports that changed an order's state.
    """
    new_fills = orders.record_fills(session, [fill for report in reports for fill in report.fills])
    grown = orders.load_orders_of_fills(session, new_fills)
    rows = session.execute(_STATES, {"ids": [report.order.order_id for report in reports]})
    before = {row.order_id: OrderState(row.state) for row in rows}
    changes = [report for report in reports if _changes_state(report, before[report.order.order_id], grown)]
    if changes:
        _update_states(session, changes)
    orders.record_events(
        session,
        [(report.order.order_id, before[report.order.order_id], report.state, report.detail) for report in changes],
    )
    return changes


def take_due(session: Session, *, venue: str, limit: int, settle_s: float) -> list[DueOrder]:
    """Take up to `limit` orders of a venue that are due to be looked up; concurrent callers get different ones.

    An order that the venue does not show `settle_s` seconds after its window (`is_over`) never arrived.
    """
    parameters = {"venue": venue, "limit": limit, "settle_s": settle_s}
    rows = {row.order_id: row for row in session.execute(_TAKE_DUE, parameters)}
    return [
        DueOrder(
            order=order,
            state=OrderState(rows[order.order_id].state),
            checks=rows[order.order_id].checks,
            is_over=bool(rows[order.order_id].is_over),
        )
        for order in orders.load(session, rows)
    ]


def _build_begun(order: Order, row: Any) -> BegunSubmission:
    """Build a begun submission; an order in `resubmit_ok` was sent before."""
    is_again = row.before == OrderState.RESUBMIT_OK.value
    return BegunSubmission(
        order=order,
        again=is_again,
        is_from_before_start=row.is_from_before_start,
        opened_at=row.opened_at,
        not_after=row.not_after,
    )


def _changes_state(report: OrderReport, before: OrderState, grown: Collection[UUID]) -> bool:
    """Return whether a report is an allowed transition: to another state, or by new fills within the same one."""
    if not order_states.can_transition(before, report.state):
        return False
    return before is not report.state or report.order.order_id in grown


def _update_states(session: Session, reports: Sequence[OrderReport]) -> None:
    """Write the reported states, and the venue's order ids where the reports name them."""
    parameters = {
        "ids": [report.order.order_id for report in reports],
        "states": [report.state.value for report in reports],
        "venue_ids": [report.venue_order_id for report in reports],
    }
    session.execute(_UPDATE_STATES, parameters)
