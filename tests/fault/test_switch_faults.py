"""The switch under load, reruns of what must not run again, and a backlog that is too old (rows F40 to F42)."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest

from stack.servers import ServerUrls
from tests.fault.live_book import a_live_stack, are_settled, differences, live_signals, real_orders
from tests.support.servers.simulated_venue import SimulatedVenue, simulated_venue
from tests.support.servers.stacks import Stack
from tests.support.waiting import until

BROKER = "ccxt:binance"
DEADLINE_S = 90.0
REASON = ("--book", "live", "--reason", "a test")
AFTER_THE_SWITCH = """
    SELECT order_events.order_id FROM order_events JOIN orders USING (order_id)
    WHERE to_state = 'submitting' AND intent = 'entry' AND at > (
        SELECT created_at FROM policy_versions WHERE book = 'live' AND paused ORDER BY policy_version_id DESC LIMIT 1)
"""


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedVenue]:
    with simulated_venue(tmp_path_factory.mktemp("venue")) as made:
        yield made


@pytest.fixture(scope="module")
def stack(
    server_urls: ServerUrls, template_database: str, tmp_path_factory: pytest.TempPathFactory, venue: SimulatedVenue
) -> Iterator[Stack]:
    """Give a live book at a simulated venue, with two workers and beat."""
    directory = tmp_path_factory.mktemp("switch")
    with a_live_stack(server_urls, template_database, directory, venue, broker=BROKER, redis_db=4) as made:
        made.processes.start_worker(concurrency=2)
        made.processes.start_beat()
        yield made


def enter(stack: Stack, count: int, name: str, **columns: Any) -> list[UUID]:
    ids = live_signals(stack, BROKER, count=count, name=name, **columns)
    stack.enqueue(ids)
    return ids


def switch(stack: Stack, to: str, *more: str) -> None:
    done = stack.run("policy", to, *REASON, *more, timeout_s=120)
    assert done.returncode == 0, done.stderr


def open_for_real(stack: Stack) -> list[dict[str, Any]]:
    return stack.rows("SELECT trade_id FROM trades WHERE NOT is_shadow AND status IN ('pending', 'open')")


def test_after_the_switch_committed_nothing_begins_to_be_submitted_with_a_hundred_in_flight(stack: Stack) -> None:
    ids = enter(stack, 100, "in flight")
    until(lambda: len(real_orders(stack, ids)) > 5, deadline_s=DEADLINE_S, what="the first orders")

    switch(stack, "pause")
    stack.wait_done(ids, deadline_s=DEADLINE_S)
    until(lambda: are_settled(stack, ids), deadline_s=DEADLINE_S, what="the end of every order")

    denied = [one for one in real_orders(stack, ids) if one["state"] == "denied"]
    assert stack.rows(AFTER_THE_SWITCH) == []
    assert len(stack.rows("SELECT FROM trades WHERE is_shadow AND engine = 'A'")) == 100
    assert denied or len(real_orders(stack, ids)) < 100


@pytest.mark.property_id(45)
def test_flatten_leaves_no_open_position_and_books_priced_fills(stack: Stack, venue: SimulatedVenue) -> None:
    held = venue.ledger.sum_positions()

    switch(stack, "flatten", "--wait", "90")

    closed = stack.rows(
        "SELECT fills.price, fills.quantity FROM fills JOIN orders USING (order_id)"
        " WHERE reason = 'flatten' AND orders.venue NOT IN ('model', 'paper')"
    )
    outcomes = stack.rows("SELECT pnl FROM trade_outcomes WHERE NOT is_shadow AND exit_reason = 'flatten'")
    assert held
    assert open_for_real(stack) == []
    assert venue.ledger.sum_positions() == {}
    assert len(closed) == len(outcomes) > 0
    assert all(one["price"] > 0 for one in closed)
    assert differences(stack, venue) == {}


@pytest.mark.property_id(32)
def test_after_resume_new_entries_trade_again(stack: Stack) -> None:
    switch(stack, "resume")

    ids = enter(stack, 2, "after resume")
    stack.wait_done(ids, deadline_s=DEADLINE_S)
    until(lambda: are_settled(stack, ids), deadline_s=DEADLINE_S, what="the end of every order")

    assert [one["state"] for one in real_orders(stack, ids)] == ["filled", "filled"]


def test_what_is_done_is_not_run_again_and_two_reruns_at_once_do_no_harm(stack: Stack, venue: SimulatedVenue) -> None:
    ids = enter(stack, 2, "rerun")
    stack.wait_done(ids, deadline_s=DEADLINE_S)
    until(lambda: are_settled(stack, ids), deadline_s=DEADLINE_S, what="the end of every order")
    before = stack.effects()

    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda _: stack.run("signals", "rerun", str(ids[0]), "--reason", "a test"), range(2)))
    stack.enqueue(ids)
    later = enter(stack, 1, "after the rerun")
    stack.wait_done(later, deadline_s=DEADLINE_S)
    until(lambda: are_settled(stack, later), deadline_s=DEADLINE_S, what="the end of the later order")

    assert [one.returncode for one in answers] == [1, 1]
    assert "done" in answers[0].stderr
    assert stack.effects()["decisions"] == before["decisions"] + 2
    assert differences(stack, venue) == {}


def test_an_unknown_order_is_looked_up_and_its_signal_not_run_again(stack: Stack, venue: SimulatedVenue) -> None:
    venue.fault("lose_answer")
    venue.fault("error_before", on="look_up", times=None)
    ids = enter(stack, 1, "unknown")
    until(
        lambda: [one["state"] for one in real_orders(stack, ids)] == ["unknown"],
        deadline_s=DEADLINE_S,
        what="an unknown order",
    )

    refused = stack.run("signals", "rerun", str(ids[0]), "--reason", "a test")
    venue.clear()
    until(lambda: are_settled(stack, ids), deadline_s=DEADLINE_S, what="the end of the order")

    assert refused.returncode == 1
    assert [one["state"] for one in real_orders(stack, ids)] == ["filled"]
    assert differences(stack, venue) == {}


def test_a_backlog_of_ten_minutes_is_recorded_in_shadow_and_not_traded_for_real(stack: Stack) -> None:
    ids = live_signals(stack, BROKER, count=5, name="backlog")
    stack.rows(
        "UPDATE signals SET stored_at = stored_at - interval '10 minutes' WHERE signal_id = ANY(%(ids)s) RETURNING 1",
        ids=ids,
    )

    stack.enqueue(ids)
    stack.wait_done(ids, deadline_s=DEADLINE_S)

    policies = stack.rows(
        "SELECT DISTINCT execution_mode, reason FROM execution_policies JOIN experiments USING (experiment_id)"
        " WHERE signal_id = ANY(%(ids)s)",
        ids=ids,
    )
    shadows = stack.rows(
        "SELECT FROM trades JOIN experiments USING (experiment_id) WHERE signal_id = ANY(%(ids)s) AND is_shadow",
        ids=ids,
    )
    assert policies == [{"execution_mode": "SHADOW_ONLY", "reason": "expired_stale"}]
    assert len(shadows) == 10
    assert real_orders(stack, ids) == []


def test_afterwards_every_invariant_holds(stack: Stack) -> None:
    assert stack.asked("verify") == {"ok": True, "violations": []}
