"""What reaches a venue: nothing unless the book is live, and then with the keys of its account alone."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import pytest

from config.values import SettingInvalid
from db import accounts, live, submissions
from domain.ports import Broker
from tasks import live_broker as opening
from tasks import order_reconciliation, pipeline
from tasks.live_broker import AccountBroker, AccountUnusable
from tests.support.fakes.scripted_engines import answer_entering, scripted_panel
from tests.support.going_live import leave
from tests.support.live_book import BROKER, WAITING, Floor, a_floor, go_live, sealed
from tests.support.pipeline import add_trend, prepared, rows, run_all, store_signal, with_engines
from tests.support.servers.simulated_venue import KEY, SECRET, SimulatedVenue, simulated_venue
from tests.support.waiting import until

BLOCKED = """
    SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
"""


@pytest.fixture(scope="module")
def venue(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedVenue]:
    with simulated_venue(tmp_path_factory.mktemp("venue")) as made:
        yield made


@pytest.fixture
def floor(database_url: str, venue: SimulatedVenue, monkeypatch: pytest.MonkeyPatch) -> Iterator[Floor]:
    with a_floor(database_url, venue, monkeypatch) as made:
        yield made


def test_an_entry_of_a_book_that_is_not_live_is_recorded_in_shadow_only(floor: Floor) -> None:
    floor.enter("early")

    (told,) = floor.rows("SELECT execution_mode, reason FROM execution_policies")
    assert told == {"execution_mode": "SHADOW_ONLY", "reason": "not_live"}
    assert floor.rows("SELECT FROM orders WHERE venue <> 'model'") == []
    assert len(floor.rows("SELECT FROM trades WHERE is_shadow")) == 2


def test_an_order_goes_out_with_the_stored_keys_of_the_account(floor: Floor) -> None:
    go_live()

    floor.enter("with stored keys")
    floor.send()

    (order,) = floor.rows("SELECT client_order_id, state FROM orders WHERE venue = 'binance'")
    assert order["state"] == "filled"
    assert floor.venue.count_orders(order["client_order_id"]) == 1


def test_an_order_that_waited_while_the_book_left_the_venue_is_denied_and_the_open_trade_still_exits(
    floor: Floor,
) -> None:
    go_live()
    floor.enter("open")
    floor.send()
    floor.enter("waiting")
    leave(floor.database, keep_open=True)

    floor.send()
    run_all(floor.parts, [store_signal(floor.database, book="live", strategy="open", action="exit")])
    floor.send()

    orders = floor.rows("SELECT intent, state FROM orders WHERE venue = 'binance' ORDER BY created_at")
    (denial,) = floor.rows("SELECT denial FROM trades WHERE status = 'denied'")
    assert [tuple(one.values()) for one in orders] == [("entry", "filled"), ("entry", "denied"), ("exit", "filled")]
    assert denial["denial"] == "not_live"


def test_leaving_waits_for_whoever_is_beginning_an_order(floor: Floor) -> None:
    go_live()
    floor.enter("begun")
    (waiting,) = floor.rows(WAITING)

    with ThreadPoolExecutor(1) as pool:
        with floor.parts.transaction() as session:
            begun, _ = submissions.begin_submission(session, [waiting["order_id"]], window_s=5, max_age_s=300)
            left = pool.submit(leave, floor.database, keep_open=True)
            until(lambda: floor.rows(BLOCKED), deadline_s=20, what="the wait for the lock")
            was_live = live_account(floor)
        left.result(20)

    assert len(begun) == 1
    assert (was_live, live_account(floor)) == ("main", None)
    assert floor.rows("SELECT state FROM orders WHERE venue = 'binance'") == [{"state": "submitting"}]


def live_account(floor: Floor) -> str | None:
    with floor.database.transaction() as session:
        return live.load_state(session).account


def test_a_start_with_another_broker_is_refused_while_real_trades_are_open(floor: Floor) -> None:
    go_live()
    floor.enter("open")
    floor.send()

    for other in ("paper", "alpaca"):
        with pytest.raises(SettingInvalid, match="1 real trades are open at binance"):
            pipeline.prepare(replace(floor.parts.settings, broker=other))
    pipeline.prepare(floor.parts.settings)


def test_a_worker_takes_the_next_account_without_a_restart(floor: Floor) -> None:
    with floor.database.transaction() as session:
        accounts.add(session, "mistyped", venue=BROKER, keys=sealed("another key", SECRET))
    go_live("--unchecked", name="mistyped")
    floor.enter("with keys that are refused")
    floor.send()
    go_live()

    floor.enter("with the keys of the next account")
    floor.send()

    states = [
        one["state"] for one in floor.rows("SELECT state FROM orders WHERE venue = 'binance' ORDER BY created_at")
    ]
    assert states == ["rejected", "filled"]


def test_keys_that_a_worker_cannot_read_send_nothing_and_are_an_incident(floor: Floor) -> None:
    with floor.database.transaction() as session:
        accounts.add(session, "sealed", venue=BROKER, keys=sealed(KEY, SECRET, under="quite another secret key"))
        live.switch_on(session, "sealed", actor="me", reason="a test")
    asked = len(floor.venue.ledger.list_requests("submit"))

    floor.enter("unreadable")
    floor.send()

    (order,) = floor.rows("SELECT state FROM orders WHERE venue = 'binance'")
    (incident,) = floor.rows("SELECT kind, subject, detail->>'why' AS why FROM incidents")
    assert order["state"] == "resubmit_ok"
    assert (incident["kind"], incident["subject"]) == ("account_unusable", "sealed")
    assert "encrypted under another SECRET_KEY" in incident["why"]
    assert len(floor.venue.ledger.list_requests("submit")) == asked


def test_an_account_elsewhere_than_broker_says_is_not_opened(floor: Floor) -> None:
    with floor.database.transaction() as session:
        stored = accounts.by_name(session, "main")

    with pytest.raises(AccountUnusable, match="is at ccxt:binance, and BROKER is alpaca"):
        opening.open_account(replace(floor.parts.settings, broker="alpaca"), stored)


def test_an_account_without_keys_of_its_own_needs_those_of_the_environment(floor: Floor) -> None:
    with floor.database.transaction() as session:
        accounts.add(session, "bare", venue=BROKER, keys=None)
        stored = accounts.by_name(session, "bare")

    with pytest.raises(AccountUnusable, match="BROKER_KEY"):
        opening.open_account(floor.parts.settings, stored)


def test_without_an_account_the_broker_holds_nothing_and_sends_nothing(floor: Floor) -> None:
    broker: Broker = AccountBroker(floor.parts.settings, floor.database)

    assert broker.positions() == []
    assert order_reconciliation.reconcile(floor.parts, "live") == 0
    with pytest.raises(AccountUnusable, match="the live book has no account"):
        broker.find([])


def test_no_key_is_in_what_a_process_prints_of_its_settings_and_accounts(floor: Floor) -> None:
    with floor.database.transaction() as session:
        stored = accounts.by_name(session, "main")
    made = opening.open_account(floor.parts.settings, stored)

    printed = f"{floor.parts} {stored} {made!r} {floor.parts.settings}"

    assert KEY not in printed
    assert SECRET not in printed


def test_with_the_paper_broker_the_live_book_trades_on_paper_without_going_live(database_url: str) -> None:
    parts = prepared(database_url, "redis://127.0.0.1:1")
    add_trend(parts.database, book="live")

    run_all(
        with_engines(parts, scripted_panel(answer_entering(), answer_entering())),
        [store_signal(parts.database, book="live")],
    )

    (order,) = rows(parts.database, "SELECT venue, state, quantity FROM orders WHERE venue <> 'model'")
    parts.database.dispose()
    assert (order["venue"], order["state"]) == ("paper", "filled")
    assert order["quantity"] > Decimal(0)
