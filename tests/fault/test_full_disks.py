"""The disk of the database runs full, or that of its write-ahead log (F28, F29): refused, not lost, and well again.

The disks are small ones in memory, which only root may mount.
"""

from __future__ import annotations

import os
import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest

from db.core import migrate
from stack import accounts, postgres
from stack.servers import ServerUrls
from tests.support.pipeline import add_trend
from tests.support.servers.alert_sender import THIS_HOUR, Sender, an_alert, missing, settled
from tests.support.servers.embedded import Place, Server, a_place, running
from tests.support.servers.stacks import Stack, a_stack_on, with_redis_database

REDIS_DB = 10
DATA_DISK = "128m"
LOG_DISK = "64m"


@contextmanager
def a_disk(path: Path, size: str) -> Iterator[None]:
    """Mount a small disk at a path for the duration of the block."""
    path.mkdir(parents=True, exist_ok=True)
    command = ("mount", "-t", "tmpfs", "-o", f"size={size},mode=0711", "tmpfs", str(path))
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("a disk of our own can only be mounted as root")
    try:
        yield
    finally:
        subprocess.run(("umount", "--lazy", str(path)), check=True)


@pytest.fixture(params=["data", "log"])
def full_disk(request: pytest.FixtureRequest) -> Iterator[tuple[Place, Server, Path]]:
    """Give a Postgres whose data or whose log is on a small disk, and the directory where that is."""
    with a_place() as place:
        data, log = place.directory / "postgres", place.directory / "log"
        disk, size = (data, DATA_DISK) if request.param == "data" else (log, LOG_DISK)
        with a_disk(disk, size):
            server = place.postgres()
            move_log(place, log)
            with running(server):
                postgres.ensure_database(place.sockets)
                migrate.upgrade(place.database_url)
                yield place, server, disk


def move_log(place: Place, log: Path) -> None:
    """Put the write-ahead log of a Postgres that does not run into another directory."""
    keep = accounts.give_directory(log, place.account) / "wal"
    before = postgres.data_directory(place.directory) / "pg_wal"
    shutil.copytree(before, keep)
    shutil.rmtree(before)
    before.symlink_to(keep)
    if place.account is not None:
        for path in (keep, *keep.rglob("*")):
            os.chown(path, place.account.uid, place.account.gid)


@pytest.fixture
def stack(full_disk: tuple[Place, Server, Path], server_urls: ServerUrls, tmp_path: Path) -> Iterator[Stack]:
    """Give web, a worker and beat; both engines like the trend."""
    place, _, _ = full_disk
    environ = {"ENGINE_A": "committee", "ENGINE_B": "committee", "MAX_OPEN_PER_SYMBOL": "10000"}
    redis_url = with_redis_database(server_urls.redis_url, REDIS_DB)
    with a_stack_on(place.database_url, redis_url, tmp_path, environ) as made:
        add_trend(made.database, until=THIS_HOUR)
        made.processes.start_worker(concurrency=2)
        made.processes.start_beat()
        made.start_web()
        yield made


def fill(disk: Path) -> Path:
    """Fill a disk to the last byte; removing the file that is returned frees it."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(64 * 1024)):
            pass
    return ballast


def use_up_log(url: str) -> None:
    """Go on to the next file of the log until there is none."""
    with suppress(psycopg.Error), psycopg.connect(url, autocommit=True) as connection:
        for _ in range(8):
            connection.execute("CREATE TEMP TABLE IF NOT EXISTS used (one int)")
            connection.execute("SELECT pg_switch_wal()")
            connection.execute("DROP TABLE used")


def a_large_alert() -> dict[str, Any]:
    """Return an alert whose text cannot be compressed away."""
    return an_alert(comment=secrets.token_hex(20_000))


def test_f28_f29_a_full_disk_is_answered_for_with_503_and_loses_nothing_that_was_acknowledged(
    stack: Stack, full_disk: tuple[Place, Server, Path]
) -> None:
    place, server, disk = full_disk
    webhook = f"{stack.web_url}/webhook/{stack.asked('sources', 'add', 'desk')['token']}"

    with Sender(url=webhook, resend=True, alert=a_large_alert) as sender:
        sender.after(5)
        ballast = fill(disk)
        use_up_log(place.database_url)
        sender.until_answered(503)
        sender.after(20)
        ballast.unlink()
        server.start()
        sender.after(5)

    assert sender.statuses() == {200, 503}
    assert len(sender.acknowledged) == len(sender.identifiers)
    assert missing(stack, sender.acknowledged) == set()
    settled(stack, sender.acknowledged)
    assert stack.asked("verify") == {"ok": True, "violations": []}
