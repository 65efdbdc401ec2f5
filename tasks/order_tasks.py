"""Order tasks: one order to a venue each, and the sweep that finds out what became of those nobody reported on."""

from __future__ import annotations

from uuid import UUID

from celery import current_app, shared_task

from db.queries import real_exposure
from tasks import exit_settlement, order_reconciliation, order_submission, position_check
from tasks.base_task import parts_of


@shared_task(name="orders.submit_order")  # type: ignore[untyped-decorator]
def submit_order(*, order_id: str) -> None:
    """Send one order to its venue; a second message about it sends nothing."""
    parts = parts_of(current_app)
    order_reconciliation.after(parts, order_submission.send_alone(parts, UUID(order_id)))


@shared_task(name="orders.reconcile_orders")  # type: ignore[untyped-decorator]
def reconcile_orders() -> None:
    """Look up the orders of real venues that are due."""
    parts = parts_of(current_app)
    for book in parts.venue_books:
        while order_reconciliation.reconcile(parts, book) == order_reconciliation.LIMIT:
            pass


@shared_task(name="orders.check_positions")  # type: ignore[untyped-decorator]
def check_positions() -> None:
    """Compare what our trades say is held with what each venue says."""
    parts = parts_of(current_app)
    for book in parts.venue_books:
        position_check.check(parts, book)


@shared_task(name="exits.flatten_books")  # type: ignore[untyped-decorator]
def flatten_books() -> None:
    """Close what real trades hold in the books whose policy in force wants them flat, until nothing is left."""
    parts = parts_of(current_app)
    with parts.transaction() as session:
        wanted = real_exposure.find_to_flatten(session)
    for book, experiment_ids in sorted(wanted.items()):
        exit_settlement.flatten(parts, book, experiment_ids, now=parts.clock.now(book))
