"""Exits that find no price: they wait, through restarts, and close at the first price that comes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from stack.servers import ServerUrls
from tests.support.alert_pipeline import AlertPipeline, start_alert_pipeline
from tests.support.pipeline import rows

LONG = {"ticker": "AVAXUSDT", "action": "buy", "price": "30"}
EXIT = {"ticker": "AVAXUSDT", "action": "exit", "direction": "long"}


@pytest.fixture
def desk(database_url: str, server_urls: ServerUrls) -> Iterator[AlertPipeline]:
    with start_alert_pipeline(database_url, server_urls) as running:
        yield running


def test_an_exit_without_a_price_closes_at_the_last_known_one(desk: AlertPipeline) -> None:
    desk.send(LONG)
    desk.know_price("AVAXUSDT", "31")

    desk.send(EXIT)

    assert (desk.open_real(), desk.open_models(), desk.incidents()) == ([], [], [])
    exits = rows(desk.parts.database, "SELECT DISTINCT reason FROM orders WHERE intent = 'exit'")
    assert exits == [{"reason": "exit_signal"}]


def test_an_exit_waits_until_there_is_a_price(desk: AlertPipeline) -> None:
    desk.send(LONG)
    (signal_id,) = desk.send(EXIT)
    desk.evaluate_exits()
    assert (len(desk.open_real()), desk.kinds()) == (1, [])
    assert desk.result(signal_id)["waits_since"] is not None

    desk.know_price("AVAXUSDT", "31", ago_s=0)
    desk.evaluate_exits()

    assert (desk.open_real(), desk.open_models()) == ([], [])
    assert desk.result(signal_id)["settled_at"] is not None


def test_after_a_minute_without_a_price_there_is_an_incident_that_ends_with_the_trade(desk: AlertPipeline) -> None:
    desk.send(LONG)
    (signal_id,) = desk.send(EXIT)
    (trade,) = desk.open_real()
    rows(desk.parts.database, "UPDATE exit_results SET waits_since = now() - interval '61 s' RETURNING 1")

    desk.evaluate_exits()

    (incident,) = desk.incidents()
    assert (incident["kind"], incident["subject"]) == ("exit_not_priced", str(signal_id))
    assert str(trade["trade_id"]) in incident["detail"]["trades"]
    desk.know_price("AVAXUSDT", "31", ago_s=0)
    desk.evaluate_exits()
    desk.end_incidents()
    assert desk.incidents() == []


def test_a_second_exit_with_a_price_closes_what_the_first_one_could_not(desk: AlertPipeline) -> None:
    desk.send(LONG, EXIT, EXIT | {"price": "31"})

    assert (desk.open_real(), desk.open_models(), desk.incidents()) == ([], [], [])
    desk.evaluate_exits()
    assert rows(desk.parts.database, "SELECT 1 FROM exit_results WHERE settled_at IS NULL") == []


def test_an_entry_while_an_exit_waits_is_not_limited_by_the_trade_that_owes_it(desk: AlertPipeline) -> None:
    desk.send(LONG, EXIT, LONG | {"price": "32"})

    assert [trade["status"] for trade in desk.open_real()] == ["open", "open"]
