"""Exit tasks: beat runs them for standing books, a replay for its own book at the times it chooses."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

import structlog
from celery import current_app, shared_task

from db import books, exit_incidents, lagging_trades, late_bars, trade_walks
from domain.exits import ExitReason
from tasks import exit_settlement, waiting_entries, waiting_exits
from tasks.base_task import parts_of
from tasks.exit_settlement import TradeEnding
from tasks.parts import Parts
from tasks.quiet_tasks import QuietTask

CHUNK = 200
log = structlog.get_logger()


@shared_task(name="exits.sync_exits", base=QuietTask)  # type: ignore[untyped-decorator]
def sync_exits() -> str | None:
    """Walk the open model trades of every standing book over the bars up to the book's present time."""
    parts = parts_of(current_app)
    with parts.transaction() as session:
        active = books.list_with_open_trades(session)
        exit_incidents.open_about_dead_exits(session)
        exit_incidents.close_finished(session)
    exits = sum(walk_book(parts, book, until=parts.clock.now(book)) for book in active)
    return f"{exits} exits" if exits else None


@shared_task(name="exits.finish_exits")  # type: ignore[untyped-decorator]
def finish_exits(*, book: str, until: str, at_end: bool) -> None:
    """Walk a replay's open trades up to a time, and at the end of its data close them on the last quote."""
    parts, moment = parts_of(current_app), datetime.fromisoformat(until)
    walk_book(parts, book, until=moment, at_end=at_end)
    with parts.transaction() as session:
        books.record_exits_evaluated_to(session, book, to=moment)


def walk_book(parts: Parts, book: str, *, until: datetime, at_end: bool = False) -> int:
    """Walk all open model trades of a book to `until`, chunk by chunk, and submit the exits that real trades owe.

    Returns the number of exits.
    What alerts enter or close and could not be priced so far is filled first, at the first price that came.
    """
    after, exits = UUID(int=0), 0
    waiting_entries.settle_waiting_entries(parts, book, until=until, at_end=at_end)
    waiting_exits.close_waiting(parts, book, until=until)
    with parts.transaction() as session:
        late_bars.settle(session, book)
        lagging = lagging_trades.list_in_book(session, book)
    exit_settlement.send_owed_exits(parts, lagging)
    while chunk := _load_chunk(parts, book, after, until=until, at_end=at_end):
        exits += exit_settlement.settle_exits(parts, chunk, until=until)
        if at_end:
            _end_trades(parts, book, chunk, until)
        after = chunk[-1]
    if at_end:
        waiting_exits.close_waiting(parts, book, until=until)
    if exits:
        log.info("exits.synchronized", book=book, exits=exits)
    return exits


def _load_chunk(parts: Parts, book: str, after: UUID, *, until: datetime, at_end: bool) -> list[UUID]:
    """Return the ids of the next trades to walk after the id `after`: at the end all, else those with a new bar."""
    with parts.transaction() as session:
        if at_end:
            return trade_walks.list_walkable(session, book, limit=CHUNK, after=after)
        return trade_walks.list_due(session, book, until=until, limit=CHUNK, after=after)


def _end_trades(parts: Parts, book: str, chunk: list[UUID], until: datetime) -> None:
    """Close the trades of a chunk that are still open on the last quote of their instrument."""
    with parts.transaction() as session:
        left = trade_walks.load_walkable(session, chunk)
    for instrument in {trade.instrument for trade in left}:
        quote = parts.market_data(book).quote(book, instrument, at=until).quote
        trade_ids = [trade.trade_id for trade in left if trade.instrument == instrument]
        exit_settlement.settle_exits(
            parts, trade_ids, until=until, ending=TradeEnding(quote=quote, at=until, reason=ExitReason.END_OF_DATA)
        )
