"""Leaving the venue with orders in flight: nothing begins afterwards, and what is open there is closed there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from config.vault import AccountVault
from db import accounts
from db.accounts import SealedKeys
from stack.servers import ServerUrls
from tests.fault.live_book import a_live_stack, are_settled, differences, live_signals, real_orders
from tests.support.servers.processes import SECRET_KEY
from tests.support.servers.simulated_venue import KEY, SECRET, SimulatedVenue, simulated_venue
from tests.support.servers.stacks import Stack
from tests.support.waiting import until

BROKER = "ccxt:binance"
DEADLINE_S = 90.0
AFTER_LEAVING = """
    SELECT order_events.order_id FROM order_events JOIN orders USING (order_id)
    WHERE to_state = 'submitting' AND intent = 'entry'
      AND order_events.at > (SELECT at FROM live_switches WHERE account IS NULL ORDER BY switch_id DESC LIMIT 1)
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
    directory = tmp_path_factory.mktemp("live")
    with a_live_stack(server_urls, template_database, directory, venue, broker=BROKER, redis_db=12) as made:
        made.processes.start_worker(concurrency=2)
        made.processes.start_beat()
        yield made


def test_after_leaving_nothing_begins_at_the_venue_with_a_hundred_in_flight(stack: Stack) -> None:
    ids = live_signals(stack, BROKER, count=100, name="in flight")
    stack.enqueue(ids)
    until(lambda: len(real_orders(stack, ids)) > 5, deadline_s=DEADLINE_S, what="the first orders")

    left = stack.run("policy", "paper", "--keep-open", "--reason", "a test")
    stack.wait_done(ids, deadline_s=DEADLINE_S)
    until(lambda: are_settled(stack, ids), deadline_s=DEADLINE_S, what="the end of every order")

    reasons = stack.rows("SELECT DISTINCT reason FROM execution_policies WHERE execution_mode = 'SHADOW_ONLY'")
    denied = [one for one in real_orders(stack, ids) if one["state"] == "denied"]
    assert left.returncode == 0, left.stderr
    assert stack.rows(AFTER_LEAVING) == []
    assert denied or reasons == [{"reason": "not_live"}]
    assert len(stack.rows("SELECT FROM trades WHERE is_shadow AND engine = 'A'")) == 100


def test_a_new_entry_is_recorded_in_shadow_and_says_why(stack: Stack, venue: SimulatedVenue) -> None:
    asked = len(venue.ledger.list_requests("submit"))
    ids = live_signals(stack, BROKER, count=2, name="after leaving")

    stack.enqueue(ids)
    stack.wait_done(ids, deadline_s=DEADLINE_S)

    policies = stack.rows(
        "SELECT DISTINCT execution_mode, reason FROM execution_policies JOIN experiments USING (experiment_id)"
        " WHERE signal_id = ANY(%(ids)s)",
        ids=ids,
    )
    assert policies == [{"execution_mode": "SHADOW_ONLY", "reason": "not_live"}]
    assert real_orders(stack, ids) == []
    assert len(venue.ledger.list_requests("submit")) == asked


def test_what_is_open_is_closed_at_the_venue_although_the_book_left_it(stack: Stack, venue: SimulatedVenue) -> None:
    held = venue.ledger.sum_positions()

    flat = stack.run("policy", "flatten", "--book", "live", "--reason", "a test", "--wait", "90", timeout_s=120)

    assert held
    assert flat.returncode == 0, flat.stderr
    assert venue.ledger.sum_positions() == {}
    assert differences(stack, venue) == {}


def test_on_another_account_entries_trade_again_with_its_stored_keys_and_without_a_restart(stack: Stack) -> None:
    vault = AccountVault(SECRET_KEY)
    with stack.database.transaction() as session:
        accounts.add(session, "stored", venue=BROKER, keys=SealedKeys(key=vault.seal(KEY), secret=vault.seal(SECRET)))
    again = stack.run("policy", "live", "stored", "--confirm", "stored", "--reason", "a test")
    assert again.returncode == 0, again.stderr + again.stdout
    assert stack.run("policy", "resume", "--book", "live", "--reason", "a test").returncode == 0

    ids = live_signals(stack, BROKER, count=2, name="live again")
    stack.enqueue(ids)
    stack.wait_done(ids, deadline_s=DEADLINE_S)
    until(lambda: are_settled(stack, ids), deadline_s=DEADLINE_S, what="the end of every order")

    told = stack.processes.said("worker") + stack.processes.said("beat") + again.stderr + again.stdout
    assert [one["state"] for one in real_orders(stack, ids)] == ["filled", "filled"]
    assert "account.opened" in told
    assert KEY not in told
    assert SECRET not in told


def test_afterwards_every_invariant_holds(stack: Stack) -> None:
    assert stack.asked("verify") == {"ok": True, "violations": []}
