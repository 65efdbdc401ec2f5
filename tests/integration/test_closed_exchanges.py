"""Exits of real trades that are due while their exchange is closed: sent at its opening, not before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from db import exit_incidents, pipeline_problems
from domain.policy import Switch
from stack.servers import ServerUrls
from tests.support.fakes.set_clock import SetClock
from tests.support.in_process_pipeline import BOOK, Desk, a_desk, take_the_place_of_the_broker
from tests.support.pipeline import add_trend, prepared, rows

STOCK = {"symbol": "AAPL", "exchange": "NASDAQ", "instrument_kind": "stock"}
COIN = {"symbol": "BTCUSDT", "exchange": "BINANCE", "instrument_kind": "spot"}
BEFORE_THE_OPENING, OPENING = datetime(2026, 3, 4, 12, 1, tzinfo=UTC), datetime(2026, 3, 4, 14, 30, tzinfo=UTC)
EXIT_ORDERS = """
    SELECT state, extract(epoch FROM next_check_at - clock_timestamp())::float8 AS wait_s FROM orders
    WHERE venue = 'scripted' AND intent = 'exit'
"""
INCIDENTS = "SELECT kind, subject, detail FROM incidents WHERE closed_at IS NULL"
REAL = "SELECT trade_id, status FROM trades WHERE NOT is_shadow"


@pytest.fixture
def desk(database_url: str, server_urls: ServerUrls, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    parts = prepared(database_url, server_urls.redis_url)
    for symbol in ("AAPL", "BTCUSDT"):
        add_trend(parts.database, book=BOOK, symbol=symbol)
    parts.database.dispose()
    made = a_desk(database_url, server_urls.redis_url)
    take_the_place_of_the_broker(made, monkeypatch)
    set_clock(made, BEFORE_THE_OPENING)
    yield made
    made.parts.database.dispose()


def set_clock(desk: Desk, at: datetime) -> None:
    desk.parts = replace(desk.parts, clock=SetClock(at))


def work_off(desk: Desk) -> None:
    """Take every message and order that waits, and those that follow."""
    while desk.messages or desk.orders:
        while desk.messages:
            desk.work(desk.messages.pop(0))
        desk.deliver_all()


def enter_and_exit(desk: Desk, **instrument: str) -> None:
    desk.store(is_sent=True, **instrument)
    work_off(desk)
    desk.store(is_sent=True, action="exit", **instrument)
    work_off(desk)


def sent_exits(desk: Desk) -> int:
    return sum(order.leg > 0 for order in desk.venue.sent)


def test_an_exit_while_the_exchange_is_closed_is_not_sent_and_told(desk: Desk) -> None:
    enter_and_exit(desk, **STOCK)

    (trade,) = rows(desk.parts.database, REAL)
    (order,) = rows(desk.parts.database, EXIT_ORDERS)
    (incident,) = rows(desk.parts.database, INCIDENTS)
    assert (trade["status"], sent_exits(desk), order["state"]) == ("open", 0, "intent")
    assert 2.4 * 3600 < order["wait_s"] < 2.6 * 3600
    assert (incident["kind"], incident["subject"]) == ("exit_waits_for_opening", str(trade["trade_id"]))
    assert incident["detail"]["opens_at"] == OPENING.isoformat()
    assert "closed until 2026-03-04 14:30 UTC" in incident["detail"]["why"]


def test_it_is_sent_once_at_the_opening_which_ends_the_incident(desk: Desk) -> None:
    enter_and_exit(desk, **STOCK)
    desk.look_up()
    work_off(desk)
    during = sent_exits(desk)

    set_clock(desk, OPENING)
    desk.look_up()
    work_off(desk)
    with desk.parts.transaction() as session:
        exit_incidents.close_finished(session)

    assert (during, sent_exits(desk)) == (0, 1)
    assert [row["status"] for row in rows(desk.parts.database, REAL)] == ["closed"]
    assert rows(desk.parts.database, INCIDENTS) == []
    assert desk.wrongs() == []


def test_what_is_to_be_flat_waits_as_well(desk: Desk) -> None:
    desk.store(is_sent=True, **STOCK)
    work_off(desk)
    desk.throw(Switch.FLAT)

    desk.flatten()
    work_off(desk)

    assert sent_exits(desk) == 0
    assert [row["kind"] for row in rows(desk.parts.database, INCIDENTS)] == ["exit_waits_for_opening"]


def test_an_exit_that_waits_for_an_opening_is_no_work_that_was_left_undone(desk: Desk) -> None:
    enter_and_exit(desk, **STOCK)
    desk.change("UPDATE orders SET created_at = created_at - interval '1 day'")

    with desk.parts.transaction() as session:
        assert pipeline_problems.find_waiting_work(session) == []


def test_an_exit_of_what_trades_round_the_clock_is_sent_at_once(desk: Desk) -> None:
    enter_and_exit(desk, **COIN)

    assert [row["status"] for row in rows(desk.parts.database, REAL)] == ["closed"]
    assert rows(desk.parts.database, INCIDENTS) == []
