"""The broker stops, freezes, slows down and forgets, Redis and RabbitMQ alike (F05 to F10, F44), or Redis is out of
memory (F52).

The webhook answers as if nothing were; afterwards each acknowledged alert has its effects once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import UUID

import pytest

from domain.signal import Stage
from stack.servers import ServerUrls
from tests.support.pipeline import add_trend, store_signal
from tests.support.servers import message_brokers
from tests.support.servers.alert_sender import THIS_HOUR, Sender, effects_of, missing, once_each, settled, slowest
from tests.support.servers.message_brokers import Broker, EmbeddedRedis, a_broker
from tests.support.servers.stacks import Stack, a_stack
from tests.support.waiting import until

REDIS_DB = 14
ANSWERED_WITHIN_S = 1.0
CONSUMING_WITHIN_S = 10.0
Act = Callable[[Broker], None]
FAULTS: dict[str, tuple[Act, Act]] = {
    "stopped": (lambda one: one.stop(), lambda one: one.start()),
    "frozen": (lambda one: one.freeze(), lambda one: one.thaw()),
    "slow": (lambda one: one.proxy.delay(0.15), lambda one: one.proxy.delay(0.0)),
    "empty": (lambda one: one.crash(), lambda one: one.start()),
}


@pytest.fixture(scope="module", params=message_brokers.kinds())
def broker(request: pytest.FixtureRequest) -> Iterator[Broker]:
    """Give a broker of each kind that can be had here."""
    with a_broker(request.param) as made:
        yield made


@pytest.fixture(scope="module")
def stack(
    broker: Broker, server_urls: ServerUrls, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """Give web, a worker with two children and beat on that broker; both engines like the trend."""
    directory = tmp_path_factory.mktemp("broker")
    (directory / "failpoints").mkdir()
    environ = {
        "ENGINE_A": "committee",
        "ENGINE_B": "committee",
        "MAX_OPEN_PER_SYMBOL": "10000",
        "FAILPOINTS": "1",
        "FAILPOINT_DIR": str(directory / "failpoints"),
        "BROKER_URL": broker.url,
        "LEASE_S": "6",
        "SIGNAL_POLL_INTERVAL_MS": "1000",
    }
    with a_stack(server_urls, template_database, directory, redis_db=REDIS_DB, **environ) as made:
        add_trend(made.database, until=THIS_HOUR)
        made.rows(
            "INSERT INTO sources (name, book, token_hash, token_encrypted, pyramiding)"
            " VALUES ('tests', 'paper', 'x', '', 1000)"
            " RETURNING 1"
        )
        made.processes.start_worker(concurrency=2)
        made.processes.start_beat()
        made.start_web()
        yield made


@pytest.fixture(scope="module")
def webhook(stack: Stack) -> str:
    """Give the URL of a source."""
    return f"{stack.web_url}/webhook/{stack.asked('sources', 'add', 'desk')['token']}"


def stored(stack: Stack, count: int) -> list[UUID]:
    return [
        store_signal(stack.database, strategy=f"s{number}", received_at=THIS_HOUR, timestamp=THIS_HOUR)
        for number in range(count)
    ]


@contextmanager
def a_busy_worker(stack: Stack, ids: list[UUID]) -> Iterator[None]:
    """Have a child of the worker stand in the middle of a stage with these signals during the block."""
    failpoint = Path(stack.processes.extra["FAILPOINT_DIR"]) / "dispatch_engines.after_commit"
    failpoint.write_text("pause")
    stack.enqueue(ids)
    try:
        until(failpoint.with_name(f"{failpoint.name}.reached").exists, what="a batch at dispatch_engines")
        yield
    finally:
        failpoint.unlink()
        failpoint.with_name(f"{failpoint.name}.reached").unlink()


@pytest.mark.parametrize("fault", FAULTS)
def test_f05_the_webhook_answers_in_time_whatever_the_broker_does_and_all_is_processed_later(
    stack: Stack, webhook: str, broker: Broker, fault: str
) -> None:
    begin, end = FAULTS[fault]

    with Sender(url=webhook) as sender:
        sender.after(5)
        begin(broker)
        sender.after(50)
        end(broker)
        sender.after(5)

    assert sender.statuses() == {200}
    assert slowest(sender.answers) < ANSWERED_WITHIN_S
    assert missing(stack, sender.acknowledged) == set()
    settled(stack, sender.acknowledged)


# RabbitMQ stops taking messages when it has no memory, which is as if it were frozen.
@pytest.mark.parametrize("broker", ["redis"], indirect=True)
@pytest.mark.parametrize("policy", ["noeviction", "allkeys-random"])
def test_f52_a_redis_without_memory_refuses_or_forgets_messages_and_none_of_them_is_missed(
    stack: Stack, webhook: str, broker: Broker, policy: str
) -> None:
    assert isinstance(broker, EmbeddedRedis)
    waiting = stored(stack, 30)

    with Sender(url=webhook) as sender:
        sender.after(5)
        # Messages that the worker takes, and cannot note down, while there is no memory.
        for signal_id in waiting:
            stack.enqueue([signal_id])
        broker.limit_memory("1kb", policy=policy)
        sender.after(40)
        broker.limit_memory("0", policy="noeviction")
        sender.after(5)

    assert sender.statuses() == {200}
    assert slowest(sender.answers) < ANSWERED_WITHIN_S
    assert missing(stack, sender.acknowledged) == set()
    settled(stack, [*waiting, *sender.acknowledged])
    assert stack.processes.running["worker"].poll() is None


def test_f06_an_idle_worker_consumes_again_soon_after_the_broker_came_back_empty(
    stack: Stack, webhook: str, broker: Broker
) -> None:
    missed = stack.processes.said("worker").count("Cannot connect")

    broker.crash()
    until(lambda: stack.processes.said("worker").count("Cannot connect") >= missed + 4, what="tries to reconnect")
    broker.start()
    begun = time.monotonic()

    ids = stored(stack, 1)
    stack.enqueue(ids)
    stack.wait_done(ids)

    assert time.monotonic() - begun < CONSUMING_WITHIN_S
    assert effects_of(stack, ids) == once_each(1)


def test_f07_a_busy_worker_consumes_again_soon_after_the_broker_came_back_empty(stack: Stack, broker: Broker) -> None:
    held, waiting = stored(stack, 5), stored(stack, 5)

    with a_busy_worker(stack, held):
        stack.enqueue(waiting)
        broker.crash()
        broker.start()
        begun = time.monotonic()
    stack.wait_done(waiting)

    assert time.monotonic() - begun < CONSUMING_WITHIN_S
    settled(stack, held + waiting)


def test_f08_the_connections_of_a_busy_worker_are_closed_and_its_work_has_its_effects_once(
    stack: Stack, broker: Broker
) -> None:
    held, waiting = stored(stack, 5), stored(stack, 5)

    with a_busy_worker(stack, held):
        stack.enqueue(waiting)
        broker.disconnect()

    settled(stack, held + waiting)


def test_f09_two_hundred_waiting_messages_that_are_lost_are_sent_again(stack: Stack, broker: Broker) -> None:
    stack.processes.kill("worker")
    ids = stored(stack, 200)
    for start in range(0, 200, 10):
        stack.enqueue(ids[start : start + 10])

    broker.forget()
    stack.processes.start_worker(concurrency=2)

    settled(stack, ids)


def test_f10_messages_that_come_tenfold_in_any_order_and_tails_of_old_chains_are_no_ops(stack: Stack) -> None:
    ids = stored(stack, 20)
    for start in range(10):
        stack.enqueue(ids[start:] + ids[:start])
        stack.enqueue(ids[::-1], reached=Stage(start % 5))

    settled(stack, ids)
    for stage in reversed(list(Stage)[:-1]):
        stack.enqueue(ids, reached=stage)
    last = stored(stack, 1)
    stack.enqueue(last)

    settled(stack, last)
    assert effects_of(stack, ids) == once_each(20)


def test_afterwards_every_invariant_holds(stack: Stack) -> None:
    until(lambda: not stack.rows("SELECT FROM signals WHERE status = 'open'"), what="the end of every signal")

    assert stack.asked("verify") == {"ok": True, "violations": []}
