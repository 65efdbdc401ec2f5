"""Where benchmarks run: a whole stack, as `up` starts it, on servers and settings that are nobody's but theirs."""

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

from bench.load import Load, Plan
from config import settings as configuration
from config.settings import Settings
from stack import accounts, commands, stack
from stack.child import Child, ChildProcess
from stack.output import FileOutput
from stack.stack import RunningStack, StackPlan

BOOK = "paper"
CONNECTIONS = 32
_LOAD_LIMIT_S = 60.0
_OTHERS = ("FAILPOINTS", "FAILPOINT_DIR", "FLOWER_BASIC_AUTH")
_POLL_S = 0.05


class BenchFailed(RuntimeError):
    """A benchmark has no result; the message says what went wrong."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """A running stack to measure: a connection to its database, its webhook's path, a directory for what is written."""

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
    ) -> Load:
        """Post alerts that no other call has posted, from a process of its own; `meanwhile` is called while it runs.

        Raises:
            BenchFailed: when the load generator does not end well.
        """
        web = urlsplit(self.stack.web_url)
        run = secrets.token_hex(4)
        plan = Plan(
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
        return _generate(plan, self.directory / f"load-{run}", meanwhile=meanwhile)

    def rows(self, query: LiteralString, **given: object) -> list[tuple[Any, ...]]:
        """Return what a query finds now; `%(name)s` stands for a given value."""
        return self.connection.execute(query, given).fetchall()

    def scalar(self, query: LiteralString, **given: object) -> Any:
        """Return the one value that a query gives."""
        ((value,),) = self.rows(query, **given)
        return value

    def await_idle(self, *, deadline_s: float) -> None:
        """Return once no signal is unfinished.

        Raises:
            BenchFailed: when some still are after `deadline_s` seconds.
        """
        if not until(lambda: not self.scalar("SELECT count(*) FROM signals WHERE status = 'open'"), deadline_s):
            raise BenchFailed(f"signals were still unfinished after {deadline_s:.0f} s")


def until(condition: Callable[[], bool], deadline_s: float) -> bool:
    """Wait for a condition; say whether it came about in time."""
    ends = time.monotonic() + deadline_s
    while not condition():
        if time.monotonic() > ends:
            return False
        time.sleep(_POLL_S)
    return True


def run(measure: Callable[[Ground], None], *, environ: Mapping[str, str] | None = None, deaths_allowed: int = 5) -> int:
    """Call `measure` on a fresh stack; stop and remove everything afterwards, Ctrl-C included.

    `environ` holds settings beside the defaults; a process that dies `deaths_allowed` times a minute ends the stack.

    Returns:
        The exit code: 0 when `measure` returned, 128 + signal when a signal came first.

    Raises:
        StackRefused, BenchFailed: when the stack does not start, or `measure` has no result.
    """
    with (
        _directory() as directory,
        defaults({"DATA_DIR": str(directory), "MAX_OPEN_PER_SYMBOL": "100000", **(environ or {})}),
    ):
        plan = StackPlan(
            settings=configuration.load(),
            data_dir=directory / "bench",
            port=_free_port(),
            flower_port=_free_port(),
            log=directory / "bench" / "log" / "bench.log",
            deaths_allowed=deaths_allowed,
        )
        return stack.run_stack(plan, on_ready=lambda ready: _measure(ready, directory, measure), stay=False)


def _measure(ready: RunningStack, directory: Path, measure: Callable[[Ground], None]) -> None:
    from operations import sources  # noqa: PLC0415 - it loads what only a running benchmark needs

    ((_, webhook),) = sources.webhook_urls(ready.settings, base=ready.web_url)
    with psycopg.connect(ready.settings.database_url or "", autocommit=True) as connection:
        measure(Ground(stack=ready, connection=connection, path=urlsplit(webhook).path, directory=directory))


def _generate(plan: Plan, file: Path, *, meanwhile: Callable[[], None] | None) -> Load:
    given, result = file.with_suffix(".plan"), file.with_suffix(".result")
    given.write_bytes(msgspec.json.encode(plan))
    output = FileOutput(file.with_suffix(".log"))
    argv = commands.module("bench.load", str(given), str(result))
    process = ChildProcess(Child(name="load", argv=argv, environment=os.environ), output)
    process.start()
    try:
        if meanwhile is not None:
            meanwhile()
        process.wait_or_kill(time.monotonic() + plan.seconds + _LOAD_LIMIT_S)
    finally:
        process.wait_or_kill(time.monotonic())
        output.close()
    if not result.exists():
        raise BenchFailed("the load generator failed: " + " / ".join(list(process.last_lines)[-3:]))
    return msgspec.json.decode(result.read_bytes(), type=Load)


@contextmanager
def _directory() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="orchestrator-bench-"))
    if accounts.service_account() is not None:
        path.chmod(0o711)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextmanager
def defaults(given: dict[str, str]) -> Iterator[None]:
    """Run the block, and what it starts, with none of our variables in the environment but the given ones."""
    before = dict(os.environ)
    for name in (*configuration.load({}).sources, *_OTHERS):
        os.environ.pop(name, None)
    os.environ.update(given)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
