"""One desk in this process: real stages on a real database, messages in a list, and a venue that can be told anything.

Time passes when the test says so: leases and windows end by moving what the database remembers into the past.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text

from db import verification
from db.queries import real_exposure
from db.signals import Lease
from domain.context import MarketView, Quote
from domain.market_prices import FillRequest
from domain.policy import Switch
from domain.ports import MarketData, ViewRequest, WalkBars
from domain.signal import Instrument, Stage
from domain.trade import Order
from operations import rerun
from operations.audit_entry import AuditContext
from tasks import chains, exit_tasks, flattening, order_reconciliation, order_submission, pipeline, sweeps
from tasks.base_task import bodies, drive
from tasks.parts import make_parts
from tests.support.fakes.dying_workers import MortalParts, WorkerDied, mortal
from tests.support.fakes.scripted_engines import InterruptedPanel, answer_entering, scripted_panel
from tests.support.fakes.scripted_venue import ScriptedVenue, VenueBehavior
from tests.support.going_live import go_live, leave, return_to_it
from tests.support.pipeline import NOON, rows, settings_for, store_signal, throw

BOOK = "live"
WORKER_LEASE_S = 60.0
ROUNDS, IDLE_ROUNDS = 25, 2
TIME_PASSES = """
    UPDATE signals SET next_attempt_at = clock_timestamp() - interval '1 second',
        enqueued_at = clock_timestamp() - interval '1 hour',
        lock_expires_at = CASE WHEN processing_lock IS NULL THEN NULL ELSE clock_timestamp() - interval '1 second' END
    WHERE status = 'open'
"""
WINDOWS_END = "UPDATE orders SET not_after = clock_timestamp() - interval '1 hour' WHERE state <> 'intent'"
LOOK_NOW = "UPDATE orders SET next_check_at = clock_timestamp() - interval '1 second'"
OPEN_ORDERS = """
    SELECT client_order_id, state FROM orders
    WHERE state NOT IN ('filled', 'cancelled', 'expired', 'rejected', 'denied')
"""
OUR_FILLS = """
    SELECT client_order_id, sum(fills.quantity) AS quantity FROM orders JOIN fills USING (order_id)
    WHERE orders.venue = 'scripted' GROUP BY 1
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What stands in the queue: go on with these signals from the stage they have reached, under this token."""

    ids: tuple[UUID, ...]
    lock: UUID
    reached: Stage


@dataclass(kw_only=True)
class InterruptedView:
    """A provider of market data that lets something else happen while it is asked."""

    inner: MarketData
    meanwhile: Callable[[], None] = lambda: None

    def views(self, requests: Sequence[ViewRequest]) -> list[MarketView]:
        """Answer after what happens meanwhile."""
        self.meanwhile()
        return self.inner.views(requests)

    def walk_bars(self, book: str, instrument: Instrument, *, after: datetime, until: datetime) -> WalkBars:
        """Answer at once."""
        return self.inner.walk_bars(book, instrument, after=after, until=until)

    def quote(self, book: str, instrument: Instrument, *, at: datetime) -> MarketView:
        """Answer at once."""
        return self.inner.quote(book, instrument, at=at)

    def fill_quotes(self, requests: Sequence[FillRequest]) -> list[Quote | None]:
        """Answer at once."""
        return self.inner.fill_quotes(requests)


@dataclass(kw_only=True)
class Desk:
    """The desk: `messages` and `orders` were never taken yet, `old_messages` and `old_orders` may come once more."""

    parts: MortalParts
    venue: ScriptedVenue
    engines: InterruptedPanel
    market: InterruptedView
    is_stopped: bool = False
    ids: list[UUID] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    old_messages: list[Message] = field(default_factory=list)
    orders: list[UUID] = field(default_factory=list)
    old_orders: list[UUID] = field(default_factory=list)

    def store(self, *, is_sent: bool, **columns: Any) -> None:
        """Store an alert, and send it on its way unless the message is lost."""
        signal_id = store_signal(self.parts.database, book=BOOK, **columns)
        self.ids.append(signal_id)
        if is_sent:
            self.enqueue([signal_id])

    def enqueue(self, signal_ids: Sequence[UUID], *, reached: Stage = Stage.RECEIVED) -> None:
        """Put signals into the queue, in place of the product's own sending."""
        self.messages.append(Message(ids=tuple(signal_ids), lock=uuid4(), reached=reached))

    def announce(self, wanted: Collection[Order]) -> None:
        """Put orders into their queue, likewise."""
        self.orders += [one.order_id for one in wanted]

    def work(self, message: Message) -> None:
        """Do what a worker does with a message; it may die of it."""
        self.old_messages.append(message)
        stage = Stage(message.reached + 1)
        lease = Lease(lock=message.lock, worker="a worker", seconds=WORKER_LEASE_S)
        went_on = self._alive(
            lambda: drive(bodies[stage], self.parts, list(message.ids), lease=lease, stage=stage).advanced
        )
        if went_on and stage is not Stage.OUTCOME_RECORDED:
            self.messages.append(replace(message, reached=stage))

    def deliver(self, order_id: UUID) -> None:
        """Do what a worker does with an order."""
        self.old_orders.append(order_id)
        self._alive(
            lambda: order_reconciliation.settle_reported_trades(
                self.parts, order_submission.submit_single_order(self.parts, order_id)
            )
        )

    def deliver_all(self) -> None:
        """Do so with every order that waits."""
        while self.orders:
            self.deliver(self.orders.pop(0))

    def look_up(self) -> None:
        """Look at every order that is not at its end, now."""
        self.change(LOOK_NOW)
        self._alive(lambda: order_reconciliation.reconcile(self.parts, BOOK))

    def sweep(self) -> None:
        """Send on what is due, give up what failed too often, and close what lags behind."""
        self._alive(lambda: sweeps.mark_lost_signals_dead(self.parts))
        self._alive(lambda: sweeps.resume_due_signals(self.parts))
        self._alive(lambda: exit_tasks.walk_book(self.parts, BOOK, until=NOON))

    def rerun(self, signal_id: UUID) -> None:
        """Rerun a signal as an operator does; what may not be rerun is refused."""
        try:
            rerun.rerun(
                self.parts.settings,
                self.parts.database,
                [signal_id],
                audit=AuditContext(actor="tests", reason="a test", at=NOON),
            )
        except rerun.RerunRefused:
            return

    def throw(self, switch: Switch) -> None:
        """Set the switch."""
        throw(self.parts.database, BOOK, switch)
        self.is_stopped = switch is not Switch.ON

    def be_live(self, *, is_on: bool) -> None:
        """Trade at the venue, or leave it with whatever is open there."""
        if is_on:
            return_to_it(self.parts.database)
        else:
            leave(self.parts.database, keep_open=True)

    def flatten(self) -> None:
        """Close what the switch wants flat, as the sweep does."""
        with self.parts.database.transaction() as session:
            wanted = real_exposure.find_to_flatten(session)
        ids = wanted.get(BOOK, set())
        self._alive(lambda: flattening.flatten_book(self.parts, BOOK, ids, now=NOON))

    def pass_time(self) -> None:
        """Let every lease and every backoff run out."""
        self.change(TIME_PASSES)

    def end_windows(self) -> None:
        """Let the window of every order end that was begun."""
        self.venue.end_windows()
        self.change(WINDOWS_END)

    def drain(self) -> None:
        """Let everything go well until nothing is left to do, and nothing comes up once more."""
        self.calm()
        self.venue.is_silent = False
        idle = 0
        for _ in range(ROUNDS):
            self.pass_time()
            self.end_windows()
            self.change(LOOK_NOW)
            self.sweep()
            self._work_off()
            self.look_up()
            self.flatten()
            idle = 0 if self.messages or self.orders or self.unfinished() else idle + 1
            if idle == IDLE_ROUNDS:
                return
        raise AssertionError(f"not at its end after {ROUNDS} rounds: {self.unfinished()}")

    def calm(self) -> None:
        """Let nothing go wrong from here on."""
        self.parts.life.left, self.venue.behavior = None, VenueBehavior.FILLS
        self._set_meanwhile(lambda: None)

    @contextmanager
    def trouble(self, *, lives: int | None, behavior: VenueBehavior, meanwhile: Callable[[], None]) -> Iterator[None]:
        """Let a worker die after some ends of transactions, the venue be moody, and something go on once meanwhile."""

        def happen_once() -> None:
            left, self.parts.life.left = self.parts.life.left, None
            self.calm()
            meanwhile()
            self.parts.life.left = left

        self.parts.life.left, self.venue.behavior = lives, behavior
        self._set_meanwhile(happen_once)
        yield
        self.calm()

    def unfinished(self) -> list[dict[str, Any]]:
        """Return the signals and orders that are not at their end."""
        still_open = "SELECT signal_id, stage, attempts, last_error FROM signals WHERE status = 'open'"
        return rows(self.parts.database, still_open) + rows(self.parts.database, OPEN_ORDERS)

    def wrongs(self) -> list[str]:
        """Return what is wrong at the end: against the rules of `verify`, and against what the venue traded."""
        with self.parts.database.snapshot() as session:
            found = [one.rule for one in verification.check(session) if not one.holds]
        ours = {one["client_order_id"]: one["quantity"] for one in rows(self.parts.database, OUR_FILLS)}
        if ours != self.venue.traded():
            found.append("fills differ")
        stored = {one["signal_id"] for one in rows(self.parts.database, "SELECT signal_id FROM signals")}
        return found + [f"lost {one}" for one in self.ids if one not in stored]

    def change(self, statement: str) -> None:
        """Run SQL that returns nothing."""
        with self.parts.database.transaction() as session:
            session.execute(text(statement))

    def _set_meanwhile(self, meanwhile: Callable[[], None]) -> None:
        self.venue.meanwhile = self.engines.meanwhile = self.market.meanwhile = meanwhile

    def _work_off(self) -> None:
        while self.messages or self.orders:
            while self.messages:
                self.work(self.messages.pop(0))
            self.deliver_all()

    def _alive(self, work: Callable[[], Any]) -> Any:
        try:
            return work()
        except WorkerDied:
            return None


def a_desk(database_url: str, redis_url: str) -> Desk:
    """Give a desk on a prepared database, whose engines enter whatever they are asked about."""
    venue, engines = ScriptedVenue(), InterruptedPanel(inner=scripted_panel(answer_entering(), answer_entering()))
    made = make_parts(settings_for(database_url, redis_url, MAX_OPEN_PER_SYMBOL="1000"))
    go_live(made.database, venue=venue.name)
    market = InterruptedView(inner=made.standing)
    parts = replace(mortal(made), engines=engines, standing=market, real_broker=venue)
    return Desk(parts=parts, venue=venue, engines=engines, market=market)


def take_the_place_of_the_broker(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have everything that the product would send put into the desk's lists."""
    monkeypatch.setattr(chains, "enqueue", desk.enqueue)
    monkeypatch.setattr(pipeline, "enqueue", desk.enqueue)
    monkeypatch.setattr(order_submission, "enqueue_orders", desk.announce)
    monkeypatch.setattr(sweeps, "count_waiting_messages", lambda: 0)
