"""Servers for the tests: the embedded ones, or those named by TEST_DATABASE_URL and TEST_REDIS_URL."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
import structlog
from hypothesis import HealthCheck, settings
from structlog.contextvars import clear_contextvars

from db.core import migrate
from stack.servers import ServerUrls, run_temporary_servers
from tests.support.servers import file_location

TEMPLATE = "orchestrator_template"

# No process that a test starts asks an exchange, unless the test says so.
os.environ.setdefault("MARKET_DATA", "alert")

_configure_logging = structlog.configure


def _configure_without_cache(**options: Any) -> None:
    """Configure logging as asked, with loggers made at each use: kept ones would not notice that a test captures."""
    _configure_logging(**options | {"cache_logger_on_first_use": False})


structlog.configure = _configure_without_cache  # type: ignore[assignment]  # it takes only keywords here

# How long examples take says how busy the machine is, not whether the code is right.
settings.register_profile("any_machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("any_machine")


@pytest.fixture(autouse=True)
def _unbound_log_context() -> None:
    """Begin each test without what another one bound to its log records."""
    clear_contextvars()


@pytest.fixture(scope="session", autouse=True)
def _own_list_of_running_stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Keep commands of tests from the stacks that the user of this machine runs, and the other way round."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data-home")))
        yield


@pytest.fixture(scope="session")
def shared_directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a directory that all processes of this run of the tests share."""
    own = tmp_path_factory.getbasetemp()
    return own.parent if "PYTEST_XDIST_WORKER" in os.environ else own


@pytest.fixture(scope="session")
def server_urls() -> Iterator[ServerUrls]:
    """Give a Postgres and a Redis for the whole run."""
    given = os.environ.get("TEST_DATABASE_URL"), os.environ.get("TEST_REDIS_URL")
    if given[0] and given[1]:
        yield ServerUrls(database_url=given[0], redis_url=given[1])
        return
    with run_temporary_servers(within=file_location.directory()) as urls:
        yield urls


@pytest.fixture(scope="session")
def template_database(server_urls: ServerUrls) -> Iterator[str]:
    """Give the name of a migrated, empty database that tests copy."""
    name = f"{TEMPLATE}_{uuid4().hex[:8]}"
    with psycopg.connect(server_urls.database_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    migrate.upgrade(with_database(server_urls.database_url, name))
    yield name
    with psycopg.connect(server_urls.database_url, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def database_url(server_urls: ServerUrls, template_database: str) -> Iterator[str]:
    """Give a fresh, migrated database for one test."""
    with a_copy(server_urls, template_database) as name:
        yield with_database(server_urls.database_url, name)


@contextmanager
def a_copy(server_urls: ServerUrls, template: str) -> Iterator[str]:
    """Give the name of a copy of a database, which is dropped afterwards."""
    name = f"orchestrator_test_{uuid4().hex[:12]}"
    with psycopg.connect(server_urls.database_url, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    try:
        yield name
    finally:
        with psycopg.connect(server_urls.database_url, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def empty_database(server_urls: ServerUrls) -> Iterator[Callable[[], str]]:
    """Give a way to make empty databases, which are dropped at the end."""
    made: list[str] = []

    def make() -> str:
        made.append(f"orchestrator_empty_{uuid4().hex[:12]}")
        with psycopg.connect(server_urls.database_url, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{made[-1]}"')
        return with_database(server_urls.database_url, made[-1])

    yield make
    with psycopg.connect(server_urls.database_url, autocommit=True) as connection:
        for name in made:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


def with_database(url: str, name: str) -> str:
    """Return the URL with another database name."""
    base, mark, query = url.partition("?")
    scheme, _, rest = base.partition("://")
    host = rest.partition("/")[0]
    return f"{scheme}://{host}/{name}{mark}{query}"
