"""Answers of the webhook about an alert's meaning: flags of exits, missing time zones, refusals with their cause."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from tests.support.webhook import WebhookApp, start_webhook_app

INDIA = timedelta(hours=5, minutes=30)


@pytest.fixture
def webhook(database_url: str) -> Iterator[WebhookApp]:
    with start_webhook_app(database_url) as running:
        yield running


def now_in_india() -> str:
    """Return the time of an Indian clock, without its zone."""
    return f"{datetime.now(UTC) + INDIA:%Y-%m-%dT%H:%M:%S}"


def test_the_flags_of_an_exit_are_stored_and_answered(webhook: WebhookApp) -> None:
    exit_alert = {"ticker": "CL1!", "action": "sell", "market_position": "flat", "prev_market_position": "long"}

    status, document = webhook.post(exit_alert | {"price": "-37.63", "triggered_at": "2:34 pm"})

    assert (status, document["status"]) == (200, "accepted")
    assert document["flags"] == ["time_unreadable", "price_unreadable"]
    [row] = webhook.rows("SELECT direction, action, price, event_at, flags FROM signals")
    assert row == {"direction": "long", "action": "exit", "price": None, "event_at": None, "flags": document["flags"]}


def test_an_exit_that_is_stale_and_has_a_bad_price_says_both(webhook: WebhookApp) -> None:
    _, document = webhook.post(
        {"ticker": "CL1!", "action": "exit_long", "price": "-1", "timenow": "2024-01-31T12:00:00Z"}
    )

    assert document["flags"] == ["stale", "price_unreadable"]


def test_a_local_time_without_its_zone_is_refused_with_the_zone_that_it_lacks(webhook: WebhookApp) -> None:
    status, document = webhook.post({"symbol": "NSE:RELIANCE", "action": "BUY", "timestamp": now_in_india()})

    assert (status, document["status"]) == (422, "quarantined")
    [error] = document["errors"]["timestamp"]
    assert error.startswith("its time is 5 h 30 min in the future: does it lack +05:30?")


def test_a_source_with_a_time_zone_takes_local_times(webhook: WebhookApp) -> None:
    token = webhook.add_source(name="india", timezone="Asia/Kolkata")

    status, document = webhook.post(
        {"symbol": "NSE:RELIANCE", "action": "BUY", "timestamp": now_in_india()}, token=token
    )

    assert (status, document["flags"]) == (200, [])
    [row] = webhook.rows("SELECT event_at FROM signals")
    assert abs(row["event_at"] - datetime.now(UTC)) < timedelta(minutes=1)


def test_an_exit_without_its_zone_is_accepted_without_its_time(webhook: WebhookApp) -> None:
    _, document = webhook.post({"symbol": "NSE:RELIANCE", "action": "exit_long", "timestamp": now_in_india()})

    assert (document["status"], document["flags"]) == ("accepted", ["time_zone_missing"])


def test_a_cover_is_stored_as_the_exit_that_it_is(webhook: WebhookApp) -> None:
    webhook.post({"ticker": "SPY", "action": "sell", "market_position": "short", "prev_market_position": "flat"})
    webhook.post({"ticker": "SPY", "action": "buy", "comment": "EOD Close", "price": "495"})

    rows = webhook.rows("SELECT direction, action FROM signals ORDER BY seq")
    assert [(row["direction"], row["action"]) for row in rows] == [("short", "entry"), ("short", "exit")]


def test_a_refused_message_answers_with_the_placeholder_that_was_not_replaced(webhook: WebhookApp) -> None:
    status, document = webhook.post({"ticker": "{{ticker}}", "action": "buy"})

    assert status == 422
    assert document["errors"]["symbol"][-1] == "TradingView did not replace {{ticker}} in ticker"
