"""The embedded Postgres: a data directory in an instance, served by a direct child of the supervisor.

It listens on one unix socket in a private directory, on no port; whoever can enter that directory is trusted.
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
from stack.accounts import Account
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
    """Name the instance's data directory."""
    return instance / "postgres" / "data"


def exists(instance: Path) -> bool:
    """Tell whether the instance has a database."""
    return (data_directory(instance) / "PG_VERSION").exists()


def url(sockets: Path, database: str = DATABASE) -> str:
    """Return the libpq URL of a database behind the socket directory."""
    return f"postgresql://{USER}@/{database}?host={sockets}"


def prepare(instance: Path, account: Account | None) -> Installation:
    """Make sure that the instance has a data directory and return the binaries that serve it.

    Raises:
        StackRefused: when no binaries fit, the data was made by another major version, or another server uses it.
    """
    keep = accounts.hand_over(instance / "postgres", account)
    installation = postgres_binaries.choose(keep, data_major=_major(instance), account=account)
    if exists(instance):
        await_previous(instance)
    else:
        _initialise(keep, installation, account)
    return installation


def _major(instance: Path) -> int | None:
    return int((data_directory(instance) / "PG_VERSION").read_text(encoding="ascii")) if exists(instance) else None


def _initialise(keep: Path, installation: Installation, account: Account | None) -> None:
    """Make the data directory under another name first: a killed initdb leaves nothing that looks finished."""
    made = keep / "data.unfinished"
    failed = ""
    # The C library of some systems has no C.UTF-8; C sorts the same way.
    for locale in ("C.UTF-8", "C"):
        shutil.rmtree(made, ignore_errors=True)
        command = (
            *(str(installation.bin / "initdb"), "-D", str(made), "-U", USER, "--auth=trust", "--no-instructions"),
            *("--encoding=UTF8", f"--locale={locale}", "--data-checksums"),
        )
        result = subprocess.run(
            command,
            env=_environment(),
            cwd=keep,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[account.gid] if account else None,
            capture_output=True,
            text=True,
            check=False,
        )
        if result.returncode == 0:
            made.rename(keep / "data")
            return
        failed = (result.stderr or result.stdout).strip()
    raise StackRefused(f"initdb failed in {keep}: {failed}")


def await_previous(instance: Path) -> None:
    """Wait for a server that a killed supervisor left stopping; drop a pid file whose number is another program's now.

    Raises:
        StackRefused: when the server does not stop.
    """
    data = data_directory(instance)
    previous.settle(data / "postmaster.pid", mark=f"-D {data}", data=data)


def child(instance: Path, installation: Installation, sockets: Path, account: Account | None) -> Child:
    """Describe the server process.

    SIGINT is Postgres's fast shutdown: sessions are cut, a checkpoint is written, nothing needs recovery. SIGTERM
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
        ready=lambda: _answers(sockets),
        stop_signal=signal.SIGINT,
        stop_within_s=30.0,
        tier=0,
    )


def _environment() -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "TMPDIR", "LD_LIBRARY_PATH") if name in os.environ}
    return kept | {"LC_ALL": "C"}


def _answers(sockets: Path) -> bool:
    try:
        with psycopg.connect(url(sockets, "postgres"), connect_timeout=2) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def ensure_database(sockets: Path, name: str = DATABASE) -> None:
    """Create the database when the server does not have it yet."""
    with psycopg.connect(url(sockets, "postgres"), autocommit=True) as connection:
        known = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if known is None:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
