"""A Redis that Sentinel watches dies: its replica takes over, and the workers follow (F06 and F07 by Sentinel)."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis, RedisError

from stack import redis as redis_server
from stack.child import Child
from stack.servers import ServerUrls
from tests.support.pipeline import add_trend
from tests.support.servers.alert_sender import THIS_HOUR, Sender, missing, settled
from tests.support.servers.embedded import Server, running
from tests.support.servers.processes import free_port
from tests.support.servers.stacks import Stack, a_stack
from tests.support.waiting import until

REDIS_DB = 14
MASTER = "tasks"
ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """Two Redis servers, the first of them the master so far, and the Sentinel that watches them."""

    ports: tuple[int, int]
    servers: tuple[Server, Server]
    sentinel: int

    @property
    def url(self) -> str:
        """Where tasks travel: the first Sentinel never answers."""
        return f"sentinel://127.0.0.1:1;sentinel://127.0.0.1:{self.sentinel}"

    def master(self) -> int:
        """Return the port of the server that Sentinel calls master."""
        with Redis(port=self.sentinel, decode_responses=True) as client:
            return int(client.sentinel_get_master_addr_by_name(MASTER)[1])


def answers(port: int) -> bool:
    with Redis(port=port, socket_timeout=1) as client:
        try:
            return bool(client.ping())
        except RedisError:
            return False


def a_server(name: str, port: int, directory: Path, *options: str) -> Server:
    directory.mkdir()
    child = Child(
        name=name,
        argv=(str(redis_server.find_binary()), *options),
        environment=ENVIRONMENT,
        directory=directory,
        ready=lambda: answers(port),
    )
    return Server(child, directory / "log")


@contextmanager
def watched(directory: Path) -> Iterator[Watched]:
    """Run a master, its replica and a Sentinel that gives a silent master one second."""
    first, second, sentinel = free_port(), free_port(), free_port()
    said = (
        f"port {sentinel}",
        f"sentinel monitor {MASTER} 127.0.0.1 {first} 1",
        f"sentinel down-after-milliseconds {MASTER} 1000",
        f"sentinel failover-timeout {MASTER} 5000",
    )
    (directory / "sentinel.conf").write_text("\n".join(said) + "\n")
    with ExitStack() as stack:
        one = stack.enter_context(running(a_server("first", first, directory / "first", "--port", str(first))))
        follows = ("--port", str(second), "--replicaof", f"127.0.0.1 {first}")
        other = stack.enter_context(running(a_server("second", second, directory / "second", *follows)))
        until(lambda: is_replica(second), what="the replica in step with its master")
        watching = a_server(
            "sentinel", sentinel, directory / "sentinel", str(directory / "sentinel.conf"), "--sentinel"
        )
        stack.enter_context(running(watching))
        yield Watched(ports=(first, second), servers=(one, other), sentinel=sentinel)


def is_replica(port: int) -> bool:
    with Redis(port=port, decode_responses=True) as client:
        return bool(client.info("replication").get("master_link_status") == "up")


@pytest.fixture(scope="module")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    """Give a watched pair of servers."""
    with watched(tmp_path_factory.mktemp("sentinel")) as made:
        yield made


@pytest.fixture(scope="module")
def stack(
    redis: Watched, server_urls: ServerUrls, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """Give web, a worker and beat whose tasks travel by that pair."""
    environ = {
        "ENGINE_A": "committee",
        "ENGINE_B": "committee",
        "MAX_OPEN_PER_SYMBOL": "10000",
        "BROKER_URL": redis.url,
        "BROKER_SENTINEL_MASTER": MASTER,
        "LEASE_S": "6",
    }
    directory = tmp_path_factory.mktemp("sentinel-stack")
    with a_stack(server_urls, template_database, directory, redis_db=REDIS_DB, **environ) as made:
        add_trend(made.database, until=THIS_HOUR)
        made.processes.start_worker()
        made.processes.start_beat()
        made.start_web()
        yield made


def test_a_dead_master_is_replaced_by_its_replica_and_the_workers_follow(stack: Stack, redis: Watched) -> None:
    webhook = f"{stack.web_url}/webhook/{stack.asked('sources', 'add', 'desk')['token']}"
    assert redis.master() == redis.ports[0]

    with Sender(url=webhook) as sender:
        sender.after(10)
        redis.servers[0].end(signal.SIGKILL)
        until(lambda: redis.master() == redis.ports[1], what="another master")
        sender.after(10)

    assert sender.statuses() == {200}
    assert missing(stack, sender.acknowledged) == set()
    settled(stack, sender.acknowledged)
    assert stack.asked("verify") == {"ok": True, "violations": []}
