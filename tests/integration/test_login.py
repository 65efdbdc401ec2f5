"""Logging in: who is let in, how others are refused, and when a name is locked."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from argon2 import Parameters, PasswordHasher, extract_parameters
from argon2.profiles import RFC_9106_LOW_MEMORY

from app.access import login
from config import tokens
from db import users
from operations import password_hashing
from tests.support.builders.users import COOKIE, PASSWORD, ConsoleApp, form_token, log_in, start_console_app

REFUSED = login.REFUSED


@pytest.fixture
def console(database_url: str) -> Iterator[ConsoleApp]:
    with start_console_app(database_url) as running:
        yield running


def fail(console: ConsoleApp, times: int) -> None:
    for _ in range(times):
        assert log_in(console.client, "alice", "a wrong password").status_code == 401


def test_a_right_password_begins_a_session_of_which_only_the_hash_is_kept(console: ConsoleApp) -> None:
    console.add_user("alice")
    browser = console.client

    answer = log_in(browser, "alice")

    cookie = browser.get_cookie(COOKIE)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert cookie is not None
    assert len(cookie.value) >= 43  # 256 bits
    [row] = console.rows("SELECT session_hash, user_name, expires_at - created_at AS lasts FROM web_sessions")
    assert (row["session_hash"], row["user_name"]) == (tokens.hash_token(cookie.value), "alice")
    assert row["lasts"].total_seconds() == pytest.approx(12 * 3600, abs=1)
    assert browser.get("/").status_code == 200
    [entry] = console.rows("SELECT actor, action, detail FROM audit_log")
    assert (entry["actor"], entry["action"], entry["detail"]) == ("alice", "user.logged_in", {"address": "127.0.0.1"})


def test_the_cookie_is_for_this_host_and_for_no_script(database_url: str) -> None:
    with start_console_app(database_url) as plain:
        plain.add_user("alice")
        by_http = log_in(plain.client, "alice").headers.getlist("Set-Cookie")
    with start_console_app(database_url, PUBLIC_URL="https://alerts.example") as safe:
        browser = safe.client
        page = browser.get("/login", base_url="https://alerts.example")
        form = {"csrf_token": form_token(page), "name": "alice", "password": PASSWORD}
        by_https = browser.post("/login", base_url="https://alerts.example", data=form).headers.getlist("Set-Cookie")

    assert [sorted(one.split("; ")[1:]) for one in by_http] == [["HttpOnly", "Path=/", "SameSite=Lax"]]
    assert [sorted(one.split("; ")[1:]) for one in by_https] == [["HttpOnly", "Path=/", "SameSite=Lax", "Secure"]]
    assert by_https[0].startswith("__Host-session=")


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("alice", "a wrong password"),
        ("nobody", PASSWORD),
        ("gone", PASSWORD),
        ("", ""),
        ("alice", "x" * 5000),
        ("\x00", "\x00"),
        ("ali\x00ce", PASSWORD),
    ],
)
def test_every_refusal_says_the_same(console: ConsoleApp, name: str, password: str) -> None:
    console.add_user("alice")
    console.add_user("gone")
    console.change("UPDATE users SET enabled = false WHERE name = 'gone'")
    browser = console.client

    answer = log_in(browser, name, password)

    assert answer.status_code == 401
    assert re.findall(r'role="alert">(.*)</p>', answer.text) == [REFUSED]
    assert browser.get_cookie(COOKIE) is None
    assert console.rows("SELECT FROM web_sessions") == []
    assert console.rows("SELECT FROM audit_log") == []


@pytest.mark.parametrize("name", ["alice", "nobody", "no name at all"])
def test_a_refusal_costs_one_hash_whether_the_name_is_there_or_not(
    console: ConsoleApp, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    console.add_user("alice")
    verify, hashed_with = PasswordHasher.verify, list[Parameters]()

    def counted(hasher: PasswordHasher, password_hash: str | bytes, password: str | bytes) -> Any:
        hashed_with.append(extract_parameters(str(password_hash)))
        return verify(hasher, password_hash, password)

    monkeypatch.setattr(PasswordHasher, "verify", counted)

    is_let_in = login.check_password(console.database, name, "a wrong password", address="x")

    assert not is_let_in
    assert hashed_with == [RFC_9106_LOW_MEMORY]


def test_five_wrong_passwords_lock_the_name_and_the_right_one_is_refused_in_the_same_words(console: ConsoleApp) -> None:
    console.add_user("alice")

    fail(console, users.MOST_FAILURES - 1)
    before = console.locked_for_s()
    fail(console, 1)
    after = console.locked_for_s()
    answer = log_in(console.client, "alice")

    assert before is None
    assert after == pytest.approx(60, abs=5)
    assert (answer.status_code, REFUSED in answer.text) == (401, True)
    [entry] = console.rows("SELECT action, subject FROM audit_log")
    assert (entry["action"], entry["subject"]) == ("user.locked", "alice")


def test_each_further_wrong_password_locks_for_twice_as_long_up_to_an_hour(console: ConsoleApp) -> None:
    console.add_user("alice")
    console.change("UPDATE users SET failures = 4")

    locks = []
    for _ in range(8):
        assert not login.check_password(console.database, "alice", "wrong", address="x")
        locks.append(console.locked_for_s())
        console.change("UPDATE users SET locked_until = clock_timestamp()")

    assert locks == [pytest.approx(60 * minutes, abs=5) for minutes in (1, 2, 4, 8, 16, 32, 60, 60)]


def test_what_is_tried_while_the_name_is_locked_does_not_lock_it_for_longer(console: ConsoleApp) -> None:
    console.add_user("alice")
    fail(console, 5)

    fail(console, 3)

    assert console.locked_for_s() == pytest.approx(60, abs=5)
    console.change("UPDATE users SET locked_until = clock_timestamp()")
    assert log_in(console.client, "alice").status_code == 303
    assert console.rows("SELECT failures, locked_until FROM users") == [{"failures": 0, "locked_until": None}]


def test_many_guesses_at_once_are_counted_one_by_one(console: ConsoleApp) -> None:
    console.add_user("alice")
    begun = threading.Barrier(8)

    def guess() -> None:
        begun.wait(timeout=20)
        login.check_password(console.database, "alice", "wrong", address="x")

    threads = [threading.Thread(target=guess) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(timeout=60)

    assert console.rows("SELECT failures FROM users") == [{"failures": 5}]
    assert not login.check_password(console.database, "alice", PASSWORD, address="x")


@pytest.mark.parametrize(
    ("wanted", "goes"),
    [
        ("/account", "/account"),
        ("/?study=a%20b&book=paper", "/?study=a%20b&book=paper"),
        ("", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("\\\\evil.example", "/"),
        ("/a\\..\\evil", "/"),
        ("/\t/evil.example", "/"),
        ("/a\r\nLocation: https://evil.example", "/"),
        ("javascript:alert(1)", "/"),
        ("account", "/"),
        ("/" + "a" * 5000, "/"),
    ],
)
def test_after_the_login_one_goes_to_a_path_of_ours_only(console: ConsoleApp, wanted: str, goes: str) -> None:
    console.add_user("alice")

    answer = log_in(console.client, "alice", next=wanted)

    assert answer.status_code == 303
    assert answer.headers["Location"] == goes


def test_a_stranger_is_sent_to_log_in_and_back_to_the_page_that_was_asked_for(console: ConsoleApp) -> None:
    sent = console.client.get("/account?x=1")
    form = console.client.get(sent.headers["Location"])

    assert (sent.status_code, sent.headers["Location"]) == (303, "/login?next=/account?x%3D1")
    assert '<input type="hidden" name="next" value="/account?x=1">' in form.text


def test_a_weaker_hash_is_made_anew_at_the_next_login(console: ConsoleApp) -> None:
    console.add_user("alice")
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    console.change("UPDATE users SET password_hash = :weak", weak=weak)

    log_in(console.client, "alice")

    [row] = console.rows("SELECT password_hash FROM users")
    assert row["password_hash"].startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert password_hashing.matches_hash(row["password_hash"], PASSWORD)


def test_without_the_database_nobody_is_let_in_and_the_answer_comes_in_time() -> None:
    with start_console_app("postgresql://nobody@127.0.0.1:1/nothing") as console:
        browser = console.client
        form = {"csrf_token": form_token(browser.get("/login")), "name": "alice", "password": PASSWORD}
        begun = time.monotonic()

        answers = [browser.post("/login", data=form)]
        browser.set_cookie(COOKIE, "x" * 43)
        answers += [browser.get("/"), console.client.get("/", headers={"Authorization": "Bearer x"})]

        assert [one.status_code for one in answers] == [503] * 3
        assert all("The database cannot be read" in one.text for one in answers)
        assert time.monotonic() - begun < 10
