"""Reference rates of Postgres and Celery alone, measured in the same run as the product for comparison."""

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

from bench import no_op_worker
from bench.fresh_stack import BenchFailed, BenchStack
from config.settings import Settings
from stack import commands
from stack.child import Child
from stack.output import FileOutput
from stack.supervisor import Supervisor

CHAIN_LENGTH = 5
_PAYLOAD = json.dumps({"payload": "x" * 585})
_CLIENTS = 8
_TASKS_PER_SECOND = 800
_CHAINS_PER_SECOND = 80
_LONE_CHAINS = 20
_DRAIN_S = 120.0
REPLY_WITHIN_S = 30
_EMPTY_POLLS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ReferenceRates:
    """Rates per second of single-row insert commits, no-op tasks and chains of five; `lone_chain_ms` is a median."""

    inserts_1: float
    inserts_8: float
    tasks: float
    chains: float
    lone_chain_ms: float


def measure_rates(bench_stack: BenchStack, *, seconds: float) -> ReferenceRates:
    """Measure every reference rate, each for about `seconds`, while the stack is idle."""
    inserts_1 = measure_insert_rate(bench_stack.settings, clients=1, seconds=seconds)
    inserts_8 = measure_insert_rate(bench_stack.settings, clients=_CLIENTS, seconds=seconds)
    with _run_no_op_worker(bench_stack) as app, connect_redis(bench_stack.settings) as redis:
        return ReferenceRates(
            inserts_1=inserts_1,
            inserts_8=inserts_8,
            tasks=_measure_chain_rate(app, redis, links=1, count=max(20, int(seconds * _TASKS_PER_SECOND))),
            chains=_measure_chain_rate(
                app, redis, links=CHAIN_LENGTH, count=max(10, int(seconds * _CHAINS_PER_SECOND))
            ),
            lone_chain_ms=_measure_lone_chain_ms(app, redis),
        )


def connect_redis(settings: Settings) -> Redis:
    """Connect to the stack's Redis for blocking reads, which the client's default timeout of 5 s would cut short."""
    return Redis.from_url(settings.redis_url or "", socket_timeout=REPLY_WITHIN_S + 5)


def measure_insert_rate(settings: Settings, *, clients: int, seconds: float) -> float:
    """Return how many single-row transactions per second commit: 600 bytes of jsonb and a unique key.

    The clients are threads of this process (psycopg), each with a connection of its own.
    """
    url = settings.database_url or ""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS bench_inserts (key text PRIMARY KEY, payload jsonb NOT NULL)")
    counts, deadline = [0] * clients, time.monotonic() + seconds
    threads = [threading.Thread(target=_insert_until, args=(url, deadline, counts, index)) for index in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP TABLE bench_inserts")
    return sum(counts) / seconds


def _insert_until(url: str, deadline: float, counts: list[int], index: int) -> None:
    """Insert rows one by one until a monotonic time, and count them at `index`."""
    run = secrets.token_hex(8)
    with psycopg.connect(url, autocommit=True) as connection:
        while time.monotonic() < deadline:
            key = f"{run}-{counts[index]}"
            connection.execute("INSERT INTO bench_inserts VALUES (%s, %s::jsonb)", (key, _PAYLOAD))
            counts[index] += 1


@contextmanager
def _run_no_op_worker(bench_stack: BenchStack) -> Iterator[Celery]:
    """Run a worker for the no-op tasks, started like the product's workers, and yield an app that sends them."""
    environment = _build_environment(bench_stack.settings)
    argv = (
        *commands.build_module_command("bench.no_op_worker", "worker", "--pool", "prefork", "--concurrency", "2"),
        *("--prefetch-multiplier", "1", "--queues", no_op_worker.QUEUE, "--hostname", "bench@%h", "--task-events"),
        *("--without-gossip", "--without-mingle"),
    )
    output = FileOutput(bench_stack.directory / "worker.log")
    try:
        with Supervisor(output) as supervisor:
            supervisor.start(Child(name="bench", argv=argv, environment=environment))
            yield no_op_worker.make_app(bench_stack.settings)
    finally:
        output.close()


def _build_environment(settings: Settings) -> dict[str, str]:
    """Build the environment in which a process finds the stack's servers."""
    urls = {
        "DATABASE_URL": settings.database_url,
        "REDIS_URL": settings.redis_url,
        "BROKER_URL": settings.broker_url,
        "SECRET_KEY": settings.secret_key,
    }
    return {**os.environ, **{name: value for name, value in urls.items() if value is not None}}


def _measure_chain_rate(app: Celery, redis: Redis, *, links: int, count: int) -> float:
    """Return how many chains of `links` no-op tasks run per second, from the first sent until the queue stays empty."""
    _time_lone_chain(app, redis, links=1)
    task = app.tasks[no_op_worker.NO_OP_TASK]
    started = time.perf_counter()
    for _ in range(count):
        chain(*[task.si()] * links).apply_async() if links > 1 else task.apply_async()
    return count / (_wait_until_empty(redis) - started)


def _wait_until_empty(redis: Redis) -> float:
    """Wait until the queue is empty at three polls running, as a next link may be under way; return the first time."""
    empty_since, empty_polls, deadline = 0.0, 0, time.monotonic() + _DRAIN_S
    while empty_polls < _EMPTY_POLLS:
        if redis.llen(no_op_worker.QUEUE):
            empty_polls = 0
        else:
            empty_since = empty_since if empty_polls else time.perf_counter()
            empty_polls += 1
        if time.monotonic() > deadline:
            raise BenchFailed("the no-op tasks were not done in time")
        time.sleep(0.01)
    return empty_since


def _measure_lone_chain_ms(app: Celery, redis: Redis) -> float:
    """Return the median time, in milliseconds, of a chain of five no-op tasks on an idle worker."""
    return statistics.median(_time_lone_chain(app, redis, links=CHAIN_LENGTH) for _ in range(_LONE_CHAINS)) * 1000


def _time_lone_chain(app: Celery, redis: Redis, *, links: int) -> float:
    """Return the seconds that a chain takes on an idle worker, until the reply of its last link."""
    name = secrets.token_hex(8)
    no_op, replying_task = app.tasks[no_op_worker.NO_OP_TASK], app.tasks[no_op_worker.REPLYING_TASK]
    started = time.perf_counter()
    chain(*[no_op.si()] * (links - 1), replying_task.si(name=name)).apply_async()
    if redis.blpop([no_op_worker.REPLY_LIST], timeout=REPLY_WITHIN_S) is None:
        raise BenchFailed("the worker for the no-op tasks did not answer")
    return time.perf_counter() - started
