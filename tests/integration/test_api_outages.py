"""What the API answers when its database is away, silent or held up: 503, and in time."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import psycopg
import pytest
from sqlalchemy import text
from werkzeug.exceptions import ServiceUnavailable

from app.api import database_access, paging
from app.web.deadlines import Deadlines
from db.core.session import Database
from stack.servers import ServerUrls
from tests.support.api import REASON, REDIS_DB, TOKEN, Service, start_api
from tests.support.builders.api_data import PopulatedApi, start_populated_api
from tests.support.pipeline import settings_for
from tests.support.servers.stacks import with_redis_database

IN_PRODUCTION = Deadlines()
PATHS = ("/signals", "/signals?format=csv", "/report", "/health", "/sources/desk")
MANY = "INSERT INTO incidents (kind, subject, detail) SELECT 'many', n::text, '{}' FROM generate_series(1, :many) AS n"


@pytest.fixture
def api(database_url: str, server_urls: ServerUrls) -> Iterator[PopulatedApi]:
    with start_populated_api(
        database_url, with_redis_database(server_urls.redis_url, REDIS_DB), deadlines=IN_PRODUCTION
    ) as running:
        yield running


def away(service: Service, path: str) -> float:
    """Ask for a path, see that the database is said to be away, and return how long that took."""
    begun = time.monotonic()
    answer = service.get(path)
    assert (answer.status_code, answer.content_type) == (503, "application/problem+json")
    assert answer.get_json()["detail"] == "the database did not answer in time"
    return time.monotonic() - begun


@pytest.mark.parametrize("path", PATHS)
def test_a_closed_port_is_told_at_once(path: str) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
    settings = settings_for(f"postgresql://x@127.0.0.1:{port}/none", "redis://127.0.0.1:1", API_TOKEN=TOKEN)
    with start_api(settings, redis_url="redis://127.0.0.1:1", deadlines=IN_PRODUCTION) as service:
        assert away(service, path) < 2


def test_a_server_that_says_nothing_is_given_up_within_five_seconds() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"postgresql://x@127.0.0.1:{silent.getsockname()[1]}/none"
        with start_api(
            settings_for(url, "redis://127.0.0.1:1", API_TOKEN=TOKEN), redis_url="redis://x", deadlines=IN_PRODUCTION
        ) as service:
            took_s = away(service, "/signals")
            answer = service.post("/policy/pause", {"book": "paper", "reason": REASON})

    assert took_s < IN_PRODUCTION.api_s + 1
    assert answer.status_code == 503


def test_a_table_that_is_held_up_is_told_in_time_to_all_who_ask_and_then_it_goes_on(
    api: PopulatedApi, database_url: str
) -> None:
    begun = time.monotonic()

    with psycopg.connect(database_url) as connection, ThreadPoolExecutor(8) as asking:
        connection.execute("LOCK TABLE signals IN ACCESS EXCLUSIVE MODE")
        took_s = list(asking.map(lambda _: away(api.service, "/signals"), range(8)))

    assert max(took_s) < IN_PRODUCTION.api_s + 1
    assert time.monotonic() - begun < 2 * IN_PRODUCTION.api_s
    assert api.service.get("/signals").status_code == 200


def test_what_takes_long_is_worked_out_and_holds_nobody_else_up(api: PopulatedApi) -> None:
    access = api.service.app.extensions[database_access.EXTENSION]

    def slow(database: Database) -> str:
        with database.transaction() as session:
            return str(session.execute(text("SELECT 'worked out' FROM pg_sleep(3.5)")).scalar_one())

    with ThreadPoolExecutor(2) as asking:
        thought = asking.submit(access.run_slow, slow)
        begun = time.monotonic()
        assert api.service.get("/signals").status_code == 200
        beside_s = time.monotonic() - begun
        with pytest.raises(ServiceUnavailable):
            access.run(slow)

        assert thought.result(10) == "worked out"
    assert beside_s < 3


def test_a_sheet_whose_database_goes_away_says_at_its_end_that_it_is_not_whole(
    api: PopulatedApi, database_url: str
) -> None:
    with api.service.database.transaction() as session:
        session.execute(text(MANY), {"many": 2 * paging.MOST})
    answer = api.service.get("/incidents?kind=many&format=csv")
    chunks = answer.iter_encoded()
    header, first = next(chunks), next(chunks)

    with psycopg.connect(database_url) as connection:
        connection.execute("LOCK TABLE incidents IN ACCESS EXCLUSIVE MODE")
        (last,) = chunks

    assert header.startswith(b"incident_id,kind,subject")
    assert first.count(b"\r\n") == paging.MOST
    assert last == b"ERROR: the list breaks off here,the database did not answer in time,,,,,\r\n"
    assert last.count(b",") == header.count(b",") + 1
