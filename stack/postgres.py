"""The embedded Postgres: a data directory in an instance, served by a direct child of the supervisor.

It listens on one unix socket in a private directory, on no port; an account that can enter the directory is trusted.
Everything is durable (fsync, checksums), so a killed server comes back with every committed row.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from pathlib import Path

import psycopg
from psycopg import sql

from stack import accounts, postgres_binaries, previous
from stack.accounts import ServiceAccount
from stack.child import Child
from stack.errors import StackRefused
from stack.postgres_binaries import Installation

USER = "orchestrator"
DATABASE = "orchestrator"
_OPTIONS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "128MB",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_destination": "stderr",
    "logging_collector": "off",
    "log_checkpoints": "off",
}


def data_directory(instance: Path) -> Path:
    """Return the instance's data directory."""
    return instance / "postgres" / "data"


def has_database(instance: Path) -> bool:
    """Return whether the instance has a database."""
    return (data_directory(instance) / "PG_VERSION").exists()


def build_url(sockets: Path, database: str = DATABASE) -> str:
    """Return the libpq URL of a database behind the socket directory."""
    return f"postgresql://{USER}@/{database}?host={sockets}"


def prepare_installation(instance: Path, account: ServiceAccount | None) -> Installation:
    """Create the instance's data directory if missing, and return the binaries that serve it.

    Raises:
        StackRefused: when no binaries fit, the data was made by another major version, or another server uses it.
    """
    server_directory = accounts.give_directory(instance / "postgres", account)
    installation = postgres_binaries.choose_installation(
        server_directory, data_major=_read_major_version(instance), account=account
    )
    if has_database(instance):
        await_previous(instance)
    else:
        _initialise(server_directory, installation, account)
    return installation


def _read_major_version(instance: Path) -> int | None:
    return (
        int((data_directory(instance) / "PG_VERSION").read_text(encoding="ascii")) if has_database(instance) else None
    )


def _initialise(server_directory: Path, installation: Installation, account: ServiceAccount | None) -> None:
    """Run initdb under a temporary name and rename the result, so that a killed initdb leaves nothing complete."""
    unfinished = server_directory / "data.unfinished"
    failed = ""
    # The C library of some systems has no C.UTF-8; C sorts the same way.
    for locale in ("C.UTF-8", "C"):
        shutil.rmtree(unfinished, ignore_errors=True)
        command = (
            *(str(installation.bin / "initdb"), "-D", str(unfinished), "-U", USER, "--auth=trust", "--no-instructions"),
            *("--encoding=UTF8", f"--locale={locale}", "--data-checksums"),
        )
        result = subprocess.run(
            command,
            env=_environment(),
            cwd=server_directory,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[account.gid] if account else None,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode == 0:
            unfinished.rename(server_directory / "data")
            return
        failed = (result.stderr or result.stdout).strip()
    raise StackRefused(f"initdb failed in {server_directory}: {failed}")


def await_previous(instance: Path) -> None:
    """Wait for the server of a killed supervisor to stop; remove a pid file whose process id is another program's.

    Raises:
        StackRefused: when the server does not stop.
    """
    data = data_directory(instance)
    previous.await_previous_server(data / "postmaster.pid", mark=f"-D {data}", data=data)


def build_child(instance: Path, installation: Installation, sockets: Path, account: ServiceAccount | None) -> Child:
    """Return how to run the server process.

    SIGINT is Postgres's fast shutdown: sessions are ended, a checkpoint is written, no recovery is needed. SIGTERM
    would wait for sessions that may never end, SIGQUIT would leave recovery to the next start.
    """
    options = [part for name, value in _OPTIONS.items() for part in ("-c", f"{name}={value}")]
    data = data_directory(instance)
    return Child(
        name="postgres",
        argv=(str(installation.bin / "postgres"), "-D", str(data), "-k", str(sockets), *options),
        environment=_environment(),
        directory=data.parent,
        account=account,
        ready=lambda: _is_answering(sockets),
        stop_signal=signal.SIGINT,
        stop_within_s=30.0,
        tier=0,
    )


def _environment() -> dict[str, str]:
    """Return the variables that Postgres's programs get: a few of ours, and the C locale."""
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {"LC_ALL": "C"}


def _is_answering(sockets: Path) -> bool:
    try:
        with psycopg.connect(build_url(sockets, "postgres"), connect_timeout=2) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def ensure_database(sockets: Path, name: str = DATABASE) -> None:
    """Create the database when the server does not have it yet."""
    with psycopg.connect(build_url(sockets, "postgres"), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if known is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
