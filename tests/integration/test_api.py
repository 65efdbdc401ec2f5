"""The HTTP API: as a stranger, with a wrong token, and as an operator."""

from __future__ import annotations

import json
import socket
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
import structlog
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy import text
from werkzeug.test import TestResponse

from app.factory import RECEIVER, create_app
from app.local.stack import ServerUrls
from db import failures
from db.session import Database
from tests.pipeline_support import prepared, settings_for, store_signal
from tests.stacks import a_stack, with_redis_database

REDIS_DB = 9
TOKEN = "an-api-token-for-tests-of-32-and-more"
RERUN, REDRIVE = "/api/v1/signals/rerun", "/api/v1/signals/redrive"
ROUTES = (RERUN, REDRIVE)
REASON = "the cause is mended"


@dataclass(frozen=True, kw_only=True)
class Service:
    """A web application with an API token, its database, and the Redis it publishes to."""

    client: FlaskClient
    database: Database
    redis: Redis

    def post(self, path: str, document: Any, *, token: str | None = TOKEN) -> TestResponse:
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        return self.client.post(path, data=body, headers=headers)

    def rows(self, query: str) -> list[dict[str, Any]]:
        with self.database.transaction() as session:
            return [dict(row) for row in session.execute(text(query)).mappings()]

    def dead(self) -> UUID:
        """Store a signal that was given up."""
        signal_id = store_signal(self.database, status="dead", attempts=5, last_error="x")
        with self.database.transaction() as session:
            failures.record(session, signal_id, stage="x", error="x", traceback_hash="", attempt=5, dead=True)
        return signal_id

    def quarantined(self, body: dict[str, Any]) -> UUID:
        """Keep a message in quarantine."""
        event_id = uuid4()
        with self.database.transaction() as session:
            session.execute(
                text(
                    "INSERT INTO webhook_events (event_id, source, book, kind, received_at, raw_body, content_type,"
                    " errors) VALUES (:id, 'tests', 'paper', 'quarantined', now(), :body, '', '{}')"
                ),
                {"id": event_id, "body": json.dumps(body).encode()},
            )
        return event_id

    def messages(self) -> int:
        """Return how many tasks wait for the pipeline."""
        waiting = self.redis.llen("pipeline")
        assert isinstance(waiting, int)
        return waiting


def a_service(database_url: str, redis_url: str, **environ: str) -> Iterator[Service]:
    settings = settings_for(database_url, redis_url, **environ)
    prepared(database_url, redis_url).database.dispose()
    app, database = create_app(settings), Database(settings.sqlalchemy_url)
    with Redis.from_url(redis_url) as redis:
        redis.flushdb()
        yield Service(client=app.test_client(), database=database, redis=redis)
        redis.flushdb()
    app.extensions[RECEIVER].close()
    database.dispose()
    structlog.reset_defaults()


@pytest.fixture
def redis_url(server_urls: ServerUrls) -> str:
    return with_redis_database(server_urls.redis_url, REDIS_DB)


@pytest.fixture
def service(database_url: str, redis_url: str) -> Iterator[Service]:
    yield from a_service(database_url, redis_url, API_TOKEN=TOKEN, LOG_LEVEL="ERROR")


def test_without_the_token_nothing_is_done_and_nothing_is_told(service: Service) -> None:
    signal_id = service.dead()

    answers = [
        service.post(path, {"ids": [str(signal_id)], "reason": REASON}, token=token)
        for path in (*ROUTES, "/api/v1/no/such/route", "/api//v1/signals/rerun")
        for token in (None, "", "wrong", TOKEN[:-1], TOKEN + "x", "ü" * 40)
    ]
    others = [service.client.get(path) for path in (*ROUTES, "/api/")]
    others.append(service.client.post("/", environ_overrides={"PATH_INFO": f"/{RERUN}"}))

    documents = [one.get_json() for one in (*answers, *others)]
    assert {one.status_code for one in (*answers, *others)} == {401}
    assert {one.headers["WWW-Authenticate"] for one in (*answers, *others)} == {"Bearer"}
    assert all(set(one) == {"status", "request_id"} and one["status"] == "unauthorized" for one in documents)
    assert service.rows("SELECT status FROM signals") == [{"status": "dead"}]
    assert service.rows("SELECT FROM audit_log") == []


def test_the_token_counts_only_as_a_bearers(service: Service) -> None:
    for header in (TOKEN, f"Basic {TOKEN}", f"Token {TOKEN}", "Bearer", f"Bearer\t{TOKEN}"):
        assert service.client.post(RERUN, headers={"Authorization": header}).status_code == 401


def test_without_a_token_in_the_settings_nobody_gets_in(database_url: str, redis_url: str) -> None:
    for service in a_service(database_url, redis_url, LOG_LEVEL="ERROR"):
        assert [service.post(path, {}, token=token).status_code for path in ROUTES for token in ("", None, "None")] == [
            401
        ] * 6


def test_with_the_token_what_is_not_there_is_not_found(service: Service) -> None:
    headers = {"Authorization": f"bearer {TOKEN}"}

    assert service.client.get("/api/v1/no/such/route", headers=headers).status_code == 404
    assert service.client.get(RERUN, headers=headers).status_code == 405


def test_a_dead_signal_is_rerun_sent_on_and_written_down(service: Service) -> None:
    signal_id = service.dead()

    answer = service.post(RERUN, {"ids": [str(signal_id), str(signal_id)], "reason": REASON})

    document = answer.get_json()
    assert answer.status_code == 200
    assert document.pop("request_id")
    assert document == {"status": "rerun", "signal_ids": [str(signal_id)], "enqueued": True}
    assert service.rows("SELECT status, attempts FROM signals") == [{"status": "open", "attempts": 0}]
    assert service.messages() == 1
    assert service.rows("SELECT actor, action, reason FROM audit_log") == [
        {"actor": "api", "action": "signals.rerun", "reason": REASON}
    ]


def test_a_rerun_that_is_refused_says_why_for_each_id_and_does_nothing(service: Service) -> None:
    dead, missing = service.dead(), uuid4()
    done = store_signal(service.database, status="done", stage=5, processed=True)

    answer = service.post(RERUN, {"ids": [str(dead), str(done), str(missing)], "reason": REASON})

    assert answer.status_code == 409
    assert answer.get_json()["refused"] == {str(done): "it is done", str(missing): "there is no such signal"}
    assert service.rows("SELECT FROM signals WHERE status = 'open'") == []
    assert service.messages() == 0


def test_a_message_that_can_be_read_now_becomes_a_signal_and_twice_the_same(service: Service) -> None:
    event_id = service.quarantined({"symbol": "BTCUSDT", "action": "buy", "id": "1"})

    first, second = (service.post(REDRIVE, {"ids": [str(event_id)], "reason": REASON}) for _ in range(2))

    (accepted,), (again,) = first.get_json()["events"], second.get_json()["events"]
    assert (first.status_code, second.status_code) == (200, 200)
    assert first.get_json()["enqueued"]
    assert (accepted["status"], accepted["stale"], again["status"]) == ("accepted", False, "duplicate")
    assert accepted["signal_ids"] == again["signal_ids"]
    assert [str(one["signal_id"]) for one in service.rows("SELECT signal_id FROM signals")] == accepted["signal_ids"]
    assert service.messages() == 1


def test_a_message_that_still_cannot_be_read_names_the_field_and_the_others_are_redriven(service: Service) -> None:
    bad = service.quarantined({"symbol": "BTCUSDT", "action": "dance"})
    good = service.quarantined({"symbol": "BTCUSDT", "action": "buy"})
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
        assert (answer.status_code, document["status"], list(document["errors"])) == (422, "invalid", [field])
        assert document["request_id"]
    assert service.rows("SELECT FROM audit_log") == []


def test_a_body_that_is_too_large_is_refused(service: Service) -> None:
    assert service.post(RERUN, b"x" * 65_537).status_code == 413


def test_without_a_broker_the_rows_are_due_and_the_answer_comes_in_time(database_url: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # it takes connections and never answers
        redis_url = f"redis://127.0.0.1:{silent.getsockname()[1]}"
        settings = settings_for(database_url, redis_url, API_TOKEN=TOKEN, LOG_LEVEL="ERROR")
        prepared(database_url, redis_url).database.dispose()
        app, database = create_app(settings), Database(settings.sqlalchemy_url)
        with Redis() as unused:
            service = Service(client=app.test_client(), database=database, redis=unused)
            ids = [service.dead() for _ in range(20)]
            event_id = service.quarantined({"symbol": "BTCUSDT", "action": "buy"})

            begun = time.monotonic()
            rerun = service.post(RERUN, {"ids": [str(one) for one in ids], "reason": REASON})
            redriven = service.post(REDRIVE, {"ids": [str(event_id)], "reason": REASON})
            took_s = time.monotonic() - begun
        app.extensions[RECEIVER].close()

        assert (rerun.status_code, rerun.get_json()["enqueued"]) == (200, False)
        assert (redriven.status_code, redriven.get_json()["enqueued"]) == (200, False)
        assert took_s < 10
        due = "SELECT FROM signals WHERE status = 'open' AND next_attempt_at <= now() AND processing_lock IS NULL"
        assert len(service.rows(due)) == 21
        database.dispose()
        structlog.reset_defaults()


def test_the_web_process_makes_itself_a_token_and_takes_it(
    server_urls: ServerUrls, template_database: str, tmp_path: Path
) -> None:
    with a_stack(server_urls, template_database, tmp_path, redis_db=REDIS_DB) as stack:
        stack.start_web()
        file = tmp_path / "api_token"
        body = json.dumps({"ids": [str(uuid4())], "reason": REASON}).encode()

        told = [status(stack.web_url + RERUN, body, token=token) for token in (file.read_text().strip(), "a wrong one")]

    assert told == [409, 401]
    assert file.stat().st_mode & 0o777 == 0o600


def status(url: str, body: bytes, *, token: str) -> int:
    request = urllib.request.Request(url, body, {"Authorization": f"Bearer {token}"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
