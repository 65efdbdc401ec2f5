"""The broker by its URL: how its transport is told to hurry, how queues are declared, and whether it listens."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing
from types import SimpleNamespace
from typing import Any

import pytest
from celery import Celery
from kombu.connection import Connection
from kombu.exceptions import OperationalError
from kombu.transport import redis
from kombu.transport.virtual.base import QoS

from app.probes.health import broker_state
from config import celery as configuration
from config import settings
from config.values import SettingInvalid
from tasks import queues
from tasks.celery_app import make_celery
from tasks.redis_slots import AcknowledgedSlots

REDIS = "redis://host/0"
SENTINELS = "sentinel://one:26379;sentinel://two:26379"
RABBITMQ = "amqp://user:password@host/vhost"


def configured(url: str, **more: str) -> dict[str, Any]:
    return configuration.build_configuration(settings.load({"BROKER_URL": url, **more}))


@pytest.fixture
def port() -> Iterator[int]:
    """Give a port on which something listens."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("url", [REDIS, SENTINELS, RABBITMQ])
def test_sending_is_tried_twice_and_waits_for_nothing_longer_than_half_a_second(url: str) -> None:
    made = configured(url)

    assert made["broker_connection_timeout"] == made["broker_pool_acquire_timeout"] == 0.5
    assert made["task_publish_retry_policy"]["max_retries"] == 1
    assert made["broker_transport_options"]["max_retries"] == 1
    assert made["task_publish_retry_policy"]["interval_max"] == 0


@pytest.mark.parametrize("url", [REDIS, SENTINELS])
def test_redis_must_answer_within_half_a_second(url: str) -> None:
    options = configured(url)["broker_transport_options"]

    assert options["socket_timeout"] == options["socket_connect_timeout"] == 0.5


def test_sentinel_is_asked_for_the_master_by_name() -> None:
    options = configured(SENTINELS, BROKER_SENTINEL_MASTER="orders")["broker_transport_options"]

    assert options["master_name"] == "orders"
    assert options["sentinel_kwargs"]["socket_timeout"] == 0.5


def test_rabbitmq_confirms_what_it_was_sent_and_replicates_its_queues() -> None:
    app = make_celery(settings.load({"BROKER_URL": RABBITMQ, "DATABASE_URL": "postgresql://nowhere/db"}))

    assert app.conf.broker_transport_options["confirm_publish"] is True
    assert [one.name for one in app.conf.task_queues] == list(queues.ALL)
    assert {one.queue_arguments["x-queue-type"] for one in app.conf.task_queues} == {"quorum"}
    assert app.conf.worker_detect_quorum_queues is True


def test_a_lost_broker_is_tried_again_every_two_seconds_at_the_latest(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(Connection, "_ensure_connection", lambda _self, *_args, **options: given.update(options))
    app = make_celery(settings.load({"BROKER_URL": REDIS, "DATABASE_URL": "postgresql://nowhere/db"}))

    app.connection_for_read().ensure_connection(None, None)

    assert given["interval_max"] == 2.0


def test_a_task_does_not_fail_because_the_next_cannot_be_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> None:
        raise OperationalError("the broker is away")

    monkeypatch.setattr(Celery, "send_task", away)
    app = make_celery(settings.load({"BROKER_URL": REDIS, "DATABASE_URL": "postgresql://nowhere/db"}))

    @app.task(name="tests.sends", shared=False)  # type: ignore[untyped-decorator]
    def sends() -> None:
        app.send_task("sweeps.resume_stalled")

    @app.task(name="tests.wants_to_know", throws=(OperationalError,), shared=False)  # type: ignore[untyped-decorator]
    def wants_to_know() -> None:
        app.send_task("sweeps.resume_stalled")

    assert sends.apply().successful()
    assert wants_to_know.apply().failed()
    with pytest.raises(OperationalError):
        app.send_task("sweeps.resume_stalled")


def test_a_slot_is_freed_though_redis_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def silent(*_: Any) -> None:
        raise TimeoutError("Timeout reading from socket")

    monkeypatch.setattr(redis.QoS, "_remove_from_indices", silent)
    channel = SimpleNamespace(connection_errors=(TimeoutError,), do_restore=False)
    slots: Any = AcknowledgedSlots(channel, prefetch_count=1)  # type: ignore[no-untyped-call]
    QoS.append(slots, object(), "tag")  # type: ignore[no-untyped-call]
    assert not slots.can_consume()

    with pytest.raises(TimeoutError):
        slots.ack("tag")

    assert slots.can_consume()


def test_every_task_is_sent_with_a_limit_to_its_confirmation(monkeypatch: pytest.MonkeyPatch) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(Celery, "send_task", lambda _app, *_args, **options: given.update(options))
    app = make_celery(settings.load({"BROKER_URL": RABBITMQ, "DATABASE_URL": "postgresql://nowhere/db"}))

    app.send_task("sweeps.resume_stalled", queue="maintenance")

    assert (given["confirm_timeout"], given["timeout"], given["queue"]) == (0.5, 0.5, "maintenance")


def test_without_a_broker_the_variables_are_named() -> None:
    with pytest.raises(SettingInvalid, match="neither BROKER_URL nor REDIS_URL is set"):
        configuration.build_configuration(settings.load({}))


@pytest.mark.parametrize("scheme", ["redis", "rediss", "amqp", "amqps", "sentinel"])
def test_a_broker_that_listens_is_reachable(scheme: str, port: int) -> None:
    assert broker_state(f"{scheme}://user:password@127.0.0.1:{port}/0") == "reachable"


def test_one_sentinel_that_listens_is_enough(port: int) -> None:
    assert broker_state(f"sentinel://127.0.0.1:1;sentinel://127.0.0.1:{port}") == "reachable"
    assert broker_state("sentinel://127.0.0.1:1;sentinel://127.0.0.1:2") == "unreachable"


def test_no_broker_and_one_that_is_away_are_told_apart() -> None:
    assert broker_state(None) == "not_configured"
    assert broker_state("amqp://127.0.0.1:1//") == "unreachable"
