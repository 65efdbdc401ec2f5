"""A live book in this process: the product's own functions, a real database and a simulated venue, and no queue.

What would be sent to the queue is kept until the test delivers it, so that a fault meets it where it is meant to.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import psycopg
import pytest
from sqlalchemy import text

from alerts.understand import understand
from app.webhook.publisher import Publisher
from app.webhook.writer import Writer
from bench.chaos import checker
from bench.chaos.checker import Evidence
from db import verification
from db.core.session import Database
from db.intake import Arrival, Receipt
from domain.policy import Switch
from domain.signal import NewSignal, Source, Stage
from domain.trade import Order
from simulator.ledger import Ledger
from tasks import order_reconciliation, order_submission
from tasks.parts import Parts
from tests.support.fakes.scripted_engines import answer_entering, scripted_panel
from tests.support.going_live import go_live
from tests.support.pipeline import NOON, add_trend, prepared, rows, run_all, store_signal, throw, with_engines
from tests.support.servers.simulated_venue import SimulatedVenue
from tests.support.waiting import until

BOOK, BROKER = "live", "ccxt:binance"
DEADLINE_S = 20.0
OPEN_ORDERS = """
    SELECT client_order_id, state FROM orders
    WHERE state NOT IN ('filled', 'cancelled', 'expired', 'rejected', 'denied')
"""
SOURCE = Source(
    name="tests",
    book=BOOK,
    strategy="",
    timeframe=None,
    exchange="",
    instrument_kind=None,
    sell_alone=None,
    confidence_scale=100,
    max_lag_s=3600,
)


def reported(database_url: str, database: Database, *, acknowledged: Iterable[str], ledger: Ledger) -> set[str]:
    """Return the names of what the checker and the rules of `verify` find wrong, as a rehearsal names it."""
    with psycopg.connect(database_url) as connection:
        found = checker.find_violations(
            Evidence(connection=connection, acknowledged=frozenset(acknowledged), ledger=ledger)
        )
    with database.snapshot() as session:
        broken = [one.rule for one in verification.check(session) if not one.holds]
    return {one.name for one in found} | {f"verify:{rule}" for rule in broken}


@dataclass(kw_only=True)
class Desk:
    """One desk that trades the live book; `queue` holds the orders that were announced and not yet delivered."""

    parts: Parts
    venue: SimulatedVenue
    database_url: str
    queue: list[UUID] = field(default_factory=list)
    acknowledged: set[str] = field(default_factory=set)

    def announce(self, wanted: Iterable[Order]) -> None:
        """Keep what is announced."""
        self.queue += [one.order_id for one in wanted]

    def post(self, alert: dict[str, Any]) -> Receipt:
        """Post an alert as a web process stores it, and return what its sender was told."""
        writer = Writer(Database(self.parts.settings.sqlalchemy_url), Publisher(lambda _: None), now=lambda: NOON)
        (signal,) = understand(json.dumps(alert).encode(), SOURCE)
        assert isinstance(signal, NewSignal)
        try:
            receipt = writer.submit(Arrival(signal=signal, max_lag_s=SOURCE.max_lag_s)).result(DEADLINE_S)
        finally:
            writer.close()
        assert isinstance(receipt, Receipt)
        self.acknowledged.add(str(receipt.signal_id))
        return receipt

    def enter(
        self, strategy: str, *, to: Stage = Stage.OUTCOME_RECORDED, lock: UUID | None = None, **columns: Any
    ) -> UUID:
        """Store a signal of a strategy (an entry unless told otherwise) and take it as far as `to`, under a token."""
        signal_id = store_signal(self.parts.database, book=BOOK, strategy=strategy, **columns)
        self.acknowledged.add(str(signal_id))
        run_all(self.parts, [signal_id], to=to, lock=lock)
        return signal_id

    def deliver(self) -> None:
        """Do what a worker does for each order that was announced."""
        waiting, self.queue = self.queue, []
        for one in waiting:
            order_reconciliation.settle_reported_trades(
                self.parts, order_submission.submit_single_order(self.parts, one)
            )

    def look_up(self) -> None:
        """Look at every order that is not at its end, now."""
        self.make_due()
        order_reconciliation.reconcile(self.parts, BOOK)

    def make_due(self) -> None:
        """Let every order be looked at, or asked for again, now."""
        self.change("UPDATE orders SET next_check_at = clock_timestamp()")

    def drain(self) -> None:
        """Go on until nothing is left to do, and the venue has done what it was asked."""
        until(self._is_drained, deadline_s=DEADLINE_S, what="the end of every order")

    def throw(self, switch: Switch) -> None:
        """Set the switch."""
        throw(self.parts.database, BOOK, switch)

    def change(self, statements: str) -> None:
        """Run SQL that returns nothing."""
        with self.parts.transaction() as session:
            for one in statements.split(";"):
                session.execute(text(one))

    def rows(self, query: str, **given: Any) -> list[dict[str, Any]]:
        """Return rows as dictionaries."""
        return rows(self.parts.database, query, **given)

    def reported(self) -> set[str]:
        """Return the names of everything that is wrong."""
        return reported(
            self.database_url, self.parts.database, acknowledged=self.acknowledged, ledger=self.venue.ledger
        )

    def _is_drained(self) -> bool:
        self.deliver()
        self.look_up()
        return not self.queue and not self.rows(OPEN_ORDERS) and self._venue_is_idle()

    def _venue_is_idle(self) -> bool:
        ledger = self.venue.ledger
        wanted = [one for one in ledger.list_requests("submit") if one["fault"] != "reject"]
        return len(wanted) == len(ledger.accepted) + len(ledger.refusals)


@contextmanager
def a_desk(database_url: str, redis_url: str, venue: SimulatedVenue, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """Give a desk whose engines enter whatever they are asked about."""
    parts = prepared(database_url, redis_url, MAX_OPEN_PER_SYMBOL="1000", **venue.environment(BROKER))
    go_live(parts.database, venue=BROKER)
    add_trend(parts.database, book=BOOK)
    desk = Desk(
        parts=with_engines(parts, scripted_panel(answer_entering(), answer_entering())),
        venue=venue,
        database_url=database_url,
    )
    monkeypatch.setattr(order_submission, "enqueue_orders", desk.announce)
    yield desk
    parts.database.dispose()
