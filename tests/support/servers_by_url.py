"""The second leg: the tests that need servers, on servers handed over by URL.

Those on their standard local ports are used where they answer; else embedded ones are started here and their URLs
given to the tests, which then take the same way as with anybody's servers.

Usage: python -m tests.support.servers_by_url PYTEST_ARGS
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import redis

from stack.servers import ServerUrls, run_temporary_servers
from tests.support.servers import file_location

_LOCAL_POSTGRES = "postgresql://postgres@127.0.0.1:5432/postgres?connect_timeout=2"
_LOCAL_REDIS = "redis://127.0.0.1:6379/9"


@contextmanager
def given() -> Iterator[ServerUrls]:
    """Give the machine's own servers, or embedded ones by their URLs."""
    if _answers():
        yield ServerUrls(database_url=_LOCAL_POSTGRES, redis_url=_LOCAL_REDIS)
        return
    with run_temporary_servers(within=file_location.directory()) as urls:
        yield urls


def _answers() -> bool:
    try:
        with psycopg.connect(_LOCAL_POSTGRES) as connection:
            may_create = connection.execute("SELECT rolcreatedb FROM pg_roles WHERE rolname = current_user").fetchone()
        return may_create == (True,) and bool(redis.Redis.from_url(_LOCAL_REDIS, socket_timeout=2).ping())
    except (psycopg.Error, redis.RedisError):
        return False


def main() -> int:
    """Run pytest with the servers' URLs in its environment."""
    with given() as urls:
        print(f"Postgres {urls.database_url}\nRedis    {urls.redis_url}", flush=True)  # noqa: T201 - the log of a test run
        environment = {**os.environ, "TEST_DATABASE_URL": urls.database_url, "TEST_REDIS_URL": urls.redis_url}
        command = [sys.executable, "-m", "pytest", *sys.argv[1:]]
        return subprocess.run(command, env=environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
