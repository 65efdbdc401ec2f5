"""Jumps that look like a split or bad data: no trade is booked on one, and somebody is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from db import bars, incidents
from domain.context import Bar, PriceSide
from domain.intervals import Interval
from domain.ports import Feed
from domain.signal import Instrument, InstrumentKind
from stack.servers import ServerUrls
from tests.support.alert_pipeline import AlertPipeline, firing_time, start_alert_pipeline
from tests.support.pipeline import rows

LONG = {"ticker": "AVAXUSDT", "action": "buy", "price": "30"}
EXIT = {"ticker": "AVAXUSDT", "action": "exit", "direction": "long"}
ONE_MINUTE = Interval.parse("1m")
EXITS = (
    "SELECT DISTINCT orders.reason, fills.price FROM orders JOIN fills USING (order_id) WHERE orders.intent = 'exit'"
)
DENIALS = "SELECT is_shadow, denial FROM trades WHERE status = 'denied' ORDER BY is_shadow"


@pytest.fixture
def desk(database_url: str, server_urls: ServerUrls) -> Iterator[AlertPipeline]:
    with start_alert_pipeline(database_url, server_urls) as running:
        yield running


def know_minutes(desk: AlertPipeline, *prices: str) -> None:
    """Store one bar for each price, the last one closed at the beginning of this minute."""
    feed = Feed(
        book="paper",
        instrument=Instrument(symbol="AVAXUSDT", exchange="", kind=InstrumentKind.UNKNOWN),
        interval=ONE_MINUTE,
        side=PriceSide.MID,
    )
    first = ONE_MINUTE.floor(datetime.now(UTC)) - timedelta(minutes=len(prices))
    stored = [
        Bar(open_time=first + timedelta(minutes=number), open=price, high=price, low=price, close=price, volume=None)
        for number, price in enumerate(Decimal(text) for text in prices)
    ]
    with desk.parts.transaction() as session:
        bars.add(session, feed, stored)


def test_a_trade_ends_at_the_last_price_before_a_jump_and_an_incident_names_it(desk: AlertPipeline) -> None:
    desk.send(LONG)
    (real,), (model, _) = desk.open_real(), desk.open_models()
    desk.know_price("AVAXUSDT", "15", ago_s=-60)

    desk.evaluate_exits(at=datetime.now(UTC) + timedelta(minutes=5))

    assert (desk.open_real(), desk.open_models()) == ([], [])
    exits = rows(desk.parts.database, EXITS)
    assert {row["reason"] for row in exits} == {"price_jump"}
    assert all(29 < row["price"] < 31 for row in exits)
    told = {name: incident for incident in desk.incidents() for name in incident["detail"]["trades"]}
    assert {incident["kind"] for incident in told.values()} == {"price_jump"}
    assert {str(real["trade_id"]), str(model["trade_id"])} <= set(told)
    assert Decimal(told[str(real["trade_id"])]["detail"]["after"]) < 16


def test_an_exit_alert_at_a_price_that_jumped_books_the_last_one_before(desk: AlertPipeline) -> None:
    desk.send(LONG)
    desk.know_price("AVAXUSDT", "300", ago_s=0)

    desk.send(EXIT)

    assert (desk.open_real(), desk.open_models()) == ([], [])
    exits = rows(desk.parts.database, EXITS)
    assert {row["reason"] for row in exits} == {"price_jump"}
    assert all(29 < row["price"] < 31 for row in exits)
    assert set(desk.kinds()) == {"price_jump"}


def test_entries_on_prices_that_jumped_are_denied_until_a_person_has_closed_the_incident(desk: AlertPipeline) -> None:
    know_minutes(desk, "60", "60", "30", "30")

    desk.send(LONG | {"interval": "1", "timenow": firing_time(-2)})

    denied = rows(desk.parts.database, DENIALS)
    assert [row["denial"] for row in denied] == ["price_jump"] * 3
    quality = rows(desk.parts.database, "SELECT quality->>'price_jump' AS flag FROM market_contexts")
    assert quality == [{"flag": "implausible"}]
    (incident,) = desk.incidents()
    assert (incident["kind"], incident["detail"]["before"], incident["detail"]["after"]) == ("price_jump", "60", "30")
    with desk.parts.transaction() as session:
        (row,) = incidents.list_open(session)
        incidents.close(session, row["incident_id"])
    desk.send(LONG | {"interval": "1", "timenow": firing_time(-1)})
    assert (len(desk.open_real()), desk.incidents()) == (1, [])
