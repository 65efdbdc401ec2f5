"""Jumps like a split or bad data, and rolls of continuous futures: no trade is booked on one, and somebody is told."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from db import bars, incidents
from domain import contract_rolls
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
FEED = Feed(
    book="paper",
    instrument=Instrument(symbol="AVAXUSDT", exchange="", kind=InstrumentKind.UNKNOWN),
    interval=ONE_MINUTE,
    side=PriceSide.MID,
)
EXITS = (
    "SELECT DISTINCT orders.reason, fills.price FROM orders JOIN fills USING (order_id) WHERE orders.intent = 'exit'"
)
DENIALS = "SELECT is_shadow, denial FROM trades WHERE status = 'denied' ORDER BY is_shadow"


@pytest.fixture
def desk(database_url: str, server_urls: ServerUrls) -> Iterator[AlertPipeline]:
    with start_alert_pipeline(database_url, server_urls, calendar="24/7") as running:
        yield running


def test_a_trade_in_a_continuous_future_ends_before_a_roll_and_both_prices_are_told(
    desk: AlertPipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(contract_rolls, "may_roll", lambda *_: True)
    desk.send({"ticker": "ES1!", "action": "buy", "price": "5000"})
    (real,), begun = desk.open_real(), datetime.now(UTC)
    series = replace(FEED, instrument=Instrument(symbol="ES", exchange="", kind=InstrumentKind.FUTURE))

    with desk.parts.transaction() as session:
        bars.add(session, series, [a_minute(begun, "5001"), a_minute(begun + timedelta(minutes=61), "5050")])
    desk.evaluate_exits(at=begun + timedelta(hours=2))

    assert (desk.open_real(), desk.open_models()) == ([], [])
    exits = rows(desk.parts.database, EXITS)
    assert {row["reason"] for row in exits} == {"contract_roll"}
    assert all(4990 < row["price"] < 5005 for row in exits)
    details = [incident["detail"] for incident in desk.incidents() if incident["kind"] == "contract_roll"]
    (told,) = [detail for detail in details if str(real["trade_id"]) in detail["trades"]]
    assert Decimal(told["before"]) < 5002
    assert Decimal(told["after"]) > 5045


def a_minute(at: datetime, price: str) -> Bar:
    """Make a bar of one minute at one price."""
    value = Decimal(price)
    return Bar(open_time=at, open=value, high=value, low=value, close=value, volume=None)


def know_minutes(desk: AlertPipeline, *prices: str) -> None:
    """Store one bar for each price, the last one closed at the beginning of this minute."""
    first = ONE_MINUTE.floor(datetime.now(UTC)) - timedelta(minutes=len(prices))
    with desk.parts.transaction() as session:
        bars.add(session, FEED, [a_minute(first + timedelta(minutes=n), price) for n, price in enumerate(prices)])


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
