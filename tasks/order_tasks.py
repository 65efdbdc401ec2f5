"""Order tasks: submit one order, reconcile orders with their venue, compare positions, flatten books."""

from __future__ import annotations

from uuid import UUID

from celery import current_app, shared_task

from db.queries import real_exposure
from tasks import flattening, order_reconciliation, order_submission, position_check, restored_database
from tasks.base_task import parts_of
from tasks.quiet_tasks import QuietTask


@shared_task(name="orders.submit_order")  # type: ignore[untyped-decorator]
def submit_order(*, order_id: str) -> None:
    """Submit one order to its venue; a second message about the same order submits nothing."""
    parts = parts_of(current_app)
    order_reconciliation.settle_reported_trades(parts, order_submission.submit_single_order(parts, UUID(order_id)))


@shared_task(name="orders.reconcile_orders", base=QuietTask)  # type: ignore[untyped-decorator]
def reconcile_orders() -> str | None:
    """Look up the orders of real venues that are due."""
    parts, looked_up = parts_of(current_app), 0
    for book in parts.venue_books:
        while (count := order_reconciliation.reconcile(parts, book)) == order_reconciliation.LIMIT:
            looked_up += count
        looked_up += count
    return f"{looked_up} orders" if looked_up else None


@shared_task(name="orders.check_positions", base=QuietTask)  # type: ignore[untyped-decorator]
def check_positions() -> str | None:
    """Compare the sum of our open trades with the positions that each venue reports."""
    parts = parts_of(current_app)
    for book in parts.venue_books:
        restored_database.look_for_unknown_orders(parts, book)
    short = sum(len(position_check.open_mismatch_incidents(parts, book)) for book in parts.venue_books)
    return f"{short} mismatches" if short else None


@shared_task(name="exits.flatten_books", base=QuietTask)  # type: ignore[untyped-decorator]
def flatten_books() -> str | None:
    """Close the real positions of books whose policy in force is to flatten, and the trades that are to be closed."""
    parts = parts_of(current_app)
    with parts.transaction() as session:
        wanted = real_exposure.find_to_flatten(session)
    for book, experiment_ids in sorted(wanted.items()):
        flattening.flatten_book(parts, book, experiment_ids, now=parts.clock.now(book))
    closings = flattening.close_wanted_trades(parts)
    count = closings + sum(len(experiment_ids) for experiment_ids in wanted.values())
    return f"{count} to close" if count else None
