"""The embedded servers of an instance, for as long as a block runs."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from config.settings import Settings
from stack import accounts, datadir, postgres, runfile
from stack import redis as redis_server
from stack.accounts import Account
from stack.errors import StackRefused
from stack.output import FileOutput
from stack.supervisor import Supervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerUrls:
    """How to reach the servers; where Redis was not asked for, nothing answers at its URLs."""

    database_url: str
    redis_url: str

    @property
    def broker_url(self) -> str:
        """The Redis URL as Celery and Flower spell it; they write a unix socket in another way than redis-py."""
        return redis_server.broker_url(self.redis_url)


@contextmanager
def servers(data_dir: Path, *, redis: bool = True) -> Iterator[ServerUrls]:
    """Run the embedded servers of the instance `data_dir` for the duration of the block.

    As root the servers run under another account, which must be able to enter the directory;
    `temporary_servers` makes one that it can.

    Raises:
        StackRefused: when the servers cannot run there; InstanceBusy when a stack runs there already.
    """
    account = prepare(data_dir)
    with runfile.held(data_dir):
        output = FileOutput(data_dir / "log" / "servers.log")
        try:
            with Supervisor(output) as supervisor:
                yield start(supervisor, data_dir, account, database=True, redis=redis)
        finally:
            datadir.drop_socket_directory(data_dir)
            output.close()


@contextmanager
def temporary_servers(*, redis: bool = True, within: Path | None = None) -> Iterator[ServerUrls]:
    """Run embedded servers on a fresh data directory `within` a given one, which is removed afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="orchestrator-", dir=within))
    if accounts.service_account() is not None:
        directory.chmod(0o711)
    try:
        with servers(directory / "temporary", redis=redis) as urls:
            yield urls
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def prepare(data_dir: Path) -> Account | None:
    """Prepare the instance directory and tell which account its servers run as (None: the caller).

    Raises:
        StackRefused: naming the directory when we cannot write there.
    """
    try:
        account = accounts.service_account(postgres.data_directory(data_dir))
        datadir.prepare(data_dir, account)
        usable = os.access(data_dir, os.R_OK | os.W_OK | os.X_OK)
    except PermissionError:
        usable = False
    if not usable:
        raise StackRefused(f"no permission to use {data_dir}; give another place with --data-dir or DATA_DIR")
    return account


def wipe(data_dir: Path) -> None:
    """Remove everything that an instance consists of, once its previous servers have ended; the lock stays."""
    postgres.await_previous(data_dir)
    redis_server.await_previous(data_dir)
    datadir.wipe(data_dir)


def start(
    supervisor: Supervisor, data_dir: Path, account: Account | None, *, database: bool, redis: bool
) -> ServerUrls:
    """Start the servers that are wanted and return how to reach them once they answer.

    Raises:
        StackRefused: saying what keeps a server from running here.
    """
    datadir.require_passable(data_dir, account)
    sockets = datadir.socket_directory(data_dir, account)
    if redis:
        supervisor.start(redis_server.child(data_dir, sockets, account))
    if database:
        installation = postgres.prepare(data_dir, account)
        supervisor.start(postgres.child(data_dir, installation, sockets, account))
        postgres.ensure_database(sockets)
    return ServerUrls(database_url=postgres.url(sockets), redis_url=redis_server.redis_url(sockets))


@contextmanager
def database(settings: Settings, *, data_dir: Path | None = None) -> Iterator[Settings]:
    """Yield settings with a database for a data command, and with the secret key that belongs to it.

    DATABASE_URL is used as it is. Otherwise the instance `data_dir` (default: the one used last, named on stderr) is
    joined where its stack runs, or its database is started for the duration of the block.

    Raises:
        StackRefused: when there is no database yet.
    """
    if settings.database_url is not None:
        yield datadir.with_secret_key(settings, data_dir or datadir.instance(settings, "main"))
        return
    directory = data_dir or _current(settings)
    joined = runfile.joinable(directory)
    if joined is None and not postgres.exists(directory):
        raise StackRefused(f"there is no database in {directory} yet; run `orchestrator up` or `orchestrator demo`")
    keyed = datadir.with_secret_key(settings, directory)
    if joined is None:
        try:
            with servers(directory, redis=False) as urls:
                yield replace(keyed, database_url=urls.database_url)
                return
        except runfile.InstanceBusy as busy:
            # A stack came up while this command waited for its turn.
            joined = busy.run
            if joined is None:
                raise
    yield replace(keyed, database_url=joined.database_url, redis_url=joined.redis_url, broker_url=joined.broker_url)


def _current(settings: Settings) -> Path:
    directory = datadir.current(settings)
    if directory is None:
        raise StackRefused(
            f"nothing was run in {datadir.root(settings)} yet; run `orchestrator up` or `orchestrator demo` first, "
            "or set DATABASE_URL"
        )
    sys.stderr.write(f"using {directory}\n")
    return directory
