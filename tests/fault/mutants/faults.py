"""The faults that guards are for, each brought about at the one moment where the guard alone stands in its way."""

from __future__ import annotations

import threading
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID, uuid4

import pytest

from db import families, orders
from db.signals import Lease
from domain.exit_synchronization import Family
from domain.policy import Switch
from domain.signal import Stage
from tasks import exit_settlement, flattening
from tasks.base_task import bodies, drive
from tests.fault.mutants.harness import BOOK, DEADLINE_S, Desk
from tests.support.fakes.scripted_engines import InterruptedPanel
from tests.support.going_live import leave
from tests.support.pipeline import NOON, run_all, with_engines
from tests.support.servers.alert_sender import an_alert
from tests.support.waiting import until

REFUSED = "SELECT experiment_id FROM orders JOIN trades USING (trade_id) WHERE state = 'rejected'"
LEASE_OVER = "UPDATE signals SET lock_expires_at = clock_timestamp() - interval '1 second'"


def an_alert_comes_twice_at_once(desk: Desk, _: pytest.MonkeyPatch) -> None:
    """Post one alert to two web processes at the same moment, and let every chain that follows run."""
    alert = an_alert()
    with ThreadPoolExecutor(2) as pool:
        receipts = list(pool.map(desk.post, [alert, alert]))
    for receipt in receipts:
        run_all(desk.parts, [receipt.signal_id])
    desk.drain()


def a_fill_is_reported_twice(desk: Desk, _: pytest.MonkeyPatch) -> None:
    """Hold the venue's answer to an order until a look-up has told of its fill."""
    desk.enter("held")
    desk.venue.fault("hold_answer")
    with ThreadPoolExecutor(1) as pool:
        sending = pool.submit(desk.deliver)
        until(lambda: desk.venue.held_answers, what="an answer that is held")
        until(lambda: is_filled_by_look_up(desk), what="the fill")
        desk.venue.release()
        sending.result(DEADLINE_S)
    desk.drain()


def is_filled_by_look_up(desk: Desk) -> bool:
    """Look up what is out, and say whether that has told of a fill."""
    desk.look_up()
    return bool(desk.rows("SELECT FROM fills WHERE venue <> 'model'"))


def a_chain_sleeps_beyond_its_lease(desk: Desk, _: pytest.MonkeyPatch) -> None:
    """Stop a chain while the engines are asked, until another one has taken its signal; it commits before that one."""
    one, other = uuid4(), uuid4()
    signal_id = desk.enter("asleep", to=Stage.POLICY_RESOLVED, lock=one)
    asleep, awake, is_late = threading.Event(), threading.Event(), threading.Event()
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(dispatch, desk, signal_id, lock=one, asked=asleep, may_answer=awake)
        assert asleep.wait(DEADLINE_S)
        desk.change(LEASE_OVER)
        second = pool.submit(dispatch, desk, signal_id, lock=other, asked=awake, may_answer=is_late)
        first.result(DEADLINE_S)
        is_late.set()
        second.result(DEADLINE_S)
    run_all(desk.parts, [signal_id], lock=other)
    desk.drain()


def dispatch(desk: Desk, signal_id: UUID, *, lock: UUID, asked: threading.Event, may_answer: threading.Event) -> None:
    """Run the fourth stage as a worker with a token."""

    def meet() -> None:
        asked.set()
        assert may_answer.wait(DEADLINE_S)

    lease = Lease(lock=lock, worker="tests", seconds=desk.parts.settings.lease_s)
    parts = with_engines(desk.parts, InterruptedPanel(inner=desk.parts.engines, meanwhile=meet))
    drive(bodies[Stage.DISPATCHED], parts, [signal_id], lease=lease, stage=Stage.DISPATCHED)


def an_order_arrives_late(desk: Desk, _: pytest.MonkeyPatch) -> None:
    """Let the venue take an order two seconds after it was sent, and look it up at once."""
    desk.enter("late")
    desk.venue.fault("accept_late", after_s=2)
    desk.drain()


def the_switch_is_thrown_before_the_order_is_sent(desk: Desk, _: pytest.MonkeyPatch) -> None:
    """Throw the switch while an order waits in its queue."""
    desk.enter("switched")
    desk.throw(Switch.PAUSED)
    desk.drain()


def live_ends_before_the_order_is_sent(desk: Desk, _: pytest.MonkeyPatch) -> None:
    """Leave the venue while an order waits in its queue."""
    desk.enter("left")
    leave(desk.parts.database, keep_open=True)
    desk.drain()


def two_exits_at_once(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have an exit that the venue refused asked for again while the book is flattened.

    Both look before either has written. Their hold on the trades would make one wait for the other; as the index is
    what remains without it, they look in a transaction of its own.
    """
    desk.enter("first")
    desk.enter("another")
    desk.drain()
    desk.venue.fault("reject")
    desk.enter("first", action="exit")
    desk.deliver()
    desk.make_due()
    (experiment_id,) = (one["experiment_id"] for one in desk.rows(REFUSED))
    with monkeypatch.context() as during, ThreadPoolExecutor(2) as pool:
        look_before_the_other_writes(desk, during)
        again = pool.submit(exit_settlement.send_owed_exits, desk.parts, [experiment_id])
        flat = pool.submit(flattening.flatten_book, desk.parts, BOOK, [experiment_id], now=NOON)
        again.result(DEADLINE_S)
        flat.result(DEADLINE_S)
    desk.drain()


def look_before_the_other_writes(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let families be loaded without a hold, and the first orders of two threads be written side by side."""
    load, record, both = families.load, orders.record, threading.Barrier(2)
    met = threading.local()

    def load_apart(_: Any, experiment_ids: Collection[UUID]) -> list[Family]:
        with desk.parts.transaction() as apart:
            return load(apart, experiment_ids)

    def record_together(*given: Any, **named: Any) -> set[UUID]:
        if not getattr(met, "before", False):
            met.before = True
            both.wait(DEADLINE_S)
        return record(*given, **named)

    monkeypatch.setattr(families, "load", load_apart)
    monkeypatch.setattr(orders, "record", record_together)
