"""What the webhook answers when the database fails, wholly or for one row."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from uuid import UUID, uuid4

import psycopg
import pytest

from alerts.understand import understand
from app.factory import RECEIVER
from app.web.deadlines import Deadlines
from app.webhook.authenticator import Authenticator, AuthUnavailable
from app.webhook.publisher import Publisher
from app.webhook.receiver import PostedBody, Receiver
from app.webhook.writer import RowRefused, Writer, WriterUnavailable
from db.core.session import Database
from db.intake import Arrival, Receipt
from db.webhook_events import EventKind, WebhookEvent
from domain.signal import NewSignal
from tests.conftest import with_database
from tests.support.webhook import SOURCE, WebhookApp, settings_for, start_app, start_webhook_app, wait_for

IN_PRODUCTION = Deadlines()
ENTRY = {"symbol": "BTCUSDT", "action": "buy", "id": "first"}


@pytest.fixture
def writer(webhook: WebhookApp, database_url: str) -> Iterator[Writer]:
    database = Database(settings_for(database_url).sqlalchemy_url)
    made = Writer(database, Publisher(webhook.announced.extend), max_waiting=100)
    yield made
    made.close()


@pytest.fixture
def webhook(database_url: str) -> Iterator[WebhookApp]:
    with start_webhook_app(database_url) as running:
        yield running


def a_signal(identifier: str, **changes: object) -> NewSignal:
    body = f'{{"symbol": "BTCUSDT", "action": "buy", "id": "{identifier}"}}'.encode()
    [signal] = understand(body, SOURCE)
    assert isinstance(signal, NewSignal)
    return replace(signal, **changes)  # type: ignore[arg-type]  # the test says which


def an_arrival(identifier: str, **changes: object) -> Arrival:
    return Arrival(signal=a_signal(identifier, **changes), max_lag_s=300)


@contextmanager
def held_table(url: str, table: str) -> Iterator[None]:
    """Hold a lock that no insert into the table gets past."""
    with psycopg.connect(url) as connection:
        connection.execute(f"LOCK TABLE {table} IN ACCESS EXCLUSIVE MODE")
        yield


def test_one_bad_row_of_a_batch_gets_the_error_alone(webhook: WebhookApp, writer: Writer, database_url: str) -> None:
    with held_table(database_url, "signals"):
        first = writer.submit(an_arrival("1"))
        wait_for(first.running)
        rest = [
            writer.submit(an_arrival("2")),
            writer.submit(an_arrival("3", book="no such book")),
            writer.submit(an_arrival("4")),
        ]
    receipts = [promise.result(5) for promise in (first, rest[0], rest[2])]
    error = rest[1].exception(5)

    assert isinstance(error, RowRefused)
    assert "fk_signals_book" in str(error)
    stored = {row["signal_id"] for row in webhook.rows("SELECT signal_id FROM signals")}
    assert stored == {receipt.signal_id for receipt in receipts if isinstance(receipt, Receipt)}
    wait_for(lambda: set(webhook.announced) == stored)


def test_two_writers_with_the_same_signals_in_opposite_order_do_not_block_each_other(
    webhook: WebhookApp, writer: Writer, database_url: str
) -> None:
    other = Writer(Database(settings_for(database_url).sqlalchemy_url), Publisher(webhook.announced.extend))

    for series in range(5):
        arrivals = [an_arrival(f"{series}-{number}") for number in range(64)]
        with held_table(database_url, "sources"):
            promises = [writer.submit(arrival) for arrival in arrivals]
            promises += [other.submit(arrival) for arrival in reversed(arrivals)]
        receipts = [promise.result(5) for promise in promises]
        assert sum(receipt.is_new for receipt in receipts if isinstance(receipt, Receipt)) == 64

    other.close()
    assert len(webhook.rows("SELECT FROM signals")) == 320


def test_a_row_the_database_refuses_becomes_an_event_with_its_bytes(webhook: WebhookApp) -> None:
    with webhook.database.transaction() as session:
        session.connection().exec_driver_sql("ALTER TABLE signals ADD CONSTRAINT ck_none CHECK (symbol <> 'BTCUSDT')")

    status, document = webhook.post(ENTRY)

    assert (status, document["status"]) == (422, "quarantined")
    assert "ck_none" in document["errors"]["body"][0]
    [event] = webhook.rows("SELECT event_id, raw_body FROM webhook_events")
    assert str(event["event_id"]) == document["event_id"]
    assert b"BTCUSDT" in event["raw_body"]


def test_what_waits_together_is_committed_together(webhook: WebhookApp, writer: Writer, database_url: str) -> None:
    writer = Writer(webhook.database, Publisher(webhook.announced.extend))
    event = WebhookEvent(
        event_id=uuid4(),
        source="desk",
        book="paper",
        kind=EventKind.QUARANTINED,
        raw_body=b"\x00\xff",
        content_type="",
        errors={"body": ["must be UTF-8"]},
    )

    with held_table(database_url, "signals"):
        first = writer.submit(an_arrival("0"))
        wait_for(first.running)
        promises = [writer.submit(an_arrival(str(number))) for number in range(1, 40)]
        promises.append(writer.submit(event))
    for promise in promises:
        promise.result(5)

    transactions = webhook.rows("SELECT xmin::text AS id, count(*) AS rows FROM signals GROUP BY xmin ORDER BY rows")
    assert [row["rows"] for row in transactions] == [1, 39]
    [stored] = webhook.rows("SELECT xmin::text AS id, raw_body FROM webhook_events")
    assert stored == {"id": transactions[1]["id"], "raw_body": b"\x00\xff"}


def test_a_table_that_is_held_up_is_answered_with_503_in_about_a_second(database_url: str) -> None:
    with start_webhook_app(database_url, deadlines=IN_PRODUCTION) as webhook:
        wait_for(lambda: webhook.post(ENTRY)[0] == 200)
        begun = time.monotonic()

        with held_table(database_url, "signals"):
            status, document = webhook.post(ENTRY | {"id": "second"})

        assert (status, document["status"]) == (503, "unavailable")
        assert time.monotonic() - begun < 1.5
        wait_for(lambda: webhook.post(ENTRY | {"id": "second"})[0] == 200)


def test_an_abandoned_request_is_not_written_later(webhook: WebhookApp, writer: Writer, database_url: str) -> None:
    with held_table(database_url, "signals"):
        first = writer.submit(an_arrival("1"))
        wait_for(first.running)
        abandoned = writer.submit(an_arrival("2"))
        assert abandoned.cancel()
    first.exception(5)
    writer.submit(an_arrival("3")).result(5)

    assert "2" not in {row["id"] for row in webhook.rows("SELECT raw_payload->>'id' AS id FROM signals")}


def test_more_than_can_wait_is_turned_away_at_once(writer: Writer, database_url: str) -> None:
    with held_table(database_url, "signals"):
        wait_for(writer.submit(an_arrival("0")).running)
        for number in range(1, 101):
            writer.submit(an_arrival(str(number)))

        with pytest.raises(WriterUnavailable):
            writer.submit(an_arrival("101"))


def test_a_closed_database_port_is_answered_with_503_at_once() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    with start_app(
        settings_for(f"postgresql://postgres@127.0.0.1:{port}/none"), lambda _: None, deadlines=IN_PRODUCTION
    ) as app:
        begun = time.monotonic()

        answer = app.test_client().post("/webhook/" + "A" * 43, data=b"{}")

    assert (answer.status_code, answer.get_json()["status"]) == (503, "unavailable")
    assert time.monotonic() - begun < 1.0


def test_a_database_that_goes_away_after_the_look_up_is_answered_with_503(database_url: str) -> None:
    gone = Database("postgresql+psycopg://postgres@127.0.0.1:9/none")
    with start_webhook_app(database_url) as webhook:
        receiver = Receiver(Authenticator(webhook.database), Writer(gone, Publisher(webhook.announced.extend)))
        posted = PostedBody(raw=b'{"symbol": "BTCUSDT", "action": "buy"}', content_type="")
        source = receiver.authenticate(webhook.token, origin=lambda: "here", is_allowed_sender=True)

        with pytest.raises(WriterUnavailable):
            receiver.receive(posted, source, started=time.monotonic())


def test_a_database_that_answers_nothing_is_given_up_in_time() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        port = silent.getsockname()[1]
        authenticator = Authenticator(Database(f"postgresql+psycopg://postgres@127.0.0.1:{port}/none"))
        begun = time.monotonic()

        with pytest.raises(AuthUnavailable):
            authenticator.find_source("token", within_s=0.2)

    assert time.monotonic() - begun < 1.0


def test_terminated_connections_are_replaced(webhook: WebhookApp, database_url: str) -> None:
    webhook.post(ENTRY)
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )

    status, _ = webhook.post(ENTRY | {"id": "second"})

    assert status == 200


def test_a_pipeline_that_cannot_be_reached_takes_nothing_from_the_answer(database_url: str) -> None:
    reached = threading.Event()

    def refuse(_: list[UUID]) -> None:
        reached.set()
        raise ConnectionError("the broker is away")

    with start_webhook_app(database_url, enqueue=refuse) as webhook:
        answers = [webhook.post(ENTRY | {"id": str(number)}) for number in range(3)]

        assert reached.wait(5)
        assert [status for status, _ in answers] == [200, 200, 200]
        assert len(webhook.rows("SELECT FROM signals")) == 3
        assert webhook.app.extensions[RECEIVER].counts["accepted"] == 3


def test_readiness_tells_a_current_an_empty_and_a_missing_database(database_url: str) -> None:
    empty = f"empty_{uuid4().hex[:8]}"
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{empty}"')
    urls = (database_url, with_database(database_url, empty), with_database(database_url, "no_such_database"))

    told = []
    for url in urls:
        with start_app(settings_for(url), lambda _: None) as app:
            answer = app.test_client().get("/readyz")
        told.append((answer.status_code, answer.get_json()["database"]))

    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{empty}" WITH (FORCE)')
    assert told == [(200, "current"), (503, "schema_outdated"), (503, "unreachable")]


def test_readiness_reports_the_broker_and_does_without_it(database_url: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as broker:
        url = f"redis://127.0.0.1:{broker.getsockname()[1]}"
        with start_app(settings_for(database_url, REDIS_URL=url), lambda _: None) as app:
            reachable = app.test_client().get("/readyz")
            broker.close()
            away = app.test_client().get("/readyz")

    assert (reachable.status_code, reachable.get_json()["broker"]) == (200, "reachable")
    assert (away.status_code, away.get_json()["broker"]) == (200, "unreachable")


def test_received_at_is_never_taken_from_the_payload(webhook: WebhookApp) -> None:
    before = datetime.now(UTC)

    webhook.post(ENTRY | {"received_at": "2020-01-01T00:00:00Z", "timenow": "2020-01-01T00:00:00Z"})

    [row] = webhook.rows("SELECT received_at, event_at FROM signals")
    assert row["received_at"] >= before > row["event_at"]
