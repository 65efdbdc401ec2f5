"""Starts of the product, and whether the database is older than its venue, as after a backup was restored.

The newest event of an order that went to a venue, and the order's id, are the mark that is kept beside the data: a
database that does not have this event is not the one that was used last.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from db import exit_incidents, incidents, orders, policies
from db.core import states
from db.policies import PolicyChange
from domain.books import LIVE_BOOK
from domain.policy import Switch
from domain.trade import Order, OrderState

RESTORED = "database_restored"
_SUBJECT = "database"
_AT_VENUE = "venue NOT IN ('model', 'paper')"
# Whether these were sent after the backup was made is not known: they are looked up, and sent only when absent.
_DOUBT_UNSENT = text(f"""
    UPDATE orders SET state = 'submitting', not_after = clock_timestamp(), next_check_at = clock_timestamp()
    FROM (SELECT order_id, state AS before FROM orders WHERE state IN {states.SENDABLE_ORDERS} AND {_AT_VENUE}
          ORDER BY order_id FOR UPDATE) AS unsent
    WHERE orders.order_id = unsent.order_id RETURNING orders.order_id, before
""")


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueMark:
    """The newest known event of an order that went to a venue."""

    event_id: int
    order_id: UUID


def record(session: Session, *, restored_because: str | None = None) -> None:
    """Append a start; every trade that exists now is from before it."""
    query = text("INSERT INTO database_starts (restored_because) VALUES (:why)")
    session.execute(query, {"why": restored_because})


def has_mark(session: Session, mark: VenueMark) -> bool:
    """Return whether the event of the mark is in this database."""
    query = text("SELECT EXISTS (SELECT FROM order_events WHERE event_id = :event_id AND order_id = :order_id)")
    return bool(session.execute(query, {"event_id": mark.event_id, "order_id": mark.order_id}).scalar_one())


def load_mark(session: Session, order_ids: Collection[UUID] | None = None) -> VenueMark | None:
    """Return the newest event of the orders that went to a venue, of some or of all; None when there is none."""
    chosen = "" if order_ids is None else "AND order_id = ANY(:ids)"
    query = text(f"""
        SELECT event_id, order_id FROM order_events JOIN orders USING (order_id) WHERE {_AT_VENUE} {chosen}
        ORDER BY event_id DESC LIMIT 1
    """)
    row = session.execute(query, {} if order_ids is None else {"ids": list(order_ids)}).one_or_none()
    return None if row is None else VenueMark(event_id=row.event_id, order_id=row.order_id)


def was_restored_after(session: Session, trade_ids: Collection[UUID]) -> set[UUID]:
    """Return the trades that are older than a start which found the database restored."""
    query = text("""
        SELECT trade_id FROM trades WHERE trade_id = ANY(:ids) AND EXISTS (
            SELECT FROM database_starts WHERE restored_because IS NOT NULL AND started_at > trades.created_at)
    """)
    return set(session.execute(query, {"ids": list(trade_ids)}).scalars())


def list_from_before_recent_start(session: Session, book: str, *, within_s: float) -> list[UUID]:
    """Return the experiments with open real trades from before the newest start, if that was within `within_s`."""
    query = text(f"""
        SELECT DISTINCT experiment_id FROM trades JOIN orders USING (trade_id)
        WHERE trades.book = :book AND NOT is_shadow AND status = 'open' AND {_AT_VENUE} AND EXISTS (
            SELECT FROM database_starts WHERE started_at > trades.created_at
              AND started_at > clock_timestamp() - make_interval(secs => :within_s))
    """)
    return list(session.execute(query, {"book": book, "within_s": within_s}).scalars())


def report_found(session: Session, order: Order, *, state: OrderState) -> bool:
    """Report that a venue has an order that this database never sent; return whether that is new."""
    exit_incidents.open_about_trades(
        session,
        kind=exit_incidents.RESTORED_DIFFERS,
        subject=order.trade_id,
        book=order.book,
        real_ids=[order.trade_id],
        symbol=order.quote.instrument.symbol,
        client_order_id=order.client_order_id,
        at_venue=state.value,
    )
    if is_restored(session, order.trade_id):
        return False
    return report_restored(session, why=f"the venue has {order.client_order_id}, which this database never sent")


def is_restored(session: Session, trade_id: UUID) -> bool:
    """Return whether the trade is from before a start that found the database restored."""
    return trade_id in was_restored_after(session, [trade_id])


def report_restored(session: Session, *, why: str) -> bool:
    """Pause the live book, doubt its unsent orders, and open the incident; return False when it was open already."""
    policies.lock(session, LIVE_BOOK)
    record(session, restored_because=why)
    doubted = session.execute(_DOUBT_UNSENT).all()
    orders.record_events(
        session,
        [
            (row.order_id, OrderState(row.before), OrderState.SUBMITTING, "looked up: the database was restored")
            for row in doubted
        ],
    )
    _pause(session, why)  # after the orders, none of which begins under the switch
    return incidents.open_(session, kind=RESTORED, subject=_SUBJECT, detail={"book": LIVE_BOOK, "why": why})


def _pause(session: Session, why: str) -> None:
    present = policies.load_current(session, [LIVE_BOOK]).get(LIVE_BOOK)
    if present is None or present.switch is not Switch.ON:
        return
    change = PolicyChange(
        label=present.label.partition(".")[0],
        mode=present.mode,
        split_ppm=present.split_ppm,
        set_by="start",
        reason=f"the database is older than the venue: {why}",
        switch=Switch.PAUSED,
    )
    policies.append_version(session, LIVE_BOOK, change)
