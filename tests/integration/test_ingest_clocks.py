"""Ingest and time: whose clock counts, what is stale, what comes again, and which bars are kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from tests.support.webhook import WebhookApp, a_replay_book, move_clock, start_webhook_app, utc

ENTRY = {"symbol": "BINANCE:BTCUSDT.P", "action": "buy", "price": "43250.50", "interval": "5", "id": "first"}
BAR = {"time": "2024-01-31T12:00:00Z", "interval": "5", "open": 1, "high": 3, "low": "0.5", "close": 2, "volume": 10}


@pytest.fixture
def webhook(database_url: str) -> Iterator[WebhookApp]:
    with start_webhook_app(database_url) as running:
        yield running


def test_identical_bodies_without_id_or_time_are_one_alert_for_a_minute_of_the_books_clock(webhook: WebhookApp) -> None:
    noon = utc(2024, 1, 31, 12)
    book, token = a_replay_book(webhook, at=noon)
    body = {"symbol": "BTCUSDT", "action": "buy"}

    answers = []
    for seconds in (0, 30, 59, 60, 90, 121):
        move_clock(webhook, book, noon + timedelta(seconds=seconds))
        answers.append(webhook.post(body, token=token)[1])

    said = [answer["status"] for answer in answers]
    assert said == ["accepted", "duplicate", "duplicate", "accepted", "duplicate", "accepted"]
    assert len({answer["signal_id"] for answer in answers}) == 3
    assert answers[2]["signal_id"] == answers[0]["signal_id"]
    rows = webhook.rows("SELECT occurrence, received_at FROM signals ORDER BY seq")
    assert [(row["occurrence"], (row["received_at"] - noon).total_seconds()) for row in rows] == [
        (0, 0.0),
        (1, 60.0),
        (2, 121.0),
    ]


def test_daily_bars_of_a_stock_are_kept_when_their_alerts_fire_at_the_close(webhook: WebhookApp) -> None:
    alert = {"symbol": "NASDAQ:AAPL", "action": "buy", "price": "100", "interval": "1D"}
    prices = {"open": 99, "high": 101, "low": 98, "close": 100}

    for day in (2, 3, 4, 5, 8, 9):
        fired = {"timenow": f"2024-01-{day:02}T21:00:01Z", "time": f"2024-01-{day:02}T14:30:00Z"}
        status, _ = webhook.post(alert | fired | {"bar": prices | {"time": fired["time"]}})
        assert status == 200

    kept = webhook.rows("SELECT open_time, close_time FROM bars ORDER BY open_time")
    assert len(kept) == 6
    assert (kept[0]["open_time"], kept[0]["close_time"]) == (utc(2024, 1, 2, 14, 30), utc(2024, 1, 2, 21))


def test_a_source_names_the_calendar_with_whose_sessions_its_bars_close(webhook: WebhookApp) -> None:
    token = webhook.add_source(name="unlisted", calendar="XNYS")
    prices = {"open": 99, "high": 101, "low": 98, "close": 100, "time": "2024-11-29T14:30:00Z"}
    alert = {"symbol": "AAPL", "action": "buy", "interval": "1D", "timenow": "2024-11-29T18:00:01Z", "bar": prices}

    webhook.post(alert)
    webhook.post(alert, token=token)

    (kept,) = webhook.rows("SELECT open_time, close_time FROM bars")
    assert (kept["open_time"], kept["close_time"]) == (utc(2024, 11, 29, 14, 30), utc(2024, 11, 29, 18))


def test_identical_bodies_with_a_time_stay_one_alert_for_ever(webhook: WebhookApp) -> None:
    noon = utc(2024, 1, 31, 12)
    book, token = a_replay_book(webhook, at=noon)
    body = {"symbol": "BTCUSDT", "action": "buy", "timenow": "2024-01-31T12:00:00Z"}
    _, first = webhook.post(body, token=token)

    move_clock(webhook, book, noon + timedelta(days=1))
    _, second = webhook.post(body, token=token)

    assert second["status"] == "duplicate"
    assert second["signal_id"] == first["signal_id"]
    assert second["flags"] == []


@pytest.mark.parametrize(
    ("times", "flags"),
    [
        ({"timenow": "2024-01-31T11:55:00Z"}, []),
        ({"timenow": "2024-01-31T11:54:59Z"}, ["stale"]),
        ({"time": "2024-01-31T10:55:00Z", "interval": "60"}, []),
        ({"time": "2024-01-31T10:54:59Z", "interval": "60"}, ["stale"]),
        ({"timenow": "2024-01-31T12:05:01Z"}, ["stale"]),
        ({}, []),
    ],
)
def test_only_what_came_too_late_or_from_the_future_is_stale(
    webhook: WebhookApp, times: dict[str, str], flags: list[str]
) -> None:
    _, token = a_replay_book(webhook, at=utc(2024, 1, 31, 12))

    status, document = webhook.post({"symbol": "BTCUSDT", "action": "buy"} | times, token=token)

    assert (status, document["flags"]) == (200, flags)
    assert webhook.rows("SELECT flags FROM signals") == [{"flags": flags}]


def test_a_replay_receives_on_its_own_clock_and_paper_on_the_wall_clock(webhook: WebhookApp) -> None:
    _, token = a_replay_book(webhook, at=utc(2012, 2, 1))
    before = datetime.now(UTC)

    webhook.post(ENTRY, token=token)
    webhook.post(ENTRY)

    received = {row["book"]: row["received_at"] for row in webhook.rows("SELECT book, received_at FROM signals")}
    assert received["replay:0123456789ab"] == utc(2012, 2, 1)
    assert before <= received["paper"] <= datetime.now(UTC)


def test_a_bar_that_comes_after_a_newer_one_of_its_symbol_is_noted_as_late(webhook: WebhookApp) -> None:
    for minute in ("12:00", "12:10", "12:05", "12:05"):
        webhook.post({"symbol": "BTCUSDT", "action": "buy"} | BAR | {"time": f"2024-01-31T{minute}:00Z"})

    late = webhook.rows("SELECT symbol, open_time, settled_at FROM late_bars")
    assert late == [{"symbol": "BTCUSDT", "open_time": utc(2024, 1, 31, 12, 5), "settled_at": None}]


def test_a_bar_that_an_alert_carries_is_kept_and_its_first_value_stays(webhook: WebhookApp) -> None:
    webhook.post({"symbol": "BTCUSDT", "action": "buy"} | BAR)

    webhook.post({"symbol": "BTCUSDT", "action": "buy"} | BAR | {"close": 2.5})

    [bar] = webhook.rows("SELECT * FROM bars")
    assert (bar["book"], bar["symbol"], bar["interval"], bar["side"]) == ("paper", "BTCUSDT", "5m", "mid")
    assert (bar["open_time"], bar["close_time"]) == (utc(2024, 1, 31, 12), utc(2024, 1, 31, 12, 5))
    assert [bar[name] for name in ("open", "high", "low", "close", "volume")] == [
        Decimal(text) for text in ("1", "3", "0.5", "2", "10")
    ]


@pytest.mark.parametrize(
    "change",
    [{"high": "1.5"}, {"low": "NaN"}, {"interval": ""}, {"timenow": "2024-01-31T12:04:00Z"}, {"close": -1}],
)
def test_a_bar_that_is_not_whole_consistent_and_closed_is_not_kept(
    webhook: WebhookApp, change: dict[str, object]
) -> None:
    status, _ = webhook.post({"symbol": "BTCUSDT", "action": "buy", "price": 2} | BAR | change)

    assert status == 200
    assert webhook.rows("SELECT FROM bars") == []


def test_a_replay_takes_no_bars_from_alerts(webhook: WebhookApp) -> None:
    _, token = a_replay_book(webhook, at=utc(2024, 1, 31, 12, 5))

    status, _ = webhook.post({"symbol": "BTCUSDT", "action": "buy"} | BAR, token=token)

    assert status == 200
    assert webhook.rows("SELECT FROM bars") == []
