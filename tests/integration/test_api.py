"""The HTTP API: as a stranger, with a wrong token, and as an operator."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from stack.servers import ServerUrls
from tests.support.api import PREFIX, REASON, REDIS_DB, TOKEN, Service, start_api
from tests.support.pipeline import prepared, settings_for, store_signal
from tests.support.servers.stacks import a_stack, with_redis_database

RERUN, REDRIVE = "/signals/rerun", "/signals/redrive"
ROUTES = (RERUN, REDRIVE)
PROBLEM = "application/problem+json"


@pytest.fixture
def redis_url(server_urls: ServerUrls) -> str:
    return with_redis_database(server_urls.redis_url, REDIS_DB)


@contextmanager
def a_service(database_url: str, redis_url: str, **environ: str) -> Iterator[Service]:
    prepared(database_url, redis_url).database.dispose()
    with start_api(settings_for(database_url, redis_url, LOG_LEVEL="ERROR", **environ), redis_url=redis_url) as made:
        made.redis.flushdb()
        yield made
        made.redis.flushdb()


@pytest.fixture
def service(database_url: str, redis_url: str) -> Iterator[Service]:
    with a_service(database_url, redis_url, API_TOKEN=TOKEN) as made:
        yield made


def test_without_the_token_nothing_is_done_and_nothing_is_told(service: Service) -> None:
    signal_id = service.store_dead_signal()

    answers = [
        service.post(path, {"ids": [str(signal_id)], "reason": REASON}, token=token)
        for path in (*ROUTES, "/no/such/route", "//signals/rerun")
        for token in (None, "", "wrong", TOKEN[:-1], TOKEN + "x", "ü" * 40)
    ]
    others = [
        service.client.get(path)
        for path in (*(PREFIX + one for one in ROUTES), "/api/", "/api//v1/signals", "/api/v1/openapi.json")
    ]
    others.append(service.client.post("/", environ_overrides={"PATH_INFO": f"/{PREFIX}{RERUN}"}))
    others.append(service.client.options(PREFIX + RERUN))

    documents = [one.get_json() for one in (*answers, *others)]
    assert {one.status_code for one in (*answers, *others)} == {401}
    assert {one.headers["WWW-Authenticate"] for one in (*answers, *others)} == {"Bearer"}
    assert {one.content_type for one in (*answers, *others)} == {PROBLEM}
    assert len({json.dumps(one | {"request_id": ""}) for one in documents}) == 1
    assert service.rows("SELECT status FROM signals") == [{"status": "dead"}]
    assert service.rows("SELECT FROM audit_log") == []


def test_the_token_counts_only_as_a_bearers(service: Service) -> None:
    for header in (TOKEN, f"Basic {TOKEN}", f"Token {TOKEN}", "Bearer", f"Bearer\t{TOKEN}"):
        assert service.client.post(PREFIX + RERUN, headers={"Authorization": header}).status_code == 401


@pytest.mark.parametrize("host", ["a/b", 'a"b', "user@host", "a, b"])
def test_a_host_that_cannot_be_makes_no_url(service: Service, host: str) -> None:
    token = service.post("/sources", {"name": "desk"}).get_json()["token"]

    shown = service.get("/sources/desk", Host=host).get_json()

    assert (shown["token"], shown["url"]) == (token, None)
    assert service.get("/sources/desk", Host="here.example").get_json()["url"] == f"http://here.example/webhook/{token}"


def test_without_a_token_in_the_settings_nobody_gets_in(database_url: str, redis_url: str) -> None:
    with a_service(database_url, redis_url) as service:
        assert [service.post(path, {}, token=token).status_code for path in ROUTES for token in ("", None, "None")] == [
            401
        ] * 6


def test_with_the_token_what_is_not_there_is_not_found(service: Service) -> None:
    missing, wrong = service.get("/no/such/route", token=None, Authorization=f"bearer {TOKEN}"), service.get(RERUN)

    assert (missing.status_code, missing.content_type, missing.get_json()["title"]) == (404, PROBLEM, "Not Found")
    assert (wrong.status_code, wrong.content_type) == (405, PROBLEM)
    assert wrong.headers["Allow"] == "POST"


def test_a_dead_signal_is_rerun_sent_on_and_written_down(service: Service) -> None:
    signal_id = service.store_dead_signal()

    answer = service.post(RERUN, {"ids": [str(signal_id), str(signal_id)], "reason": REASON})

    document = answer.get_json()
    assert answer.status_code == 200
    assert document.pop("request_id")
    assert document == {"status": "rerun", "signal_ids": [str(signal_id)], "enqueued": True}
    assert service.rows("SELECT status, attempts FROM signals") == [{"status": "open", "attempts": 0}]
    assert service.count_queued_tasks() == 1
    assert service.rows("SELECT actor, action, reason FROM audit_log") == [
        {"actor": "api", "action": "signals.rerun", "reason": REASON}
    ]


def test_a_rerun_that_is_refused_says_why_for_each_id_and_does_nothing(service: Service) -> None:
    dead, missing = service.store_dead_signal(), uuid4()
    done = store_signal(service.database, status="done", stage=5, processed=True)

    answer = service.post(RERUN, {"ids": [str(dead), str(done), str(missing)], "reason": REASON})

    assert answer.status_code == 409
    assert answer.get_json()["refused"] == {str(done): "it is done", str(missing): "there is no such signal"}
    assert service.rows("SELECT FROM signals WHERE status = 'open'") == []
    assert service.count_queued_tasks() == 0


def test_a_message_that_can_be_read_now_becomes_a_signal_and_twice_the_same(service: Service) -> None:
    event_id = service.store_quarantined_message({"symbol": "BTCUSDT", "action": "buy", "id": "1"})

    first, second = (service.post(REDRIVE, {"ids": [str(event_id)], "reason": REASON}) for _ in range(2))

    (accepted,), (again,) = first.get_json()["events"], second.get_json()["events"]
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.get_json()["enqueued"]
    assert (accepted["status"], accepted["stale"], again["status"]) == ("accepted", False, "duplicate")
    assert accepted["signal_ids"] == again["signal_ids"]
    assert [str(one["signal_id"]) for one in service.rows("SELECT signal_id FROM signals")] == accepted["signal_ids"]
    assert service.count_queued_tasks() == 1


def test_a_message_that_still_cannot_be_read_names_the_field_and_the_others_are_redriven(service: Service) -> None:
    bad = service.store_quarantined_message({"symbol": "BTCUSDT", "action": "dance"})
    good = service.store_quarantined_message({"symbol": "BTCUSDT", "action": "buy"})
    missing = uuid4()

    answer = service.post(REDRIVE, {"ids": [str(bad), str(good), str(missing)], "reason": REASON})

    first, second, third = answer.get_json()["events"]
    assert answer.status_code == 409
    assert (first["status"], list(first["errors"])) == ("quarantined", ["action"])
    assert second["status"] == "accepted"
    assert list(third["errors"]) == ["event_id"]
    assert service.rows("SELECT event_id FROM webhook_events WHERE redriven_at IS NULL") == [{"event_id": bad}]


BAD: list[tuple[Any, str]] = [
    (b"", "body"),
    (b"{", "body"),
    (b"[" * 60_000, "body"),
    (b'["a"]', "body"),
    (b'{"ids": [], "reason": "\\ud800"}', "body"),
    (b'{"ids": [], "reason": "\xff"}', "body"),
    (b'{"a": ' + b"9" * 5000 + b"}", "body"),
    ({"reason": REASON}, "ids"),
    ({"ids": [], "reason": REASON}, "ids"),
    ({"ids": ["17"], "reason": REASON}, "ids"),
    ({"ids": [str(uuid4()) for _ in range(101)], "reason": REASON}, "ids"),
    ({"ids": "all", "reason": REASON}, "ids"),
    ({"ids": [str(uuid4())]}, "reason"),
    ({"ids": [str(uuid4())], "reason": "  "}, "reason"),
    ({"ids": [str(uuid4())], "reason": "x\x00"}, "reason"),
    ({"ids": [str(uuid4())], "reason": "x" * 501}, "reason"),
    ({"ids": [str(uuid4())], "reason": REASON, "force": True}, "force"),
]


@pytest.mark.parametrize("path", ROUTES)
def test_bad_input_is_named_by_its_field(service: Service, path: str) -> None:
    answers = [(service.post(path, body), field) for body, field in BAD]

    for answer, field in answers:
        document = answer.get_json()
        assert (answer.status_code, document["status"], list(document["errors"])) == (422, 422, [field])
        assert answer.content_type == PROBLEM
        assert document["request_id"]
    assert service.rows("SELECT FROM audit_log") == []


def test_a_body_that_is_too_large_is_refused(service: Service) -> None:
    answer = service.post(RERUN, b"x" * 65_537)

    assert (answer.status_code, answer.content_type) == (413, PROBLEM)


@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain", ""])
def test_a_body_that_does_not_say_that_it_is_json_is_refused(service: Service, content_type: str) -> None:
    body = json.dumps({"ids": [str(service.store_dead_signal())], "reason": REASON})

    answer = service.client.post(
        PREFIX + RERUN, data=body, headers={"Authorization": f"Bearer {TOKEN}"}, content_type=content_type or None
    )

    assert (answer.status_code, answer.content_type) == (415, PROBLEM)
    assert service.rows("SELECT FROM signals WHERE status = 'open'") == []


def test_without_a_broker_the_rows_are_due_and_the_answer_comes_in_time(database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections and never answers
        redis_url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        prepared(database_url, redis_url).database.dispose()
        settings = settings_for(database_url, redis_url, API_TOKEN=TOKEN, LOG_LEVEL="ERROR")
        with start_api(settings, redis_url=redis_url) as service:
            ids = [service.store_dead_signal() for _ in range(20)]
            event_id = service.store_quarantined_message({"symbol": "BTCUSDT", "action": "buy"})

            begun = time.monotonic()
            rerun = service.post(RERUN, {"ids": [str(one) for one in ids], "reason": REASON})
            redriven = service.post(REDRIVE, {"ids": [str(event_id)], "reason": REASON})
            took_s = time.monotonic() - begun

            assert (rerun.status_code, rerun.get_json()["enqueued"]) == (200, False)
            assert (redriven.status_code, redriven.get_json()["enqueued"]) == (200, False)
            assert took_s < 10
            due = "SELECT FROM signals WHERE status = 'open' AND next_attempt_at <= now() AND processing_lock IS NULL"
            assert len(service.rows(due)) == 21


def test_the_web_process_makes_itself_a_token_and_takes_it(
    server_urls: ServerUrls, template_database: str, tmp_path: Path
) -> None:
    with a_stack(server_urls, template_database, tmp_path, redis_db=REDIS_DB) as stack:
        stack.start_web()
        file = tmp_path / "api_token"
        body = json.dumps({"ids": [str(uuid4())], "reason": REASON}).encode()

        told = [
            status(stack.web_url + PREFIX + RERUN, body, token=token)
            for token in (file.read_text().strip(), "a wrong one")
        ]

    assert told == [409, 401]
    assert file.stat().st_mode & 0o777 == 0o600


def status(url: str, body: bytes, *, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, body, headers)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
