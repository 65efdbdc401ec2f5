"""Connections to the database: their names, and a pooler that swallows their timeouts."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import psycopg
import pytest

from db.core import migrate, timeouts
from db.core.timeouts import TimeoutsIgnored
from stack.servers import ServerUrls
from tests.support.servers.option_dropper import a_dropper
from tests.support.servers.processes import ORCHESTRATOR
from tests.support.servers.stacks import a_stack
from tests.support.waiting import until

REDIS_DB = 12


def socket_of(url: str) -> Path:
    """Return the path of Postgres's unix socket."""
    return Path(parse_qs(urlsplit(url).query)["host"][0]) / ".s.PGSQL.5432"


def through(url: str, port: int) -> str:
    """Return the URL of the same database behind a port."""
    parts = urlsplit(url)
    return f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}?sslmode=disable"


def test_the_servers_own_connection_has_the_timeouts(database_url: str) -> None:
    timeouts.require_timeouts(migrate.driver_url(database_url))


@pytest.mark.parametrize("refuses", [False, True])
def test_a_pooler_that_swallows_or_refuses_timeouts_stops_the_start_with_the_cure(
    database_url: str, *, refuses: bool
) -> None:
    with a_dropper(socket_of(database_url), refuses=refuses) as port:
        url = through(database_url, port)
        with pytest.raises(TimeoutsIgnored, match="connect to Postgres itself"):
            timeouts.require_timeouts(migrate.driver_url(url))


def test_a_worker_behind_such_a_pooler_does_not_start(database_url: str, server_urls: ServerUrls) -> None:
    with a_dropper(socket_of(database_url)) as port:
        environ = {**os.environ, "DATABASE_URL": through(database_url, port), "REDIS_URL": server_urls.redis_url}
        done = subprocess.run(
            [ORCHESTRATOR, "run", "worker", "--queues", "orders"],
            env={**environ, "SECRET_KEY": "a secret key for tests only"},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    assert done.returncode == 2
    assert "DATABASE_URL: the server ignores statement_timeout (asked for 30 s, in force: 0 s)" in done.stderr


def test_every_connection_says_which_process_it_belongs_to(
    server_urls: ServerUrls, template_database: str, tmp_path: Path
) -> None:
    names = "SELECT DISTINCT application_name FROM pg_stat_activity WHERE datname = current_database() AND pid <> %s"
    with a_stack(server_urls, template_database, tmp_path, redis_db=REDIS_DB) as stack:
        stack.processes.start_worker()
        stack.start_web()
        with psycopg.connect(stack.processes.database_url) as connection:

            def find_names() -> set[str]:
                rows = connection.execute(names, [connection.info.backend_pid]).fetchall()
                connection.rollback()
                return {str(name) for (name,) in rows}

            stack.enqueue([UUID(int=7)])
            until(lambda: "orchestrator worker" in find_names(), what=f"the worker among {find_names()}")
            token = stack.asked("sources", "add", "desk")["token"]
            stack.post(f"{stack.web_url}/webhook/{token}", {"symbol": "BTCUSDT", "action": "buy", "price": "1"})
            until(lambda: "orchestrator web" in find_names(), what=f"web among {find_names()}")

            assert "" not in find_names()
