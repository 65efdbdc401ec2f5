"""Trades as people see and close them: `orchestrator trades` and its routes, and what the exits worker makes of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from app.cli import cli
from stack.servers import ServerUrls
from tasks import flattening
from tests.support.alert_pipeline import AlertPipeline, start_alert_pipeline
from tests.support.api import REASON, REDIS_DB, ROLE_SCOPES
from tests.support.builders.api_data import PopulatedApi, start_populated_api
from tests.support.pipeline import run_all
from tests.support.servers.stacks import with_redis_database

LONG = {"ticker": "BINANCE:XRPUSDT", "action": "buy", "price": "0.5"}
EXIT = {"ticker": "BINANCE:XRPUSDT", "action": "exit", "direction": "long", "price": "0.52"}
AUDIT = "SELECT action, subject, reason FROM audit_log ORDER BY entry_id"


@pytest.fixture
def desk(database_url: str, server_urls: ServerUrls) -> Iterator[AlertPipeline]:
    with start_alert_pipeline(database_url, server_urls) as running:
        for symbol in ("XRPUSDT", "ADAUSDT"):
            running.know_price(symbol, "0.5")
        yield running


def run(database_url: str, *arguments: str) -> Result:
    return CliRunner(env={"DATABASE_URL": database_url}).invoke(cli, ["trades", *arguments])


def listed(database_url: str, *arguments: str) -> list[dict[str, Any]]:
    return list(json.loads(run(database_url, "list", *arguments, "--json").stdout)["trades"])


def shown(database_url: str, trade_id: object) -> dict[str, Any]:
    return dict(json.loads(run(database_url, "show", str(trade_id), "--json").stdout))


def test_a_trade_is_closed_by_hand_and_its_model_trade_goes_on(desk: AlertPipeline, database_url: str) -> None:
    desk.send(LONG)
    (trade,) = desk.open_real()

    result = run(database_url, "close", str(trade["trade_id"]), "--reason", "the strategy is out")
    flattening.close_wanted_trades(desk.parts)

    assert result.output.startswith("closing: long XRPUSDT of desk")
    assert desk.open_real() == []
    assert len(desk.open_models()) == 2
    document = shown(database_url, trade["trade_id"])
    assert (document["trade"]["status"], document["open_because"]) == ("closed", [])
    assert [order["reason"] for order in document["orders"]] == ["entry", "flatten"]
    assert document["outcomes"][0]["exit_reason"] == "flatten"
    assert desk.webhook.rows(AUDIT)[-1] == {
        "action": "trade.close_requested",
        "subject": str(trade["trade_id"]),
        "reason": "the strategy is out",
    }


def test_closing_twice_closes_and_is_recorded_once(desk: AlertPipeline, database_url: str) -> None:
    desk.send(LONG)
    (trade,) = desk.open_real()
    close = ("close", str(trade["trade_id"]), "--reason", "out", "--json")

    first, again = (json.loads(run(database_url, *close).stdout) for _ in range(2))
    flattening.close_wanted_trades(desk.parts)
    flattening.close_wanted_trades(desk.parts)
    after = json.loads(run(database_url, *close).stdout)

    assert first == again
    assert (first["status"], after["status"]) == ("closing", "closed")
    assert len(shown(database_url, trade["trade_id"])["orders"]) == 2
    assert [row["action"] for row in desk.webhook.rows(AUDIT)].count("trade.close_requested") == 1


def test_only_the_trade_that_is_named_is_closed(desk: AlertPipeline, database_url: str) -> None:
    desk.send(LONG, LONG | {"ticker": "BINANCE:ADAUSDT"})
    named, other = desk.open_real()

    run(database_url, "close", str(named["trade_id"]), "--reason", "out")
    flattening.close_wanted_trades(desk.parts)

    assert [trade["trade_id"] for trade in desk.open_real()] == [other["trade_id"]]


def test_the_entry_of_a_trade_that_is_to_be_closed_is_not_sent(desk: AlertPipeline, database_url: str) -> None:
    signal_ids = desk.post(LONG)
    lock = desk.work_off_until_dispatched(signal_ids)
    (trade,) = desk.open_real()
    assert trade["status"] == "pending"

    run(database_url, "close", str(trade["trade_id"]), "--reason", "out")
    run_all(desk.parts, signal_ids, lock=lock)

    (row,) = desk.webhook.rows("SELECT status, denial FROM trades WHERE NOT is_shadow")
    assert row == {"status": "denied", "denial": "closed_by_hand"}


def test_a_model_trade_and_an_unknown_one_are_refused(desk: AlertPipeline, database_url: str) -> None:
    desk.send(LONG)

    model = run(database_url, "close", str(desk.open_models()[0]["trade_id"]), "--reason", "out")
    unknown = run(database_url, "close", str(uuid4()), "--reason", "out")

    assert model.exit_code == unknown.exit_code == 1
    assert "is a model trade" in model.output
    assert "there is no trade" in unknown.output
    assert len(desk.open_real()) == 1


def test_trades_are_listed_by_what_is_asked(desk: AlertPipeline, database_url: str) -> None:
    token = desk.webhook.add_source(name="other")
    desk.send(LONG)
    desk.send(LONG | {"ticker": "ADAUSDT"}, token=token)
    desk.send(EXIT)

    assert len(listed(database_url)) == 6
    assert {trade["symbol"] for trade in listed(database_url, "--open")} == {"ADAUSDT"}
    assert len(listed(database_url, "--source", "desk", "--real")) == 1
    assert {trade["engine"] for trade in listed(database_url, "--engine", "B")} == {"B"}
    assert len(listed(database_url, "--symbol", "XRPUSDT")) == 3
    assert listed(database_url, "--book", "live") == []
    lines = run(database_url, "list", "--open", "--real").output.splitlines()
    assert lines[0].split() == [
        "TRADE",
        "ENTERED",
        "BOOK",
        "SOURCE",
        "SYMBOL",
        "SIDE",
        "QUANTITY",
        "ENGINE",
        "LEDGER",
        "STATUS",
    ]
    assert lines[1].split()[-3:] == ["A", "real", "open"]


def test_an_open_trade_says_why_it_is_open(desk: AlertPipeline, database_url: str) -> None:
    desk.send(LONG)
    (trade,) = desk.open_real()

    plan = shown(database_url, trade["trade_id"])["open_because"]
    run(database_url, "close", str(trade["trade_id"]), "--reason", "out")
    closing = shown(database_url, trade["trade_id"])["open_because"]

    assert plan[0].startswith("no alert closed it; its plan goes on: stop 0.45, next target 0.55, time limit ")
    assert closing[0].startswith("it is to be closed since ")
    output = run(database_url, "show", str(trade["trade_id"])).output
    assert "trade    engine A real long 1, open" in output
    assert "open     it is to be closed since " in output


def test_a_trade_without_a_price_stays_wanted_and_is_an_incident_after_a_minute(
    desk: AlertPipeline, database_url: str
) -> None:
    desk.send(LONG)
    (trade,) = desk.open_real()
    run(database_url, "close", str(trade["trade_id"]), "--reason", "out")
    desk.forget_prices()

    flattening.close_wanted_trades(desk.parts)
    assert (len(desk.open_real()), desk.kinds()) == (1, [])
    desk.webhook.rows("UPDATE trades SET close_requested_at = now() - interval '61 s' RETURNING 1")
    flattening.close_wanted_trades(desk.parts)

    (incident,) = desk.incidents()
    assert (incident["kind"], incident["subject"]) == ("exit_not_priced", str(trade["trade_id"]))
    assert len(shown(database_url, trade["trade_id"])["orders"]) == 1


@pytest.fixture
def api(database_url: str, server_urls: ServerUrls) -> Iterator[PopulatedApi]:
    with start_populated_api(database_url, with_redis_database(server_urls.redis_url, REDIS_DB)) as running:
        running.service.accept_tokens(**ROLE_SCOPES)
        yield running


def test_a_trade_is_closed_by_the_api_as_by_the_command(api: PopulatedApi) -> None:
    trade_id = api.run_ids["trade_id"]
    api.service.rows("UPDATE trades SET is_shadow = false WHERE trade_id = :id RETURNING 1", id=trade_id)

    answer = api.service.post(f"/trades/{trade_id}/close", {"reason": REASON}, token="operator")

    document = answer.get_json()
    assert (answer.status_code, document["status"], document["trade_id"]) == (200, "closing", str(trade_id))
    assert [one["trade_id"] for one in api.service.items("/trades?open=true&is_shadow=false&source=tests")] == [
        str(trade_id)
    ]
    assert api.service.get(f"/trades/{trade_id}").get_json()["open_because"]
    assert api.service.audit_entries()[-1]["action"] == "trade.close_requested"


def test_the_api_refuses_trades_that_cannot_be_closed(api: PopulatedApi) -> None:
    model = api.service.rows("SELECT trade_id FROM trades WHERE is_shadow AND book = 'paper' LIMIT 1")[0]["trade_id"]
    replayed = api.service.rows("SELECT trade_id FROM trades WHERE NOT is_shadow AND book <> 'paper' LIMIT 1")
    body = {"reason": REASON}

    answers = [api.service.post(f"/trades/{one}/close", body) for one in (model, replayed[0]["trade_id"], uuid4())]

    assert [answer.status_code for answer in answers] == [409, 409, 404]
    assert api.service.post(f"/trades/{model}/close", body, token="viewer").status_code == 403
