"""Brokers that a test may stop, freeze, slow down and empty: an embedded Redis, and RabbitMQ behind a proxy.

RabbitMQ takes part where one answers at its standard local address and its command line tool may be used: in a
virtual host of the test's own. The server itself is never touched; what happens to it happens in the proxy.
"""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Protocol
from uuid import uuid4

import pytest
from kombu.connection import Connection
from redis import Redis

from stack.errors import StackRefused
from tasks import queues
from tests.support.servers.embedded import Place, Server, a_place, running
from tests.support.servers.tcp_proxy import Proxy, a_proxy

_RABBITMQ = ("127.0.0.1", 5672)
_USER = "guest"


class Broker(Protocol):
    """What a test may do to a broker; `proxy` stands between it and our processes."""

    url: str
    proxy: Proxy

    def stop(self) -> None:
        """Stop it in good order."""

    def start(self) -> None:
        """Let it run again after a stop or a crash."""

    def freeze(self) -> None:
        """Leave it standing still, connections and all."""

    def thaw(self) -> None:
        """Let it go on."""

    def crash(self) -> None:
        """End it at once and have it forget every message."""

    def forget(self) -> None:
        """Remove all messages while it runs."""

    def disconnect(self) -> None:
        """Close the connections of all clients."""


class EmbeddedRedis:
    """A Redis that the test started."""

    def __init__(self, place: Place, server: Server, proxy: Proxy) -> None:
        self.proxy = proxy
        self.url = f"redis://127.0.0.1:{proxy.port}/0"
        self._place = place
        self._server = server

    def stop(self) -> None:
        """Stop it in good order."""
        self._server.end(signal.SIGTERM)

    def start(self) -> None:
        """Let it run again."""
        self._server.start()

    def freeze(self) -> None:
        """Stop its process where it is."""
        self._server.freeze()

    def thaw(self) -> None:
        """Let its process go on."""
        self._server.thaw()

    def crash(self) -> None:
        """Kill it and remove its files."""
        self._server.end(signal.SIGKILL)
        self._place.forget_redis()

    def forget(self) -> None:
        """Remove all keys."""
        with self._client() as client:
            client.flushall()

    def disconnect(self) -> None:
        """Have it close the connections of all clients."""
        with self._client() as client:
            client.client_kill_filter(_type="normal", skipme=True)
            client.client_kill_filter(_type="pubsub", skipme=True)

    def limit_memory(self, size: str, *, policy: str) -> None:
        """Set how much memory it may use, `0` for all, and which keys it then removes."""
        with self._client() as client:
            client.config_set("maxmemory-policy", policy)
            client.config_set("maxmemory", size)

    def _client(self) -> Redis:
        return Redis(unix_socket_path=str(self._place.sockets / "redis.sock"))


class RabbitMQ:
    """A virtual host of the local RabbitMQ, behind a proxy."""

    def __init__(self, host: str, proxy: Proxy) -> None:
        self.proxy = proxy
        self.url = f"amqp://{_USER}:{_USER}@127.0.0.1:{proxy.port}/{host}"
        self._direct = f"amqp://{_USER}:{_USER}@{_RABBITMQ[0]}:{_RABBITMQ[1]}/{host}"

    def stop(self) -> None:
        """Cut it off."""
        self.proxy.cut()

    def start(self) -> None:
        """Let it be reached again."""
        self.proxy.restore()

    def freeze(self) -> None:
        """Let nothing through."""
        self.proxy.freeze()

    def thaw(self) -> None:
        """Let everything through again."""
        self.proxy.thaw()

    def crash(self) -> None:
        """Cut it off and remove its messages."""
        self.proxy.cut()
        self.forget()

    def forget(self) -> None:
        """Purge our queues."""
        with _connection(self._direct) as connection, connection.channel() as channel:
            for name in queues.ALL:
                channel.queue_purge(name)

    def disconnect(self) -> None:
        """Close all connections."""
        self.proxy.drop()


@cache
def kinds() -> list[str]:
    """Name the brokers that can be had here."""
    return ["redis", "rabbitmq"] if _answers() else ["redis"]


@contextmanager
def a_broker(kind: str) -> Iterator[Broker]:
    """Give a broker of a kind, empty, for the duration of the block."""
    if kind == "redis":
        with _redis() as redis:
            yield redis
    else:
        with _rabbitmq() as rabbitmq:
            yield rabbitmq


@contextmanager
def _redis() -> Iterator[EmbeddedRedis]:
    with a_place() as place:
        try:
            server = place.redis()
        except StackRefused as error:
            pytest.skip(str(error))
        with running(server), a_proxy(place.sockets / "redis.sock") as proxy:
            yield EmbeddedRedis(place, server, proxy)


@contextmanager
def _rabbitmq() -> Iterator[RabbitMQ]:
    host = f"orchestrator-{uuid4().hex[:8]}"
    _rabbitmqctl("add_vhost", host)
    try:
        _rabbitmqctl("set_permissions", "-p", host, _USER, ".*", ".*", ".*")
        with a_proxy(_RABBITMQ) as proxy:
            yield RabbitMQ(host, proxy)
    finally:
        _rabbitmqctl("delete_vhost", host)


def _rabbitmqctl(*words: str) -> None:
    subprocess.run(("rabbitmqctl", "-q", *words), check=True, capture_output=True, timeout=60)


def _connection(url: str) -> Connection:
    return Connection(url, connect_timeout=2)  # type: ignore[no-untyped-call]


def _answers() -> bool:
    """Tell whether RabbitMQ answers and lets virtual hosts be made."""
    try:
        if shutil.which("rabbitmqctl") is None:
            return False
        with _connection(f"amqp://{_USER}:{_USER}@{_RABBITMQ[0]}:{_RABBITMQ[1]}//") as connection:
            connection.connect()
        return subprocess.run(("rabbitmqctl", "-q", "list_vhosts"), capture_output=True, check=False).returncode == 0
    except OSError:
        return False
