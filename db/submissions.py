"""The way of an order to its venue and back: begun before it is sent, reported on by whoever learns something.

What is known about the outside is written whoever owns the signal; a state moves only where its table allows.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from db import orders
from db.core import states
from domain import order_states
from domain.ports import OrderReport
from domain.trade import Order, OrderState

# A leg that was refused is asked for again after 2, 4, 8 ... seconds, an order at its venue looked up likewise.
RETRY_AFTER_S = "least(60, power(2, least(attempt, 6)))"
CHECK_AGAIN_S = "least(30, power(2, least(checks, 5)))"

# An exit is always sent. An entry is denied while the switch is set, at a venue while its book is not live, or when its
# signal is too old to be traded for real; one that paper began before goes on, since whoever began it may be booking it
# now.
_BEGIN = text(f"""
    WITH candidates AS (
        SELECT o.order_id, o.state AS before, CASE
            WHEN o.intent = 'exit' OR (o.venue = 'paper' AND o.state = 'resubmit_ok') THEN NULL
            WHEN rule.paused THEN 'paused'
            WHEN o.venue NOT IN ('model', 'paper') AND books.live_account IS NULL THEN 'not_live'
            WHEN o.book NOT LIKE 'replay:%' AND s.stored_at < clock_timestamp() - make_interval(secs => :max_age_s)
                THEN 'expired_stale' END AS refusal
        FROM orders AS o JOIN trades USING (trade_id) JOIN experiments USING (experiment_id)
            JOIN signals AS s USING (signal_id) JOIN books ON books.book = o.book
            CROSS JOIN LATERAL (SELECT paused FROM policy_versions WHERE policy_versions.book = o.book
                                ORDER BY policy_version_id DESC LIMIT 1) AS rule
        WHERE o.order_id = ANY(:ids) AND o.state IN {states.SENDABLE_ORDERS}
        ORDER BY o.order_id FOR UPDATE OF o)
    UPDATE orders SET state = CASE WHEN refusal IS NULL THEN 'submitting' ELSE 'denied' END,
        not_after = clock_timestamp() + make_interval(secs => :window_s),
        next_check_at = clock_timestamp() + make_interval(secs => :window_s), checks = 0
    FROM candidates WHERE orders.order_id = candidates.order_id
    RETURNING orders.order_id, before, refusal, not_after - make_interval(secs => :window_s) AS opened_at, not_after
""")
_SWITCH = text("""
    SELECT pg_advisory_xact_lock_shared(hashtextextended('policy:' || book, 0))
    FROM (SELECT DISTINCT book FROM orders WHERE order_id = ANY(:ids) ORDER BY book) AS named
""")
_STATES = text("SELECT order_id, state FROM orders WHERE order_id = ANY(:ids) ORDER BY order_id FOR UPDATE")
_SETTLE = text(f"""
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
    """An order that may be sent between two moments of the database's clock; `again` when it was sent before."""

    order: Order
    again: bool
    opened_at: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class SubmissionRefused:
    """An order that is not sent, and why."""

    order: Order
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DueOrder:
    """An order to be looked at: how often that was done, and whether its window and the settling after it are over."""

    order: Order
    state: OrderState
    checks: int
    is_over: bool


def begin_submission(
    session: Session, order_ids: Collection[UUID], *, window_s: float, max_age_s: float
) -> tuple[list[BegunSubmission], list[SubmissionRefused]]:
    """Move intents to submitting, or to denied: only what is begun may be sent, once this transaction is committed.

    The switch, and whether the book is live, are read under a lock that changing them takes too: what is begun was
    begun before the change.
    """
    given = {"ids": list(order_ids), "window_s": window_s, "max_age_s": max_age_s}
    session.execute(_SWITCH, {"ids": given["ids"]})
    rows = {row.order_id: row for row in session.execute(_BEGIN, given)}
    orders.record_events(
        session,
        [
            (one, OrderState(row.before), OrderState.DENIED if row.refusal else OrderState.SUBMITTING, row.refusal)
            for one, row in rows.items()
        ],
    )
    loaded = [(one, rows[one.order_id]) for one in orders.load(session, rows)]
    begun = [
        BegunSubmission(order=one, again=row.before == "resubmit_ok", opened_at=row.opened_at, not_after=row.not_after)
        for one, row in loaded
        if not row.refusal
    ]
    return begun, [SubmissionRefused(order=one, reason=row.refusal) for one, row in loaded if row.refusal]


def load_in_doubt(session: Session, order_ids: Collection[UUID]) -> list[Order]:
    """Return those of `order_ids` that were being submitted when their worker stopped."""
    query = text(f"SELECT order_id FROM orders WHERE order_id = ANY(:ids) AND state IN {states.DOUBTFUL_ORDERS}")
    return orders.load(session, list(session.execute(query, {"ids": list(order_ids)}).scalars()))


def load_working_entries(session: Session, experiment_ids: Collection[UUID]) -> list[Order]:
    """Return the entry orders of these experiments that the venue has and that may still fill."""
    query = text(f"""
        SELECT order_id FROM orders JOIN trades USING (trade_id)
        WHERE experiment_id = ANY(:ids) AND intent = 'entry' AND state IN {states.WORKING_ORDERS}
    """)
    return orders.load(session, list(session.execute(query, {"ids": list(experiment_ids)}).scalars()))


def deny(session: Session, order_ids: Collection[UUID], *, reason: str) -> set[UUID]:
    """Deny intents that can never be sent; returns those that were denied."""
    query = text(
        "UPDATE orders SET state = 'denied' WHERE order_id = ANY(:ids) AND state = 'intent' RETURNING order_id"
    )
    denied = set(session.execute(query, {"ids": list(order_ids)}).scalars())
    orders.record_events(session, [(one, OrderState.INTENT, OrderState.DENIED, reason) for one in denied])
    return denied


def record_reports(session: Session, reports: Sequence[OrderReport]) -> list[OrderReport]:
    """Write what is known about orders at their venue: fills always, states where the way there is allowed.

    That an order is still filled in part is a move only when more of it was filled.

    Returns:
        The reports that changed an order's state.
    """
    new = orders.record_fills(session, [fill for one in reports for fill in one.fills])
    grown = orders.load_orders_of_fills(session, new)
    states_before = {
        row.order_id: OrderState(row.state)
        for row in session.execute(_STATES, {"ids": [one.order.order_id for one in reports]})
    }
    moved = [
        one
        for one in reports
        if order_states.can_transition(states_before[one.order.order_id], one.state)
        and (states_before[one.order.order_id] is not one.state or one.order.order_id in grown)
    ]
    given = {
        "ids": [one.order.order_id for one in moved],
        "states": [one.state.value for one in moved],
        "venue_ids": [one.venue_order_id for one in moved],
    }
    if moved:
        session.execute(_SETTLE, given)
    orders.record_events(
        session, [(one.order.order_id, states_before[one.order.order_id], one.state, one.detail) for one in moved]
    )
    return moved


def take_due(session: Session, *, venue: str, limit: int, settle_s: float) -> list[DueOrder]:
    """Take up to `limit` orders of a venue that the sweep should look at; each caller gets others.

    `is_over` says that an order which the venue does not show `settle_s` after its window never arrived.
    """
    rows = {
        row.order_id: row for row in session.execute(_TAKE_DUE, {"venue": venue, "limit": limit, "settle_s": settle_s})
    }
    return [
        DueOrder(
            order=one,
            state=OrderState(rows[one.order_id].state),
            checks=rows[one.order_id].checks,
            is_over=bool(rows[one.order_id].is_over),
        )
        for one in orders.load(session, rows)
    ]
