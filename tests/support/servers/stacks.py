"""A stack of our own processes on a database and a Redis of its own, and what a test wants to ask it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
from psycopg.rows import dict_row
from redis import Redis

from config import settings as configuration
from config.settings import Settings
from db.core import migrate
from db.core.session import Database
from domain.signal import Stage
from stack import runfile
from stack.runfile import RunFile
from stack.servers import ServerUrls
from tasks import pipeline
from tests.conftest import a_copy, with_database
from tests.support.servers.processes import ORCHESTRATOR, Processes
from tests.support.waiting import until

EFFECTS = """
    SELECT (SELECT count(*) FROM signals) AS signals, (SELECT count(*) FROM market_contexts) AS contexts,
        (SELECT count(*) FROM experiments) AS experiments, (SELECT count(*) FROM execution_policies) AS policies,
        (SELECT count(*) FROM decisions) AS decisions, (SELECT count(*) FROM trades) AS trades,
        (SELECT count(*) FROM orders) AS orders, (SELECT count(*) FROM fills) AS fills,
        (SELECT count(*) FROM trade_outcomes) AS outcomes, (SELECT count(*) FROM paper_ledger) AS sent
"""


@dataclass(kw_only=True)
class Stack:
    """Processes with a database (`database` in this process, prepared with books, policy and studies)."""

    processes: Processes
    database: Database
    web_url: str = ""

    @property
    def settings(self) -> Settings:
        """The settings the processes run under."""
        return configuration.load(self.processes.environment)

    def start_web(self) -> None:
        """Start the web process and let commands find it."""
        self.web_url = self.processes.start_web()
        directory = self.processes.directory
        runfile.write_run_file(
            directory,
            RunFile(
                pid=os.getpid(),
                data_dir=str(directory),
                database_url=self.processes.database_url,
                redis_url=self.processes.redis_url,
                broker_url=self.settings.broker_url or "",
                web_url=self.web_url,
                flower_url="",
                sockets=None,
                processes={},
            ),
        )

    def rows(self, query: str, **given: Any) -> list[dict[str, Any]]:
        """Return rows as dictionaries; parameters are written %(name)s."""
        with psycopg.connect(self.processes.database_url, row_factory=dict_row) as connection:
            return connection.execute(query, given).fetchall()

    def effects(self) -> dict[str, Any]:
        """Return how many rows of each kind there are."""
        return self.rows(EFFECTS)[0]

    def unfinished(self, ids: Sequence[UUID]) -> list[dict[str, Any]]:
        """Return those signals that are not done, with why."""
        return self.rows(
            "SELECT signal_id, stage, status, attempts, last_error FROM signals"
            " WHERE signal_id = ANY(%(ids)s) AND status <> 'done'",
            ids=list(ids),
        )

    def wait_done(self, ids: Sequence[UUID], *, deadline_s: float = 30.0) -> None:
        """Return when all signals are done."""
        until(lambda: not self.unfinished(ids), deadline_s=deadline_s, what=f"the end of {len(ids)} signals")

    def post(self, url: str, body: dict[str, Any]) -> UUID:
        """Post an alert that must be accepted and return its signal's id."""
        request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=5) as answer:
            document = json.load(answer)
        assert document["status"] == "accepted", document
        return UUID(document["signal_id"])

    def run(self, *arguments: str, timeout_s: float = 60.0) -> subprocess.CompletedProcess[str]:
        """Run `orchestrator ARGUMENTS` to its end."""
        return subprocess.run(
            [ORCHESTRATOR, *arguments],
            env=self.processes.environment,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def asked(self, *arguments: str) -> Any:
        """Run a command with --json that must end well and return its document."""
        done = self.run(*arguments, "--json")
        assert done.returncode == 0, done.stderr + done.stdout
        return json.loads(done.stdout)

    def forget_messages(self) -> None:
        """Empty the Redis database, as if it had lost its memory."""
        with Redis.from_url(self.processes.redis_url) as client:
            client.flushdb()

    def enqueue(self, ids: Sequence[UUID], *, reached: Stage = Stage.RECEIVED) -> None:
        """Send signals on their way from the stage they have reached, as the web process does."""
        pipeline.connect(self.settings)
        pipeline.enqueue(ids, reached=reached)


@contextmanager
def a_stack(
    server_urls: ServerUrls, template_database: str, directory: Path, *, redis_db: int, **environ: str
) -> Iterator[Stack]:
    """Give a stack without processes, on a database of its own; everything is gone afterwards."""
    redis_url = with_redis_database(server_urls.redis_url, redis_db)
    with a_database(server_urls, template_database) as url, a_stack_on(url, redis_url, directory, environ) as stack:
        yield stack


@contextmanager
def a_stack_on(database_url: str, redis_url: str, directory: Path, environ: dict[str, str]) -> Iterator[Stack]:
    """Give a stack without processes on a migrated database and a Redis database that are the test's own."""
    with Processes(database_url=database_url, redis_url=redis_url, directory=directory, extra=environ) as processes:
        stack = Stack(processes=processes, database=Database(migrate.driver_url(database_url)))
        try:
            stack.forget_messages()
            pipeline.prepare(stack.settings)
            yield stack
        finally:
            stack.database.dispose()
    stack.forget_messages()


@contextmanager
def a_database(server_urls: ServerUrls, template_database: str) -> Iterator[str]:
    """Give the URL of a fresh migrated database, which is dropped afterwards."""
    with a_copy(server_urls, template_database) as name:
        yield with_database(server_urls.database_url, name)


def with_redis_database(url: str, number: int) -> str:
    """Return the URL with another database of the same Redis."""
    if url.startswith("unix://"):
        return f"{url.partition('?')[0]}?db={number}"
    scheme, _, rest = url.partition("://")
    return f"{scheme}://{rest.partition('/')[0]}/{number}"


def children_of(pid: int) -> list[int]:
    """Return the process ids of all descendants."""
    found, parents = list[int](), _parents()
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        mine = [child for child, parent in parents.items() if parent == one]
        found += mine
        waiting += mine
    return found


def alive(pids: Sequence[int]) -> list[int]:
    """Return those processes that still run; one that ended and was not collected does not."""
    return [pid for pid in pids if _state(pid) not in (None, "Z")]


def kill(pid: int) -> None:
    """Kill -9 a process that may be gone already."""
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def http_status(url: str) -> int | None:
    """Return the status of a GET, None when nobody answers."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code
    except OSError:
        return None


def _parents() -> dict[int, int]:
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    stats = ((pid, _stat(pid)) for pid in pids)
    return {pid: int(stat[1]) for pid, stat in stats if stat}


def _state(pid: int) -> str | None:
    stat = _stat(pid)
    return stat[0] if stat else None


def _stat(pid: int) -> list[str]:
    """Return what /proc says of a process from its state on: state, parent, ..."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []
