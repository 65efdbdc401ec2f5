"""Servers that a test starts itself and may therefore kill, stop and freeze: the embedded Redis and Postgres."""

from __future__ import annotations

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from stack import datadir, postgres
from stack import redis as redis_server
from stack.accounts import ServiceAccount
from stack.child import Child, ChildProcess
from stack.output import FileOutput
from stack.servers import prepare_instance
from tests.support.local_stack import a_directory
from tests.support.servers.stacks import alive, children_of
from tests.support.waiting import until

STARTS_WITHIN_S = 60.0


class Server:
    """One server process of ours; nothing restarts it but `start`."""

    def __init__(self, child: Child, log: Path) -> None:
        self._child = child
        self._output = FileOutput(log)
        self._process = ChildProcess(child, self._output)

    def start(self) -> None:
        """Start it unless it runs, and return when it answers; after a kill the first tries may fail."""
        until(self._is_ready, deadline_s=STARTS_WITHIN_S, what=f"{self._child.name} answers")

    def end(self, signum: signal.Signals) -> None:
        """Send a signal that ends it, and wait until it is gone with all its children."""
        family = self._family()
        os.kill(family[0], signum)
        self._process.wait_or_kill(time.monotonic() + STARTS_WITHIN_S)
        until(lambda: not alive(family), what=f"the end of {self._child.name} and its children")

    def freeze(self) -> None:
        """Stop it and its children where they are."""
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let them go on."""
        self._signal(signal.SIGCONT)

    def _signal(self, signum: signal.Signals) -> None:
        for one in self._family():
            with suppress(ProcessLookupError):
                os.kill(one, signum)

    def close(self) -> None:
        """End it, whatever state it is in."""
        if self._process.pid is not None:
            self.thaw()
            self.end(signal.SIGKILL)
        self._output.close()

    def _family(self) -> list[int]:
        assert self._process.pid is not None, f"{self._child.name} does not run"
        return [self._process.pid, *children_of(self._process.pid)]

    def _is_ready(self) -> bool:
        assert self._child.ready is not None
        if self._process.pid is None or self._process.reap() is not None:
            self._process.start()
        return self._child.ready()


class Place:
    """An instance directory for servers, which the account they run as can enter."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.account: ServiceAccount | None = prepare_instance(directory)
        self.sockets = datadir.create_socket_directory(directory, self.account)

    def redis(self) -> Server:
        """Return the embedded Redis, not yet started."""
        child = redis_server.build_child(self.directory, self.sockets, self.account)
        return Server(child, self.directory / "redis.log")

    def postgres(self) -> Server:
        """Return the embedded Postgres with a fresh data directory, not yet started."""
        installation = postgres.prepare_installation(self.directory, self.account)
        child = postgres.build_child(self.directory, installation, self.sockets, self.account)
        return Server(child, self.directory / "postgres.log")

    @property
    def database_url(self) -> str:
        """How the Postgres is reached."""
        return postgres.build_url(self.sockets)

    def forget_redis(self) -> None:
        """Remove what a stopped Redis has kept."""
        shutil.rmtree(self.directory / "redis" / "appendonlydir", ignore_errors=True)


@contextmanager
def a_place() -> Iterator[Place]:
    """Give a place for servers; it is removed afterwards."""
    with a_directory() as root:
        place = Place(root / "servers")
        try:
            yield place
        finally:
            datadir.remove_socket_directory(place.directory)


@contextmanager
def running(server: Server) -> Iterator[Server]:
    """Run a server for the duration of the block."""
    server.start()
    try:
        yield server
    finally:
        server.close()
