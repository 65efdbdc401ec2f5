"""The fresh stack on which a benchmark runs: all processes that `up` starts, with temporary servers and settings."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, LiteralString
from urllib.parse import urlsplit

import msgspec
import psycopg

from bench.load_generator import LoadPlan, LoadResult
from config import settings as configuration
from config.settings import Settings
from stack import accounts, commands, procfile, stack
from stack.child import Child, ChildProcess
from stack.output import FileOutput
from stack.stack import RunningStack, StackPlan

BOOK = "paper"
CONNECTIONS = 32
_GENERATOR_GRACE_S = 60.0
_UNDECLARED_VARIABLES = ("FAILPOINTS", "FAILPOINT_DIR", "FLOWER_BASIC_AUTH")
_POLL_INTERVAL_S = 0.05
# A measurement asks no exchange.
_ENVIRONMENT = {"MAX_OPEN_PER_SYMBOL": "100000", "MARKET_DATA": "alert"}


class BenchFailed(RuntimeError):
    """A benchmark has no result; the message says what went wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchStack:
    """A running stack to measure: a connection to its database, its webhook's path, and a directory for files."""

    stack: RunningStack
    connection: psycopg.Connection
    path: str
    directory: Path

    @property
    def settings(self) -> Settings:
        """The stack's settings, with the URLs of its servers."""
        return self.stack.settings

    def post(
        self,
        *,
        seconds: float,
        connections: int = CONNECTIONS,
        count: int | None = None,
        rate: float | None = None,
        meanwhile: Callable[[], None] | None = None,
    ) -> LoadResult:
        """Post new alerts from a load generator process; `meanwhile` is called while it runs.

        Raises:
            BenchFailed: when the load generator fails.
        """
        web = urlsplit(self.stack.web_url)
        run = secrets.token_hex(4)
        plan = LoadPlan(
            host=web.hostname or "",
            port=web.port or 0,
            path=self.path,
            run=run,
            at=datetime.now(UTC),
            connections=connections,
            seconds=seconds,
            count=count,
            rate=rate,
        )
        return _run_load_generator(plan, self.directory / f"load-{run}", meanwhile=meanwhile)

    def rows(self, query: LiteralString, **parameters: object) -> list[tuple[Any, ...]]:
        """Return the rows of a query; `%(name)s` stands for a parameter."""
        return self.connection.execute(query, parameters).fetchall()

    def scalar(self, query: LiteralString, **parameters: object) -> Any:
        """Return the single value of a query."""
        ((value,),) = self.rows(query, **parameters)
        return value

    def wait_until_idle(self, *, deadline_s: float) -> None:
        """Wait until no signal is open.

        Raises:
            BenchFailed: when some are still open after `deadline_s` seconds.
        """
        if not wait_until(lambda: not self.scalar("SELECT count(*) FROM signals WHERE status = 'open'"), deadline_s):
            raise BenchFailed(f"signals were still unfinished after {deadline_s:.0f} s")


def wait_until(condition: Callable[[], bool], deadline_s: float) -> bool:
    """Wait until a condition holds; return False when it does not within `deadline_s` seconds."""
    ends = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > ends:
            return False
        time.sleep(_POLL_INTERVAL_S)
    return True


def run_on_fresh_stack(
    measure: Callable[[BenchStack], None],
    *,
    environ: Mapping[str, str] | None = None,
    deaths_allowed: int = 5,
    processes: Path | None = None,
) -> int:
    """Start a fresh stack, call `measure` on it, and stop and remove everything afterwards, also after Ctrl-C.

    `environ` holds settings other than the defaults; a process that dies `deaths_allowed` times a minute ends
    the stack. `processes` is a Procfile in place of the product's.

    Returns:
        The exit code: 0 when `measure` returned, 128 + signal when a signal came first.

    Raises:
        StackRefused, BenchFailed: when the stack does not start, or `measure` has no result.
    """
    with (
        _temporary_directory() as directory,
        clean_environment({**_ENVIRONMENT, "DATA_DIR": str(directory), **(environ or {})}),
    ):
        plan = StackPlan(
            settings=configuration.load(),
            data_dir=directory / "bench",
            port=_find_free_port(),
            flower_port=_find_free_port(),
            log=directory / "bench" / "log" / "bench.log",
            deaths_allowed=deaths_allowed,
            procfile=processes or procfile.default_path(),
        )
        return stack.run_stack(
            plan, on_ready=lambda running_stack: _measure_ready_stack(running_stack, directory, measure), stay=False
        )


def _measure_ready_stack(running_stack: RunningStack, directory: Path, measure: Callable[[BenchStack], None]) -> None:
    """Call `measure` with the running stack, a connection to its database and its webhook's path."""
    from operations import sources  # noqa: PLC0415 - it loads what only a running benchmark needs

    ((_, webhook),) = sources.list_webhook_urls(running_stack.settings, base=running_stack.web_url)
    with psycopg.connect(running_stack.settings.database_url or "", autocommit=True) as connection:
        # A benchmark's alerts are entries only, and each of them trades for real.
        connection.execute("UPDATE sources SET pyramiding = 1000000")
        measure(
            BenchStack(stack=running_stack, connection=connection, path=urlsplit(webhook).path, directory=directory)
        )


def _run_load_generator(plan: LoadPlan, path: Path, *, meanwhile: Callable[[], None] | None) -> LoadResult:
    """Run the load generator as a process and return its result; the plan and result are files."""
    plan_file, result = path.with_suffix(".plan"), path.with_suffix(".result")
    plan_file.write_bytes(msgspec.json.encode(plan))
    output = FileOutput(path.with_suffix(".log"))
    argv = commands.build_module_command("bench.load_generator", str(plan_file), str(result))
    process = ChildProcess(Child(name="load", argv=argv, environment=os.environ), output)
    process.start()
    try:
        if meanwhile is not None:
            meanwhile()
        process.wait_or_kill(time.monotonic() + plan.seconds + _GENERATOR_GRACE_S)
    finally:
        process.wait_or_kill(time.monotonic())
        output.close()
    if not result.exists():
        raise BenchFailed("the load generator failed: " + " / ".join(list(process.last_lines)[-3:]))
    return msgspec.json.decode(result.read_bytes(), type=LoadResult)


@contextmanager
def _temporary_directory() -> Iterator[Path]:
    """Make a directory for the block, which a service account can enter where processes run as one."""
    path = Path(tempfile.mkdtemp(prefix="orchestrator-bench-"))
    if accounts.choose_service_account() is not None:
        path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def clean_environment(variables: dict[str, str]) -> Iterator[None]:
    """Run the block, and the processes it starts, with the given ones as the only variables of the product."""
    previous = dict(os.environ)
    for name in (*configuration.load({}).sources, *_UNDECLARED_VARIABLES):
        os.environ.pop(name, None)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(previous)


def _find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
