"""The webhook over a real database: what is answered, and which rows stand behind each answer."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from uuid import UUID

import pytest

from tests.support.webhook import WebhookApp, start_webhook_app, wait_for

ENTRY = {"symbol": "BINANCE:BTCUSDT.P", "action": "buy", "price": "43250.50", "interval": "5", "id": "first"}


@pytest.fixture
def webhook(database_url: str) -> Iterator[WebhookApp]:
    with start_webhook_app(database_url) as running:
        yield running


def test_an_accepted_alert_is_answered_after_its_row_is_committed(webhook: WebhookApp) -> None:
    status, document = webhook.post(ENTRY)

    assert status == 200
    assert document["status"] == "accepted"
    assert document["flags"] == []
    assert set(document) == {"status", "signal_id", "signal_hash", "flags", "request_id", "processing_time_ms"}
    [row] = webhook.rows("SELECT * FROM signals")
    assert (str(row["signal_id"]), row["signal_hash"]) == (document["signal_id"], document["signal_hash"])
    assert (row["symbol"], row["exchange"], row["instrument_kind"]) == ("BTCUSDT", "BINANCE", "perp")
    assert (row["direction"], row["action"], row["timeframe"]) == ("long", "entry", "5m")
    assert row["price"] == Decimal("43250.50")
    assert (row["book"], row["source"], row["stage"], row["status"]) == ("paper", "desk", 0, "open")


@pytest.mark.parametrize("body", [b'{"symbol": "BTCUSDT", "action": "buy"}', b"?"])
def test_an_answer_is_one_line_of_json(webhook: WebhookApp, body: bytes) -> None:
    answer = webhook.client.post(f"/webhook/{webhook.token}", data=body).get_data()

    assert answer.endswith(b"}\n")
    assert answer.count(b"\n") == 1


def test_committed_signals_are_announced_to_the_pipeline_once(webhook: WebhookApp) -> None:
    _, document = webhook.post(ENTRY)
    webhook.post(ENTRY)

    webhook.post(ENTRY | {"id": "second"})
    wait_for(lambda: len(webhook.announced) >= 2)

    assert webhook.announced[0] == UUID(document["signal_id"])
    assert len(set(webhook.announced)) == len(webhook.announced) == 2


def test_twenty_identical_webhooks_at_once_make_one_signal_and_all_get_its_id(webhook: WebhookApp) -> None:
    barrier = Barrier(20)

    def post(_: int) -> tuple[int, str, str]:
        barrier.wait()
        status, document = webhook.post(ENTRY)
        return status, document["status"], document["signal_id"]

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(post, range(20)))

    [row] = webhook.rows("SELECT signal_id FROM signals")
    assert {(status, identifier) for status, _, identifier in answers} == {(200, str(row["signal_id"]))}
    assert sorted(said for _, said, _ in answers) == ["accepted"] + ["duplicate"] * 19


def test_broken_json_is_quarantined_with_its_bytes(webhook: WebhookApp) -> None:
    status, document = webhook.post(b'{"symbol": "BTCUSDT", "action": "buy", "comment": "cut of')

    assert (status, document["status"]) == (422, "quarantined")
    [row] = webhook.rows("SELECT * FROM webhook_events")
    assert str(row["event_id"]) == document["event_id"]
    assert row["raw_body"] == b'{"symbol": "BTCUSDT", "action": "buy", "comment": "cut of'
    assert (row["kind"], row["source"], row["book"]) == ("quarantined", "desk", "paper")
    assert row["content_type"] == "text/plain; charset=utf-8"
    assert row["errors"] == document["errors"]
    assert webhook.rows("SELECT FROM signals") == []


def test_a_missing_direction_is_quarantined_and_the_answer_names_what_is_missing(webhook: WebhookApp) -> None:
    status, document = webhook.post({"symbol": "BTCUSDT", "price": 1})

    assert status == 422
    assert list(document["errors"]) == ["direction"]
    assert "exit" in document["errors"]["direction"][0]


def test_each_field_that_is_wrong_is_named(webhook: WebhookApp) -> None:
    status, document = webhook.post(
        {"symbol": "??", "action": "sell", "price": "dear", "interval": "R5", "time": "noon"}
    )

    assert status == 422
    assert set(document["errors"]) == {"symbol", "action", "price", "interval", "time"}


def test_a_bare_nan_as_price_is_a_missing_price(webhook: WebhookApp) -> None:
    status, _ = webhook.post(b'{"symbol": "BTCUSDT", "action": "buy", "price": NaN, "comment": "NaN is kept here"}')

    assert status == 200
    [row] = webhook.rows("SELECT price, raw_payload FROM signals")
    assert row["price"] is None
    assert row["raw_payload"]["comment"] == "NaN is kept here"


@pytest.mark.parametrize("price", ["1e-31", -1, "Infinity", "1e999", True])
def test_a_price_that_is_none_is_named(webhook: WebhookApp, price: object) -> None:
    status, document = webhook.post(ENTRY | {"price": price})

    assert (status, list(document["errors"])) == (422, ["price"])


def test_a_megabyte_keeps_its_first_64_kb_and_is_refused(webhook: WebhookApp) -> None:
    status, document = webhook.post(b"x" * 1_000_000)

    assert (status, document["status"]) == (413, "oversized")
    [row] = webhook.rows("SELECT kind, raw_body, event_id FROM webhook_events")
    assert (row["kind"], row["raw_body"]) == ("oversized", b"x" * 65_536)
    assert str(row["event_id"]) == document["event_id"]


def test_a_body_of_exactly_64_kb_is_read(webhook: WebhookApp) -> None:
    body = b'{"symbol": "BTCUSDT", "action": "buy", "comment": "' + b"x" * (65_536 - 53) + b'"}'

    status, _ = webhook.post(body)

    assert len(body) == 65_536
    assert status == 200


@pytest.mark.parametrize("body", [b'{"symbol": "BTCUSDT", "action": "buy"}', b"x" * 1_000_000])
def test_an_unknown_token_is_refused_and_nothing_is_kept(webhook: WebhookApp, body: bytes) -> None:
    answer = webhook.client.post("/webhook/" + "A" * 43, data=body)

    assert (answer.status_code, answer.get_json()["status"]) == (401, "unauthorized")
    assert webhook.rows("SELECT FROM signals") == webhook.rows("SELECT FROM webhook_events") == []


def test_a_disabled_source_is_refused_like_an_unknown_one(webhook: WebhookApp) -> None:
    token = webhook.add_source(name="retired")
    with webhook.database.transaction() as session:
        session.connection().exec_driver_sql("UPDATE sources SET enabled = false WHERE name = 'retired'")

    status, document = webhook.post(ENTRY, token=token)

    assert (status, document["status"]) == (401, "unauthorized")


def test_an_address_that_is_not_on_the_list_is_refused_like_a_stranger_whatever_its_token(database_url: str) -> None:
    listed = {"SENDER_ADDRESSES": "tradingview, 198.51.100.0/24", "TRUSTED_PROXIES": "1"}
    with start_webhook_app(database_url, environ=listed) as webhook:
        statuses = [
            webhook.client.post(f"/webhook/{webhook.token}", json=ENTRY, headers={"X-Forwarded-For": told}).status_code
            for told in ("203.0.113.9", "198.51.100.7, 203.0.113.9", "52.89.214.238", "203.0.113.9, 198.51.100.7")
        ]
        unlisted = webhook.client.post(f"/webhook/{webhook.token}", json=ENTRY).status_code

    assert statuses == [401, 401, 200, 200]
    assert unlisted == 401


def test_without_tradingviews_certificate_an_alert_is_refused_like_a_strangers(database_url: str) -> None:
    asked = {"CLIENT_CERTIFICATE_HEADER": "ClientSubject", "TRUSTED_PROXIES": "1"}
    ours, evil = r"CN=TradingView Webhooks,O=TradingView\, Inc.", r"CN=TradingView Webhooks,O=Evil"
    with start_webhook_app(database_url, environ=asked) as webhook:
        url = f"/webhook/{webhook.token}"
        told = [webhook.client.post(url, json=ENTRY, headers={"ClientSubject": one}) for one in (evil, ours)]
        missing = webhook.client.post(url, json=ENTRY)
        doubled = webhook.client.post(url, json=ENTRY, headers=[("ClientSubject", ours), ("ClientSubject", ours)])

    assert [one.status_code for one in told] == [401, 200]
    assert [one.get_json()["status"] for one in (missing, doubled)] == ["unauthorized", "unauthorized"]


def test_no_other_method_is_answered(webhook: WebhookApp) -> None:
    answer = webhook.client.get(f"/webhook/{webhook.token}")

    assert answer.status_code == 405
    assert answer.get_json()["status"] == "method_not_allowed"


def test_an_array_is_answered_part_by_part_with_the_first_on_top(webhook: WebhookApp) -> None:
    status, document = webhook.post([ENTRY, ENTRY | {"id": "second"}, ENTRY])

    assert status == 200
    assert [part["status"] for part in document["signals"]] == ["accepted", "accepted", "duplicate"]
    assert document["signal_id"] == document["signals"][0]["signal_id"] == document["signals"][2]["signal_id"]
    ordered = webhook.rows("SELECT signal_id FROM signals ORDER BY seq")
    assert [str(row["signal_id"]) for row in ordered] == [part["signal_id"] for part in document["signals"][:2]]


def test_a_bad_part_of_an_array_is_quarantined_alone_with_its_own_bytes(webhook: WebhookApp) -> None:
    status, document = webhook.post(b'[{"symbol": "BTCUSDT"}, {"symbol": "ETHUSDT", "action": "buy"}]')

    assert (status, document["status"]) == (200, "accepted")
    assert [part["status"] for part in document["signals"]] == ["quarantined", "accepted"]
    [event] = webhook.rows("SELECT raw_body FROM webhook_events")
    assert event["raw_body"] == b'{"symbol": "BTCUSDT"}'
    [signal] = webhook.rows("SELECT symbol, raw_body FROM signals")
    assert (signal["symbol"], signal["raw_body"]) == ("ETHUSDT", b'{"symbol": "ETHUSDT", "action": "buy"}')


def test_a_test_alert_goes_to_the_test_book_whatever_its_source(webhook: WebhookApp) -> None:
    webhook.post(ENTRY | {"is_test": "true"})

    [row] = webhook.rows("SELECT book, is_test FROM signals")
    assert (row["book"], row["is_test"]) == ("test", True)


def test_secrets_of_a_payload_are_hidden_but_its_bytes_are_kept(webhook: WebhookApp) -> None:
    webhook.post(ENTRY | {"passphrase": "CANARY", "nested": {"API_Key": ["CANARY"]}, "symbolkey_note": "kept"})

    [row] = webhook.rows("SELECT raw_payload, raw_body FROM signals")
    assert "CANARY" not in str(row["raw_payload"])
    assert row["raw_payload"]["passphrase"] == row["raw_payload"]["nested"]["API_Key"] == "***"
    assert row["raw_payload"]["symbolkey_note"] == "kept"
    assert b"CANARY" in row["raw_body"]


def test_two_orders_in_one_bar_are_two_signals(webhook: WebhookApp) -> None:
    order = {"symbol": "BTCUSDT", "action": "buy", "time": "2024-01-31T12:00:00Z", "price": 10, "comment": "a"}

    answers = [
        webhook.post(order | change)[1]
        for change in ({}, {"price": 11}, {"comment": "b"}, {"order_id": "2"}, {"time": "2024-01-31T12:05:00Z"})
    ]

    assert {answer["status"] for answer in answers} == {"accepted"}
    assert len({answer["signal_id"] for answer in answers}) == 5


def test_the_same_alert_of_two_sources_or_books_is_two_signals(webhook: WebhookApp) -> None:
    other = webhook.add_source(name="other")

    ids = {webhook.post(ENTRY)[1]["signal_id"], webhook.post(ENTRY, token=other)[1]["signal_id"]}
    ids.add(webhook.post(ENTRY | {"is_test": 1})[1]["signal_id"])

    assert len(ids) == 3


def test_every_answer_forbids_sniffing_framing_and_storing(webhook: WebhookApp) -> None:
    answers = [webhook.client.post("/webhook/x"), webhook.client.get("/healthz"), webhook.client.get("/no/such/page")]

    for answer in answers:
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.is_json
