"""Which repetitions of a body are one alert, and which are a new order: by what came between them."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from tests.support.alert_pipeline import firing_time
from tests.support.webhook import WebhookApp, a_replay_book, move_clock, start_webhook_app, utc

BUY: dict[str, Any] = {"ticker": "MNQ1!", "action": "buy", "price": "17500"}
SELL: dict[str, Any] = BUY | {"action": "sell", "market_position": "short"}
EXIT: dict[str, Any] = {"ticker": "MNQ1!", "action": "exit", "direction": "long", "price": "17510"}
BAR: dict[str, Any] = {"time": "2024-01-31T12:00:00Z", "interval": "5"}


@pytest.fixture
def webhook(database_url: str) -> Iterator[WebhookApp]:
    with start_webhook_app(database_url) as running:
        yield running


def statuses(webhook: WebhookApp, *bodies: dict[str, Any]) -> list[str]:
    return [webhook.post(body)[1]["status"] for body in bodies]


@pytest.mark.parametrize("stated", [{}, BAR], ids=["without a time", "of one bar"])
def test_an_entry_after_an_exit_is_a_new_one_within_seconds(webhook: WebhookApp, stated: dict[str, Any]) -> None:
    buy, leave = BUY | stated, EXIT | stated

    answers = statuses(webhook, buy, buy, leave, buy, buy, leave, leave, buy)

    assert answers == [
        "accepted",
        "duplicate",
        "accepted",
        "accepted",
        "duplicate",
        "accepted",
        "duplicate",
        "accepted",
    ]


@pytest.mark.parametrize("stated", [{}, BAR], ids=["without a time", "of one bar"])
def test_an_entry_after_an_opposite_one_is_a_new_one(webhook: WebhookApp, stated: dict[str, Any]) -> None:
    buy, sell = BUY | stated, SELL | stated

    assert statuses(webhook, buy, sell, buy, sell) == ["accepted"] * 4


@pytest.mark.parametrize(
    "between",
    [
        EXIT | {"direction": "short"},
        EXIT | {"ticker": "NQ1!"},
        EXIT | {"strategy": "another"},
        BUY | {"price": "17501"},
    ],
    ids=["exit of the other side", "another symbol", "another strategy", "an entry of the same side"],
)
def test_what_does_not_close_the_key_makes_no_new_order(webhook: WebhookApp, between: dict[str, Any]) -> None:
    assert statuses(webhook, BUY, between, BUY) == ["accepted", "accepted", "duplicate"]


def test_alerts_of_one_bar_that_differ_in_their_firing_time_are_one(webhook: WebhookApp) -> None:
    buy = BUY | BAR

    answers = statuses(
        webhook,
        buy | {"timenow": "2024-01-31T12:05:01Z"},
        buy | {"timenow": "2024-01-31T12:05:02Z"},
        buy | {"timenow": "2024-01-31T12:05:02Z", "price": "17501"},
        buy | {"time": "2024-01-31T12:05:00Z", "timenow": "2024-01-31T12:10:02Z"},
    )

    assert answers == ["accepted", "duplicate", "accepted", "accepted"]


def test_a_delivery_that_is_repeated_after_its_exit_is_still_the_same_alert(webhook: WebhookApp) -> None:
    buy = BUY | BAR | {"timenow": firing_time(-5)}
    leave = EXIT | BAR | {"timenow": firing_time(-3)}

    answers = statuses(webhook, buy, leave, buy, buy | {"timenow": firing_time(-1)})

    assert answers == ["accepted", "accepted", "duplicate", "accepted"]


def test_alerts_without_a_bar_that_fired_at_different_times_are_several(webhook: WebhookApp) -> None:
    answers = statuses(webhook, BUY | {"timenow": firing_time(-2)}, BUY | {"timenow": firing_time(-1)})

    assert answers == ["accepted", "accepted"]


def test_alerts_in_one_body_are_numbered_in_their_order(webhook: WebhookApp) -> None:
    status, answer = webhook.post([BUY, EXIT, BUY, BUY])

    assert status == 200
    assert len(webhook.rows("SELECT 1 FROM signals")) == 3
    assert [part["status"] for part in answer["signals"]] == ["accepted", "accepted", "accepted", "duplicate"]


def test_many_at_once_become_one_signal_for_each_order(webhook: WebhookApp) -> None:
    statuses(webhook, BUY, EXIT)

    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda body: webhook.post(body)[1]["status"], [BUY] * 16))

    assert sorted(answers) == ["accepted"] + ["duplicate"] * 15


def test_a_repetition_is_judged_on_the_books_clock(webhook: WebhookApp) -> None:
    noon = utc(2024, 1, 31, 12)
    book, token = a_replay_book(webhook, at=noon)

    answers = []
    for seconds, body in ((0, BUY), (5, EXIT), (10, BUY), (30, BUY), (71, BUY)):
        move_clock(webhook, book, noon + timedelta(seconds=seconds))
        answers.append(webhook.post(body, token=token)[1]["status"])

    assert answers == ["accepted", "accepted", "accepted", "duplicate", "accepted"]
