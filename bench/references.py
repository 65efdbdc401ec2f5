"""What the parts can do by themselves, measured in the same run as the product: the yardstick of every figure."""

from __future__ import annotations

import json
import os
import secrets
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from celery import Celery, chain
from redis import Redis

from bench import nothing
from bench.ground import BenchFailed, Ground
from config.settings import Settings
from stack import commands
from stack.child import Child
from stack.output import FileOutput
from stack.supervisor import Supervisor

LINKS = 5
_PAYLOAD = json.dumps({"payload": "x" * 585})
_CLIENTS = 8
_TASKS_PER_SECOND = 800
_CHAINS_PER_SECOND = 80
_LONE_CHAINS = 20
_DRAIN_S = 120.0
_ZEROS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class References:
    """Rates per second of single-row insert commits, no-op tasks and chains of five; `lone_chain_ms` is a median."""

    inserts_1: float
    inserts_8: float
    tasks: float
    chains: float
    lone_chain_ms: float


def measure(ground: Ground, *, seconds: float) -> References:
    """Measure every reference, each for about `seconds`, beside the idle stack."""
    inserts_1 = inserts(ground.settings, clients=1, seconds=seconds)
    inserts_8 = inserts(ground.settings, clients=_CLIENTS, seconds=seconds)
    with _worker(ground) as app, Redis.from_url(ground.settings.redis_url or "") as redis:
        return References(
            inserts_1=inserts_1,
            inserts_8=inserts_8,
            tasks=_rate(app, redis, links=1, count=max(20, int(seconds * _TASKS_PER_SECOND))),
            chains=_rate(app, redis, links=LINKS, count=max(10, int(seconds * _CHAINS_PER_SECOND))),
            lone_chain_ms=_lone_chain_ms(app, redis),
        )


def inserts(settings: Settings, *, clients: int, seconds: float) -> float:
    """Return how many single-row transactions per second commit: 600 bytes of jsonb and a unique key.

    The clients are threads of this process (psycopg), each with a connection of its own.
    """
    url = settings.database_url or ""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bench_inserts (key text PRIMARY KEY, payload jsonb NOT NULL)")
    counts, ends = [0] * clients, time.monotonic() + seconds
    threads = [threading.Thread(target=_insert, args=(url, ends, counts, place)) for place in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE bench_inserts")
    return sum(counts) / seconds


def _insert(url: str, ends: float, counts: list[int], place: int) -> None:
    run = secrets.token_hex(8)
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() < ends:
            key = f"{run}-{counts[place]}"
            connection.execute("INSERT INTO bench_inserts VALUES (%s, %s::jsonb)", (key, _PAYLOAD))
            counts[place] += 1


@contextmanager
def _worker(ground: Ground) -> Iterator[Celery]:
    """Run a worker for the no-op tasks, started as the product's own, and yield an app that sends them."""
    environment = _environment(ground.settings)
    argv = (
        *commands.module("bench.nothing", "worker", "--pool", "prefork", "--concurrency", "2"),
        *("--prefetch-multiplier", "1", "--queues", nothing.QUEUE, "--hostname", "bench@%h", "--task-events"),
        *("--without-gossip", "--without-mingle"),
    )
    output = FileOutput(ground.directory / "worker.log")
    try:
        with Supervisor(output) as supervisor:
            supervisor.start(Child(name="bench", argv=argv, environment=environment))
            yield nothing.make(ground.settings)
    finally:
        output.close()


def _environment(settings: Settings) -> dict[str, str]:
    given = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "BROKER_URL": settings.broker_url,
        "SECRET_KEY": settings.secret_key,
    }
    return {**os.environ, **{name: value for name, value in given.items() if value is not None}}


def _rate(app: Celery, redis: Redis, *, links: int, count: int) -> float:
    """Return chains of `links` no-op tasks per second, from the first one sent until the queue is and stays empty."""
    _lone_chain(app, redis, links=1)
    one = app.tasks[nothing.NOTHING]
    started = time.perf_counter()
    for _ in range(count):
        chain(*[one.si()] * links).apply_async() if links > 1 else one.apply_async()
    return count / (_emptied_at(redis) - started)


def _emptied_at(redis: Redis) -> float:
    """Return when the queue was first seen empty of the time it stayed so: a chain's next link may be on its way."""
    since, zeros, ends = 0.0, 0, time.monotonic() + _DRAIN_S
    while zeros < _ZEROS:
        if redis.llen(nothing.QUEUE):
            zeros = 0
        else:
            since = since if zeros else time.perf_counter()
            zeros += 1
        if time.monotonic() > ends:
            raise BenchFailed("the no-op tasks were not done in time")
        time.sleep(0.01)
    return since


def _lone_chain_ms(app: Celery, redis: Redis) -> float:
    return statistics.median(_lone_chain(app, redis, links=LINKS) for _ in range(_LONE_CHAINS)) * 1000


def _lone_chain(app: Celery, redis: Redis, *, links: int) -> float:
    """Return how long a chain takes that has the worker for itself; its last link says that it ran."""
    name = secrets.token_hex(8)
    one, last = app.tasks[nothing.NOTHING], app.tasks[nothing.TELL]
    started = time.perf_counter()
    chain(*[one.si()] * (links - 1), last.si(name=name)).apply_async()
    if redis.blpop([nothing.TOLD], timeout=30) is None:
        raise BenchFailed("the worker for the no-op tasks did not answer")
    return time.perf_counter() - started
