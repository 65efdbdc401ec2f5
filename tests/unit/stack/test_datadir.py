"""Where data live, and what is secret there."""

from __future__ import annotations

import hashlib
import io
import os
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from config import settings
from stack import accounts, datadir
from stack import redis as redis_server
from stack.accounts import ServiceAccount
from stack.output import FileOutput, StreamOutput
from tests.support.local_stack import a_directory

STRANGER = ServiceAccount(name="stranger", uid=54_321, gid=54_321)


def test_the_root_is_the_configured_directory(tmp_path: Path) -> None:
    given = settings.load({"DATA_DIR": str(tmp_path)})

    assert datadir.data_root(given) == tmp_path
    assert datadir.instance_directory(given, "demo") == tmp_path / "demo"


def test_an_ordinary_user_has_a_root_in_the_user_data_directory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "choose_service_account", lambda: None)
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_DATA_HOME", "/somewhere/share")

    assert datadir.data_root(settings.load({})) == Path("/somewhere/share/trading-orchestrator")


def test_root_with_a_closed_home_has_a_root_of_its_own_per_home(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tmp_path.chmod(0o700)
    monkeypatch.setattr(accounts, "choose_service_account", lambda: STRANGER)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)

    expected = hashlib.sha256(str(tmp_path).encode()).hexdigest()[:12]

    assert datadir.data_root(settings.load({})) == Path("/var/lib/trading-orchestrator") / expected


def test_the_pointer_names_the_instance_used_last(tmp_path: Path) -> None:
    given = settings.load({"DATA_DIR": str(tmp_path / "root")})
    assert datadir.read_current(given) is None

    datadir.remember_current(given, tmp_path / "root" / "demo")
    datadir.remember_current(given, tmp_path / "root" / "main")

    assert datadir.read_current(given) == tmp_path / "root" / "main"


def test_a_secret_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    given = settings.load({})

    first = datadir.ensure_secret_key(given, tmp_path)
    second = datadir.ensure_secret_key(given, tmp_path)

    assert first.secret_key is not None
    assert len(first.secret_key) >= 40
    assert second.secret_key == first.secret_key
    assert stat.S_IMODE((tmp_path / "secret_key").stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_a_configured_secret_key_is_kept_and_none_is_written(tmp_path: Path) -> None:
    given = replace(settings.load({}), secret_key="configured by hand")

    assert datadir.ensure_secret_key(given, tmp_path).secret_key == "configured by hand"
    assert not list(tmp_path.iterdir())


def test_flowers_password_is_new_once(tmp_path: Path) -> None:
    password, fresh = datadir.ensure_flower_password(tmp_path)

    assert fresh
    assert datadir.ensure_flower_password(tmp_path) == (password, False)


def test_the_token_of_the_api_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    token = datadir.ensure_api_token(tmp_path)

    assert len(token) >= 43
    assert datadir.ensure_api_token(tmp_path) == token
    assert (tmp_path / "api_token").stat().st_mode & 0o777 == 0o600


def test_wiping_removes_an_instance_and_nothing_else(tmp_path: Path) -> None:
    for name in ("postgres", "redis", "log", "holiday-photos"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    names = ("secret_key", "flower_password", "admin_password", "api_token", "beat-schedule.db", "lock", "diary.txt")
    for name in names:
        (tmp_path / name).touch()

    datadir.wipe_instance(tmp_path)

    assert {path.name for path in tmp_path.iterdir()} == {"holiday-photos", "lock", "diary.txt"}


def test_socket_directories_are_short_private_and_removed_at_the_next_start(tmp_path: Path) -> None:
    first = datadir.create_socket_directory(tmp_path, None)
    second = datadir.create_socket_directory(tmp_path, None)

    assert not first.exists()
    assert datadir.read_socket_directory(tmp_path) == second
    assert stat.S_IMODE(second.stat().st_mode) == 0o700
    assert len(os.fsencode(second / ".s.PGSQL.5432.lock")) < 100
    datadir.remove_socket_directory(tmp_path)
    assert not second.exists()
    assert datadir.read_socket_directory(tmp_path) is None


def test_a_long_temporary_directory_is_not_used_for_sockets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = tmp_path / ("x" * 90)
    long.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(long))
    instance = tmp_path / "instance"
    instance.mkdir()

    made = datadir.create_socket_directory(instance, None)

    assert len(os.fsencode(made / ".s.PGSQL.5432.lock")) < 100
    datadir.remove_socket_directory(instance)


def test_a_directory_closed_to_others_is_found_on_the_way() -> None:
    with a_directory() as outer:
        inner = outer / "closed" / "data"
        inner.mkdir(parents=True)
        assert accounts.can_enter(STRANGER, inner)

        inner.parent.chmod(0o700)

        assert accounts.find_closed_directory(STRANGER, inner) == inner.parent
        assert accounts.can_enter(STRANGER, outer)


def test_a_socket_url_is_spelt_for_celery_and_other_urls_are_left_alone() -> None:
    assert redis_server.broker_url("unix:///tmp/to-1/redis.sock?db=0") == "redis+socket:///tmp/to-1/redis.sock"
    assert redis_server.broker_url("unix:///tmp/s?db=3") == "redis+socket:///tmp/s?virtual_host=3"
    assert redis_server.broker_url("redis://host:6379/0") == "redis://host:6379/0"


def test_lines_stand_behind_their_process_and_colours_only_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    plain, terminal = io.StringIO(), io.StringIO()
    terminal.isatty = lambda: True  # type: ignore[method-assign]

    StreamOutput(plain).write("web", "started")
    StreamOutput(terminal).write("web", "started")

    assert plain.getvalue() == "web      | started\n"
    assert terminal.getvalue() == "\x1b[36mweb      |\x1b[0m started\n"


def test_a_log_that_grew_large_is_set_aside(tmp_path: Path) -> None:
    path = tmp_path / "log" / "servers.log"
    path.parent.mkdir()
    path.write_bytes(b"x" * 10_000_001)

    output = FileOutput(path)
    output.write("redis", "ready")
    output.close()
    output.write("redis", "after the end")

    assert path.read_text() == "redis    | ready\n"
    assert path.with_name("servers.log.1").stat().st_size == 10_000_001


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe\x00", b"two words\n"])
def test_a_damaged_secret_is_made_anew_kept_aside_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], damage: bytes
) -> None:
    path = tmp_path / "secret_key"
    path.write_bytes(damage)

    secret, is_new = datadir.ensure_secret_file(path, length=32)
    again = datadir.ensure_secret_file(path, length=32)

    said = capsys.readouterr().err
    assert is_new
    assert len(secret) > 32
    assert again == (secret, False)
    assert (tmp_path / "secret_key.damaged").read_bytes() == damage
    assert "secret_key was damaged: it is kept as secret_key.damaged, and a new one was made; source URLs" in said


@pytest.mark.parametrize("damage", [b"", b"\xff\xfe\x00", b"nowhere"])
def test_damaged_pointers_count_as_missing_and_stop_no_start(tmp_path: Path, damage: bytes) -> None:
    (tmp_path / "sockets").write_bytes(damage)
    (tmp_path / "current").write_bytes(damage)

    found = datadir.read_current(settings.load({"DATA_DIR": str(tmp_path)}))
    created = datadir.create_socket_directory(tmp_path, None)

    assert found is None
    assert datadir.read_socket_directory(tmp_path) == created
    datadir.remove_socket_directory(tmp_path)
