"""The users command on a real database, what it writes down, and the first user of a stack."""

from __future__ import annotations

import json
import stat
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from app.cli import first_admin
from app.cli.users import command
from db import audit, users
from db.core.session import Database
from db.users import LastAdmin
from domain.access import Role
from operations import password_hashing
from operations import users as user_operations
from operations.audit_entry import AuditContext
from tests.support.builders.users import PASSWORD, ConsoleApp, start_console_app
from tests.support.webhook import settings_for


@pytest.fixture
def console(database_url: str) -> Iterator[ConsoleApp]:
    with start_console_app(database_url) as running:
        yield running


def run(url: str, *arguments: str, given: str | None = None) -> Result:
    return CliRunner().invoke(command, arguments, input=given, env={"DATABASE_URL": url})


def add(url: str, name: str, role: str, password: str = PASSWORD) -> Result:
    return run(url, "add", name, "--role", role, "--password-stdin", given=password + "\n")


def listed(url: str) -> list[dict[str, Any]]:
    found = json.loads(run(url, "list", "--json").stdout)["users"]
    assert isinstance(found, list)
    return found


def entries(console: ConsoleApp) -> list[tuple[str, str]]:
    rows = console.rows("SELECT action, subject FROM audit_log ORDER BY entry_id")
    with console.database.transaction() as session:
        assert list(audit.find_broken_entries(session)) == []
    return [(row["action"], row["subject"]) for row in rows]


def test_a_user_that_is_added_is_listed_and_of_the_password_only_the_hash_is_kept(
    database_url: str, console: ConsoleApp
) -> None:
    added = add(database_url, "alice", "operator")

    assert added.exit_code == 0, added.output
    [alice] = listed(database_url)
    assert {"name": "alice", "role": "operator", "enabled": True, "locked": False}.items() <= alice.items()
    [row] = console.rows("SELECT password_hash FROM users")
    assert row["password_hash"].startswith("$argon2id$")
    assert password_hashing.matches_hash(row["password_hash"], PASSWORD)
    assert PASSWORD not in added.output
    assert entries(console) == [("user.added", "alice")]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        (("bob", "king", PASSWORD), "'--role'"),
        (("a b", "viewer", PASSWORD), "NAME: must be 1 to 63"),
        (("../bob", "viewer", PASSWORD), "NAME: must be 1 to 63"),
        (("x" * 64, "viewer", PASSWORD), "NAME: must be 1 to 63"),
        (("api", "viewer", PASSWORD), "NAME: must be another than 'api'"),
        (("taken", "viewer", PASSWORD), "already"),
        (("bob", "viewer", "short"), "password: must have 12 to 200 characters"),
        (("bob", "viewer", ""), "password: must have 12 to 200 characters"),
        (("bob", "viewer", "password1234"), "password: is one that attackers try first"),
        (("robertrobert", "viewer", "robertrobert"), "password: must not be the user's name"),
    ],
)
def test_what_cannot_be_added_ends_with_2_and_says_why(
    database_url: str, console: ConsoleApp, given: tuple[str, str, str], told: str
) -> None:
    console.add_user("taken")

    refused = add(database_url, *given)

    assert refused.exit_code == 2
    assert told in refused.stderr
    assert [one["name"] for one in listed(database_url)] == ["taken"]
    assert entries(console) == []


def test_without_a_terminal_the_password_must_come_by_standard_input(database_url: str) -> None:
    refused = run(database_url, "add", "alice", "--role", "admin")

    assert refused.exit_code == 2
    assert "--password-stdin" in refused.stderr


@pytest.mark.parametrize(
    "arguments",
    [
        ("passwd", "nobody", "--password-stdin"),
        ("role", "nobody", "admin"),
        ("disable", "nobody"),
        ("enable", "nobody"),
    ],
)
def test_a_user_that_is_not_there_is_named(database_url: str, arguments: tuple[str, ...]) -> None:
    refused = run(database_url, *arguments, given=PASSWORD + "\n")

    assert refused.exit_code == 2
    assert "there is no user named 'nobody'" in refused.stderr


def test_another_password_ends_the_sessions_and_lifts_a_lock(database_url: str, console: ConsoleApp) -> None:
    browser = console.logged_in(console.add_user("alice"))
    console.change("UPDATE users SET failures = 7, locked_until = now() + interval '1 hour'")

    changed = run(database_url, "passwd", "alice", "--password-stdin", given="ebb and flood tides\r\n")

    assert changed.exit_code == 0, changed.output
    assert browser.get("/account").status_code == 303
    [row] = console.rows("SELECT password_hash, failures, locked_until FROM users")
    assert password_hashing.matches_hash(row["password_hash"], "ebb and flood tides")
    assert (row["failures"], row["locked_until"]) == (0, None)
    assert entries(console) == [("user.password_set", "alice")]


def test_a_disabled_user_is_out_at_once_with_every_session_and_token(database_url: str, console: ConsoleApp) -> None:
    console.add_user("root", Role.ADMIN)
    browser, program = console.logged_in(console.add_user("alice")), console.bearer("alice")
    before = [browser.get("/account").status_code, console.client.get("/", headers=program).status_code]

    run(database_url, "disable", "alice")

    after = [browser.get("/account").status_code, console.client.get("/", headers=program).status_code]
    run(database_url, "enable", "alice")
    again = [browser.get("/account").status_code, console.client.get("/", headers=program).status_code]
    assert before == [200, 200]
    assert after == [303, 303]
    assert again == [303, 200]  # the session is over for good; a token that was not revoked speaks again
    assert entries(console) == [("user.disabled", "alice"), ("user.enabled", "alice")]


def test_another_role_holds_at_once_for_open_sessions(database_url: str, console: ConsoleApp) -> None:
    browser = console.logged_in(console.add_user("alice", Role.ADMIN))
    console.add_user("root", Role.ADMIN)

    changed = run(database_url, "role", "alice", "viewer")

    assert changed.exit_code == 0, changed.output
    assert "Your role is viewer" in browser.get("/account").text
    [row] = console.rows("SELECT detail FROM audit_log")
    assert row["detail"] == {"role": "viewer", "before": "admin"}


@pytest.mark.parametrize("arguments", [("disable", "root"), ("role", "root", "operator"), ("role", "root", "viewer")])
def test_the_last_admin_who_may_log_in_stays_one(
    database_url: str, console: ConsoleApp, arguments: tuple[str, ...]
) -> None:
    console.add_user("root", Role.ADMIN)
    console.add_user("gone", Role.ADMIN)
    console.change("UPDATE users SET enabled = false WHERE name = 'gone'")

    refused = run(database_url, *arguments)

    assert refused.exit_code == 2
    assert "'root' is the last admin" in refused.stderr
    assert [(one["role"], one["enabled"]) for one in listed(database_url) if one["name"] == "root"] == [("admin", True)]
    assert entries(console) == []


def test_two_admins_who_disable_each_other_at_once_leave_one(console: ConsoleApp) -> None:
    names = [console.add_user(name, Role.ADMIN) for name in ("a", "b")]
    barrier, refused = threading.Barrier(2), list[str]()

    def disable(name: str) -> None:
        barrier.wait(timeout=10)
        try:
            user_operations.disable(console.database, name, audit=AuditContext(actor="tests", at=datetime.now(UTC)))
        except LastAdmin as error:
            refused.append(str(error))

    threads = [threading.Thread(target=disable, args=(name,)) for name in names]
    for one in threads:
        one.start()
    for one in threads:
        one.join(timeout=20)

    left = console.rows("SELECT name FROM users WHERE enabled")
    assert [one["name"] for one in left] == refused
    assert len(refused) == 1


def test_a_stack_makes_the_first_admin_once_and_shows_the_password_once(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(database_url)

    lines = [first_admin.ensure_admin(settings, tmp_path) for _ in range(2)]

    file = tmp_path / "admin_password"
    password = file.read_text().strip()
    assert lines == [
        f"login    user admin, password {password}, also in {file}",
        f"login    user admin, password in {file}",
    ]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(password) >= 16
    database = Database(settings.sqlalchemy_url)
    with database.transaction() as session:
        [admin] = users.list_all(session)
    database.dispose()
    assert (admin.name, admin.role, admin.enabled) == ("admin", Role.ADMIN, True)
    assert password_hashing.matches_hash(admin.password_hash, password)


def test_a_stack_names_no_file_whose_password_holds_no_longer(database_url: str, tmp_path: Path) -> None:
    settings = settings_for(database_url)
    first_admin.ensure_admin(settings, tmp_path)
    run(database_url, "passwd", "admin", "--password-stdin", given=PASSWORD)

    line = first_admin.ensure_admin(settings, tmp_path)

    assert "users list" in line
    assert "admin_password" not in line


def test_a_stack_makes_nobody_where_there_is_a_user(database_url: str, console: ConsoleApp, tmp_path: Path) -> None:
    console.add_user("alice", Role.VIEWER)

    line = first_admin.ensure_admin(settings_for(database_url), tmp_path)

    assert "users list" in line
    assert [one["name"] for one in listed(database_url)] == ["alice"]
    assert list(tmp_path.iterdir()) == []
