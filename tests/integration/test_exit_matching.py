"""Which trades an exit closes, and what is told when it closes none: posted alerts, through the real pipeline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from stack.servers import ServerUrls
from tests.support.alert_pipeline import AlertPipeline, enter, firing_time, start_alert_pipeline
from tests.support.fakes.scripted_engines import answer_reject, scripted_panel
from tests.support.pipeline import with_engines

LONG = {"ticker": "BINANCE:XRPUSDT.P", "action": "buy", "price": "0.5"}


@pytest.fixture
def desk(database_url: str, server_urls: ServerUrls) -> Iterator[AlertPipeline]:
    with start_alert_pipeline(database_url, server_urls, calendar="24/7") as running:
        yield running


def exit_of(**changes: Any) -> dict[str, Any]:
    return {"ticker": "BINANCE:XRPUSDT.P", "action": "exit", "direction": "long", "price": "0.51"} | changes


def test_an_exit_of_the_same_key_closes_the_trade(desk: AlertPipeline) -> None:
    desk.send(LONG)
    assert len(desk.open_real()) == 1

    (signal_id,) = desk.send(exit_of())

    assert (desk.open_real(), desk.open_models(), desk.incidents()) == ([], [], [])
    assert desk.flags(signal_id) == []
    assert desk.result(signal_id)["settled_at"] is not None


@pytest.mark.parametrize(
    ("entered", "left", "differs"),
    [
        ("BINANCE:XRPUSDT.P", "XRPUSDT.P", ["exchange"]),
        ("BINANCE:XRPUSDT.P", "BYBIT:XRPUSDT", ["exchange", "kind"]),
        ("OTHER:BRK.B", "OTHER:BRK-B", ["symbol"]),
        ("OTHER:BRK.B", "BRK/B", ["symbol", "exchange"]),
        ("ES1!", "ESZ2026", ["symbol", "kind"]),
    ],
)
def test_an_exit_whose_key_never_had_an_entry_closes_the_one_that_fits(
    desk: AlertPipeline, entered: str, left: str, differs: list[str]
) -> None:
    desk.send(LONG | {"ticker": entered})

    (signal_id,) = desk.send(exit_of(ticker=left))

    assert (desk.open_real(), desk.open_models(), desk.incidents()) == ([], [], [])
    assert desk.flags(signal_id) == ["matched_loosely"]
    assert desk.result(signal_id)["differs"] == differs


@pytest.mark.parametrize("ticker", ["ADAUSDT", "XRPUSDC", "XLMUSDT"])
def test_an_exit_of_another_symbol_closes_nothing_and_says_so(desk: AlertPipeline, ticker: str) -> None:
    desk.send(LONG)

    (signal_id,) = desk.send(exit_of(ticker=ticker))

    assert len(desk.open_real()) == 1
    assert (desk.flags(signal_id), desk.incidents()) == (["nothing_open"], [])


def test_several_keys_that_fit_are_named_and_none_is_closed(desk: AlertPipeline) -> None:
    desk.set_pyramiding(2)
    desk.send(LONG, LONG | {"ticker": "BYBIT:XRPUSDT.P"})

    (signal_id,) = desk.send(exit_of(ticker="XRPUSDT"))

    (incident,) = desk.incidents()
    assert (incident["kind"], incident["subject"]) == ("exit_ambiguous", str(signal_id))
    assert len(desk.open_real()) == 2
    for trade in desk.open_real():
        assert str(trade["trade_id"]) in incident["detail"]["trades"]
        assert f"orchestrator trades close {trade['trade_id']} --reason" in incident["detail"]["close"]


def test_the_exact_key_wins_also_when_nothing_of_it_is_open(desk: AlertPipeline) -> None:
    accepting = desk.parts
    desk.parts = with_engines(accepting, scripted_panel(answer_reject, answer_reject))
    desk.send(LONG | {"ticker": "XRPUSDT.P"})
    desk.parts = accepting
    desk.send(LONG)

    desk.send(exit_of(ticker="XRPUSDT.P"))

    (trade,), (incident,) = desk.open_real(), desk.incidents()
    assert (incident["kind"], incident["subject"]) == ("exit_missed", str(trade["trade_id"]))
    assert f"orchestrator trades close {trade['trade_id']} --reason" in incident["detail"]["close"]


def test_a_key_that_only_a_model_holds_is_closed_loosely_too(desk: AlertPipeline) -> None:
    desk.parts = with_engines(desk.parts, scripted_panel(answer_reject, enter()))
    desk.send(LONG)
    assert (len(desk.open_real()), len(desk.open_models())) == (0, 1)

    desk.send(exit_of(ticker="XRPUSDT"))

    assert desk.open_models() == []


def test_an_opposite_entry_closes_its_own_key_only_and_tells_of_the_trade_it_may_have_meant(
    desk: AlertPipeline,
) -> None:
    desk.send(LONG)

    desk.send({"ticker": "XRPUSDT.P", "action": "sell", "market_position": "short", "price": "0.51"})

    long = next(trade for trade in desk.open_real() if trade["side"] == "long")
    assert [(one["kind"], one["subject"]) for one in desk.incidents()] == [("exit_missed", str(long["trade_id"]))]


def test_two_strategies_on_one_symbol_close_their_own_trades(desk: AlertPipeline) -> None:
    desk.send(LONG | {"strategy": "fast"}, LONG | {"strategy": "slow"})

    desk.send(exit_of(strategy="fast"))

    assert [trade["strategy"] for trade in desk.open_real()] == ["slow"]
    assert desk.incidents() == []


def test_an_exit_that_says_flat_while_the_other_side_is_open_is_an_incident(desk: AlertPipeline) -> None:
    desk.send({"ticker": "SOLUSDT", "action": "sell", "market_position": "short", "price": "100"})

    desk.send(
        {
            "ticker": "SOLUSDT",
            "action": "sell",
            "market_position": "flat",
            "prev_market_position": "long",
            "price": "101",
        }
    )

    (trade,), (incident,) = desk.open_real(), desk.incidents()
    assert (incident["kind"], incident["subject"]) == ("exit_missed", str(trade["trade_id"]))


def test_a_reversal_that_overtakes_the_exit_ends_short_without_an_incident(desk: AlertPipeline) -> None:
    fired = firing_time()
    order = {"ticker": "SOLUSDT", "price": "101", "timenow": fired}
    desk.send(
        order | {"action": "buy", "market_position": "long", "prev_market_position": "flat"},
        order | {"action": "sell", "market_position": "short", "prev_market_position": "flat"},
        order | {"action": "sell", "market_position": "flat", "prev_market_position": "long"},
    )

    assert [trade["side"] for trade in desk.open_real()] == ["short"]
    assert desk.incidents() == []


def test_alerts_in_one_batch_are_matched_in_their_order(desk: AlertPipeline) -> None:
    signal_ids = [*desk.post(LONG), *desk.post(exit_of()), *desk.post(exit_of(price="0.52"))]

    desk.work_off(signal_ids)

    assert (desk.open_real(), desk.open_models(), desk.incidents()) == ([], [], [])
    assert desk.result(signal_ids[1])["trade_ids"]
    assert desk.result(signal_ids[2])["trade_ids"] == []


def test_test_alerts_open_no_incidents(desk: AlertPipeline) -> None:
    token = desk.webhook.add_source(name="trial", book="test")
    desk.send(LONG | {"ticker": "XRPUSDT.P"}, LONG, token=token)

    desk.send(exit_of(ticker="XRPUSDT"), token=token)

    assert desk.incidents() == []


def test_the_incident_ends_when_its_trade_is_closed(desk: AlertPipeline) -> None:
    desk.send(LONG)
    desk.send({"ticker": "XRPUSDT.P", "action": "sell", "market_position": "short", "price": "0.51"})
    assert desk.kinds() == ["exit_missed"]

    desk.send(exit_of())
    desk.end_incidents()

    assert desk.kinds() == []


def test_a_message_in_quarantine_that_may_be_the_exit_is_an_incident_naming_the_trade(desk: AlertPipeline) -> None:
    desk.send({"ticker": "CL1!", "action": "buy", "market_position": "long", "price": "1.50"})
    (trade,) = desk.open_real()

    desk.post({"ticker": "CL1!", "action": "???", "price": "-37.63"})
    desk.post(b"something else that cannot be read")

    (incident,) = desk.incidents()
    (first, _) = desk.webhook.rows("SELECT event_id FROM webhook_events ORDER BY received_at")
    assert (incident["kind"], incident["subject"]) == ("exit_in_quarantine", str(trade["trade_id"]))
    assert incident["detail"]["message"] == str(first["event_id"])
    assert f"orchestrator trades close {trade['trade_id']} --reason" in incident["detail"]["close"]


def test_a_message_in_quarantine_about_another_symbol_or_of_another_source_is_none(desk: AlertPipeline) -> None:
    desk.send(LONG)

    desk.post({"ticker": "ADAUSDT", "action": "???", "price": "1"})
    desk.post(b"garbage", token=desk.webhook.add_source(name="other"))

    assert len(desk.open_real()) == 1
    assert desk.incidents() == []


def test_what_cannot_be_an_exit_of_the_trade_opens_no_incident_in_quarantine(desk: AlertPipeline) -> None:
    desk.send(LONG)
    symbol = LONG["ticker"]

    desk.post({"ticker": symbol, "action": "???", "price": "1", "is_test": True})
    desk.post({"feed": "bars", "ticker": symbol, "interval": "60", "open": "1", "high": "0.1", "low": "1"})

    books = [row["book"] for row in desk.webhook.rows("SELECT book FROM webhook_events ORDER BY received_at")]
    assert books == ["test", "paper"]
    assert len(desk.open_real()) == 1
    assert desk.incidents() == []


def test_an_exit_that_was_given_up_is_an_incident_once(desk: AlertPipeline) -> None:
    desk.send(LONG)
    (signal_id,) = desk.post(exit_of())
    desk.webhook.rows("UPDATE signals SET status = 'dead' WHERE signal_id = :id RETURNING 1", id=signal_id)

    desk.watch_dead_exits()
    desk.watch_dead_exits()

    (trade,), (incident,) = desk.open_real(), desk.incidents()
    assert (incident["kind"], incident["subject"]) == ("exit_missed", str(signal_id))
    assert incident["detail"]["trades"] == [str(trade["trade_id"])]
    desk.webhook.rows("UPDATE incidents SET closed_at = now() RETURNING 1")
    desk.watch_dead_exits()
    assert desk.incidents() == []


def test_the_same_trade_under_another_label_is_told_when_the_exit_closes_its_own(desk: AlertPipeline) -> None:
    desk.set_pyramiding(2)
    desk.send(LONG, LONG | {"ticker": "XRPUSDT.P"})

    desk.send(exit_of())

    (trade,), (incident,) = desk.open_real(), desk.incidents()
    assert (trade["exchange"], incident["subject"]) == ("", str(trade["trade_id"]))
