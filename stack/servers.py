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
from stack.accounts import ServiceAccount
from stack.errors import StackRefused
from stack.output import FileOutput
from stack.supervisor import Supervisor


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerUrls:
    """The URLs of the servers; when Redis was not started, nothing answers at its URLs."""

    database_url: str
    redis_url: str

    @property
    def broker_url(self) -> str:
        """The Redis URL in Celery's and Flower's spelling, which differs from redis-py's for unix sockets."""
        return redis_server.broker_url(self.redis_url)


@contextmanager
def run_servers(data_dir: Path, *, redis: bool = True) -> Iterator[ServerUrls]:
    """Run the embedded servers of the instance `data_dir` for the duration of the block.

    As root the servers run under another account, which must be able to enter the directory;
    `run_temporary_servers` creates one that it can.

    Raises:
        StackRefused: when the servers cannot run there; InstanceBusy when a stack runs there already.
    """
    account = prepare_instance(data_dir)
    with runfile.lock_instance(data_dir):
        output = FileOutput(data_dir / "log" / "servers.log")
        try:
            with Supervisor(output) as supervisor:
                yield start_servers(supervisor, data_dir, account, database=True, redis=redis)
        finally:
            datadir.remove_socket_directory(data_dir)
            output.close()


@contextmanager
def run_temporary_servers(*, redis: bool = True, within: Path | None = None) -> Iterator[ServerUrls]:
    """Run embedded servers on a fresh data directory `within` a given one, which is removed afterwards."""
    directory = Path(tempfile.mkdtemp(prefix="orchestrator-", dir=within))
    if accounts.choose_service_account() is not None:
        directory.chmod(0o711)
    try:
        with run_servers(directory / "temporary", redis=redis) as urls:
            yield urls
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def prepare_instance(data_dir: Path) -> ServiceAccount | None:
    """Prepare the instance directory; return the account that its servers run as (None: the caller's).

    Raises:
        StackRefused: naming the directory when it is not writable.
    """
    try:
        account = accounts.choose_service_account(postgres.data_directory(data_dir))
        datadir.create_instance(data_dir, account)
        usable = os.access(data_dir, os.R_OK | os.W_OK | os.X_OK)
    except PermissionError:
        usable = False
    if not usable:
        raise StackRefused(f"no permission to use {data_dir}; give another place with --data-dir or DATA_DIR")
    return account


def wipe_instance(data_dir: Path) -> None:
    """Remove all data of an instance, once its previous servers have ended; the lock stays."""
    postgres.await_previous(data_dir)
    redis_server.await_previous(data_dir)
    datadir.wipe_instance(data_dir)


def start_servers(
    supervisor: Supervisor, data_dir: Path, account: ServiceAccount | None, *, database: bool, redis: bool
) -> ServerUrls:
    """Start the requested servers and return their URLs once they answer.

    Raises:
        StackRefused: naming what prevents a server from running here.
    """
    datadir.require_enterable(data_dir, account)
    sockets = datadir.create_socket_directory(data_dir, account)
    if redis:
        supervisor.start(redis_server.build_child(data_dir, sockets, account))
    if database:
        installation = postgres.prepare_installation(data_dir, account)
        supervisor.start(postgres.build_child(data_dir, installation, sockets, account))
        postgres.ensure_database(sockets)
    return ServerUrls(database_url=postgres.build_url(sockets), redis_url=redis_server.redis_url(sockets))


@contextmanager
def open_database(settings: Settings, *, data_dir: Path | None = None) -> Iterator[Settings]:
    """Yield settings with a database for a data command, and with the secret key that belongs to it.

    DATABASE_URL is used as it is. Otherwise the instance `data_dir` (default: the one used last, named on stderr) is
    joined where its stack runs, or its database is started for the duration of the block.

    Raises:
        StackRefused: when there is no database yet.
    """
    if settings.database_url is not None:
        yield datadir.ensure_secret_key(settings, data_dir or datadir.instance_directory(settings, "main"))
        return
    directory = data_dir or require_current(settings)
    joined = runfile.find_running_stack(directory)
    if joined is None and not postgres.has_database(directory):
        raise StackRefused(f"there is no database in {directory} yet; run `orchestrator up` or `orchestrator demo`")
    keyed = datadir.ensure_secret_key(settings, directory)
    if joined is None:
        try:
            with run_servers(directory, redis=False) as urls:
                yield replace(keyed, database_url=urls.database_url)
                return
        except runfile.InstanceBusy as busy:
            # A stack started while this command waited for the lock.
            joined = busy.run
            if joined is None:
                raise
    yield replace(keyed, database_url=joined.database_url, redis_url=joined.redis_url, broker_url=joined.broker_url)


def require_current(settings: Settings) -> Path:
    """Return the instance that was used last, and print it; raise StackRefused when there is none."""
    directory = datadir.read_current(settings)
    if directory is None:
        raise StackRefused(
            f"nothing was run in {datadir.data_root(settings)} yet; "
            "run `orchestrator up` or `orchestrator demo` first, or set DATABASE_URL"
        )
    sys.stderr.write(f"using {directory}\n")
    return directory
