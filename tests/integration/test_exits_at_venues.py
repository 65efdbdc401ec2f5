"""Exits at a real venue: a refused one is told and sent again, one whose entry is unknown waits for the look-up."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import text

from db import exit_incidents
from stack.servers import ServerUrls
from tasks import exit_settlement
from tests.support.fakes.scripted_venue import VenueBehavior
from tests.support.in_process_pipeline import BOOK, Desk, a_desk, take_the_place_of_the_broker
from tests.support.pipeline import add_trend, prepared, rows

OPEN = "SELECT kind, subject, detail FROM incidents WHERE closed_at IS NULL"
REAL = "SELECT trade_id, status FROM trades WHERE NOT is_shadow"


@pytest.fixture
def desk(database_url: str, server_urls: ServerUrls, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    parts = prepared(database_url, server_urls.redis_url)
    add_trend(parts.database, book=BOOK)
    parts.database.dispose()
    made = a_desk(database_url, server_urls.redis_url)
    take_the_place_of_the_broker(made, monkeypatch)
    yield made
    made.parts.database.dispose()


def work_off(desk: Desk) -> None:
    """Take every message and order that waits, and those that follow."""
    while desk.messages or desk.orders:
        while desk.messages:
            desk.work(desk.messages.pop(0))
        desk.deliver_all()


def test_an_exit_that_the_venue_refuses_is_an_incident_until_the_trade_is_closed(desk: Desk) -> None:
    desk.store(is_sent=True)
    work_off(desk)
    desk.venue.behavior = VenueBehavior.REFUSES
    desk.store(is_sent=True, action="exit")
    work_off(desk)

    (trade,) = rows(desk.parts.database, REAL)
    (incident,) = rows(desk.parts.database, OPEN)
    assert trade["status"] == "open"
    assert (incident["kind"], incident["subject"]) == ("exit_refused", str(trade["trade_id"]))
    assert f"orchestrator trades close {trade['trade_id']}" in incident["detail"]["close"]

    desk.drain()
    with desk.parts.transaction() as session:
        exit_incidents.close_finished(session)

    (trade,) = rows(desk.parts.database, REAL)
    assert (trade["status"], rows(desk.parts.database, OPEN)) == ("closed", [])


def test_a_refused_exit_is_sent_again_only_after_its_pause(desk: Desk) -> None:
    attempts = "SELECT attempt, state FROM orders WHERE venue <> 'model' AND intent = 'exit' ORDER BY attempt"
    desk.store(is_sent=True)
    work_off(desk)
    desk.venue.behavior = VenueBehavior.REFUSES
    desk.store(is_sent=True, action="exit")
    work_off(desk)
    desk.venue.behavior = VenueBehavior.FILLS
    experiments = [row["experiment_id"] for row in rows(desk.parts.database, "SELECT experiment_id FROM experiments")]

    exit_settlement.send_owed_exits(desk.parts, experiments)
    work_off(desk)
    during = [tuple(row.values()) for row in rows(desk.parts.database, attempts)]
    with desk.parts.transaction() as session:
        session.execute(text("UPDATE orders SET next_check_at = clock_timestamp() WHERE state = 'rejected'"))
    exit_settlement.send_owed_exits(desk.parts, experiments)
    work_off(desk)

    assert during == [(1, "rejected")]
    assert [tuple(row.values()) for row in rows(desk.parts.database, attempts)] == [(1, "rejected"), (2, "filled")]


def test_an_exit_while_the_entry_is_unknown_at_the_venue_waits_for_the_look_up(desk: Desk) -> None:
    desk.venue.behavior = VenueBehavior.LOSES_ANSWER
    desk.store(is_sent=True)
    work_off(desk)
    desk.venue.behavior = VenueBehavior.FILLS
    desk.store(is_sent=True, action="exit")
    work_off(desk)
    assert [row["status"] for row in rows(desk.parts.database, REAL)] == ["pending"]
    assert rows(desk.parts.database, OPEN) == []

    desk.drain()

    assert [row["status"] for row in rows(desk.parts.database, REAL)] == ["closed"]
    assert rows(desk.parts.database, OPEN) == []
