"""Logging in and out: sessions, forms, lock-out, and giving the password once more."""

from __future__ import annotations

import re
import socket
import statistics
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from argon2 import PasswordHasher
from flask.testing import FlaskClient

from app import secrets
from app.access import gate, login, passwords
from db import users
from domain.access import Role, Scope
from tests.people import COOKIE, PASSWORD, House, a_house, form_token, log_in, post

REFUSED = login.REFUSED


@pytest.fixture
def house(database_url: str) -> Iterator[House]:
    with a_house(database_url) as made:
        made.app.add_url_rule(
            "/danger", view_func=gate.needs(Scope.READ, step_up=True)(lambda: "done"), methods=["POST"]
        )
        yield made


def locked_for_s(house: House) -> float | None:
    query = "SELECT extract(epoch FROM locked_until - clock_timestamp())::float AS left FROM users"
    left: float | None = house.rows(query)[0]["left"]
    return left


def fail(house: House, times: int) -> None:
    for _ in range(times):
        assert log_in(house.client, "alice", "a wrong password").status_code == 401


def test_a_right_password_begins_a_session_of_which_only_the_hash_is_kept(house: House) -> None:
    house.somebody("alice")
    browser = house.client

    answer = log_in(browser, "alice")

    cookie = browser.get_cookie(COOKIE)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/")
    assert cookie is not None
    assert len(cookie.value) >= 43  # 256 bits
    [row] = house.rows("SELECT session_hash, user_name, expires_at - created_at AS lasts FROM web_sessions")
    assert (row["session_hash"], row["user_name"]) == (secrets.hash_token(cookie.value), "alice")
    assert row["lasts"].total_seconds() == pytest.approx(12 * 3600, abs=1)
    assert browser.get("/").status_code == 200
    [entry] = house.rows("SELECT actor, action, detail FROM audit_log")
    assert (entry["actor"], entry["action"], entry["detail"]) == ("alice", "user.logged_in", {"address": "127.0.0.1"})


def test_the_cookie_is_for_this_host_and_for_no_script(database_url: str) -> None:
    with a_house(database_url) as plain:
        plain.somebody("alice")
        by_http = log_in(plain.client, "alice").headers.getlist("Set-Cookie")
    with a_house(database_url, PUBLIC_URL="https://alerts.example") as safe:
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
def test_every_refusal_says_the_same(house: House, name: str, password: str) -> None:
    house.somebody("alice")
    house.somebody("gone")
    house.change("UPDATE users SET enabled = false WHERE name = 'gone'")
    browser = house.client

    answer = log_in(browser, name, password)

    assert answer.status_code == 401
    assert re.findall(r'role="alert">(.*)</p>', answer.text) == [REFUSED]
    assert browser.get_cookie(COOKIE) is None
    assert house.rows("SELECT FROM web_sessions") == []
    assert house.rows("SELECT FROM audit_log") == []


def test_a_refusal_takes_as_long_for_a_name_that_is_not_there(house: House) -> None:
    house.somebody("alice")
    took: dict[str, list[float]] = {"alice": [], "nobody": []}

    for _ in range(4):
        for name, times in took.items():
            begun = time.monotonic()
            login.proves(house.database, name, "a wrong password", address="x")
            times.append(time.monotonic() - begun)

    known, unknown = (statistics.median(times) for times in took.values())
    assert 0.5 < known / unknown < 2
    assert unknown > 0.02  # the hash was computed


def test_five_wrong_passwords_lock_the_name_and_the_right_one_is_refused_in_the_same_words(house: House) -> None:
    house.somebody("alice")

    fail(house, users.MOST_FAILURES - 1)
    before = locked_for_s(house)
    fail(house, 1)
    after = locked_for_s(house)
    answer = log_in(house.client, "alice")

    assert before is None
    assert after == pytest.approx(60, abs=5)
    assert (answer.status_code, REFUSED in answer.text) == (401, True)
    [entry] = house.rows("SELECT action, subject FROM audit_log")
    assert (entry["action"], entry["subject"]) == ("user.locked", "alice")


def test_each_further_wrong_password_locks_for_twice_as_long_up_to_an_hour(house: House) -> None:
    house.somebody("alice")
    house.change("UPDATE users SET failures = 4")

    locks = []
    for _ in range(8):
        assert not login.proves(house.database, "alice", "wrong", address="x")
        locks.append(locked_for_s(house))
        house.change("UPDATE users SET locked_until = clock_timestamp()")

    assert locks == [pytest.approx(60 * minutes, abs=5) for minutes in (1, 2, 4, 8, 16, 32, 60, 60)]


def test_what_is_tried_while_the_name_is_locked_does_not_lock_it_for_longer(house: House) -> None:
    house.somebody("alice")
    fail(house, 5)

    fail(house, 3)

    assert locked_for_s(house) == pytest.approx(60, abs=5)
    house.change("UPDATE users SET locked_until = clock_timestamp()")
    assert log_in(house.client, "alice").status_code == 303
    assert house.rows("SELECT failures, locked_until FROM users") == [{"failures": 0, "locked_until": None}]


def test_many_guesses_at_once_are_counted_one_by_one(house: House) -> None:
    house.somebody("alice")
    begun = threading.Barrier(8)

    def guess() -> None:
        begun.wait(timeout=20)
        login.proves(house.database, "alice", "wrong", address="x")

    threads = [threading.Thread(target=guess) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(timeout=60)

    assert house.rows("SELECT failures FROM users") == [{"failures": 5}]
    assert not login.proves(house.database, "alice", PASSWORD, address="x")


def test_a_session_ends_half_an_hour_after_it_was_used_last(house: House) -> None:
    browser = house.logged_in(house.somebody("alice"))

    house.change("UPDATE web_sessions SET seen_at = clock_timestamp() - interval '29 minutes'")
    used = browser.get("/account").status_code
    house.change("UPDATE web_sessions SET seen_at = clock_timestamp() - interval '30 minutes'")

    assert (used, browser.get("/account").status_code) == (200, 303)


def test_a_session_ends_twelve_hours_after_it_began_however_much_it_is_used(house: House) -> None:
    browser = house.logged_in(house.somebody("alice"))

    house.change("UPDATE web_sessions SET expires_at = clock_timestamp()")

    assert browser.get("/account").status_code == 303


def test_when_a_session_was_used_is_written_once_a_minute(house: House) -> None:
    browser = house.logged_in(house.somebody("alice"))

    def seen() -> Any:
        return house.rows("SELECT seen_at FROM web_sessions")[0]["seen_at"]

    times = [seen()]
    browser.get("/account")
    times.append(seen())
    house.change("UPDATE web_sessions SET seen_at = seen_at - interval '61 seconds'")
    browser.get("/account")

    assert times[0] == times[1]
    assert seen() > times[0]


def test_each_login_has_a_session_of_its_own_and_ends_the_one_the_browser_had(house: House) -> None:
    house.somebody("alice")
    browser = house.client
    log_in(browser, "alice")
    first = browser.get_cookie(COOKIE)
    page = browser.get("/account")

    again = browser.post("/login", data={"csrf_token": form_token(page), "name": "alice", "password": PASSWORD})

    second = browser.get_cookie(COOKIE)
    assert again.status_code == 303
    assert first is not None
    assert second is not None
    assert first.value != second.value
    assert len(house.rows("SELECT FROM web_sessions WHERE ended_at IS NULL")) == 1


def test_after_logging_out_the_old_cookie_opens_nothing(house: House) -> None:
    browser = house.logged_in(house.somebody("alice"))
    cookie = browser.get_cookie(COOKIE)
    assert cookie is not None

    answer = post(browser, "/logout")

    thief = house.client
    thief.set_cookie(COOKIE, cookie.value)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert browser.get_cookie(COOKIE) is None
    assert thief.get("/account").status_code == 303


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
def test_after_the_login_one_goes_to_a_path_of_ours_only(house: House, wanted: str, goes: str) -> None:
    house.somebody("alice")

    answer = log_in(house.client, "alice", next=wanted)

    assert answer.status_code == 303
    assert answer.headers["Location"] == goes


def test_a_stranger_is_sent_to_log_in_and_back_to_the_page_that_was_asked_for(house: House) -> None:
    sent = house.client.get("/account?x=1")
    form = house.client.get(sent.headers["Location"])

    assert (sent.status_code, sent.headers["Location"]) == (303, "/login?next=/account?x%3D1")
    assert '<input type="hidden" name="next" value="/account?x=1">' in form.text


FORMS = ("/logout", "/step-up", "/account/tokens", "/account/password", "/account/sessions/x/end")


@pytest.mark.parametrize("path", FORMS)
def test_a_write_that_no_page_of_ours_sent_is_refused(house: House, path: str) -> None:
    house.somebody("mallory")
    browser = house.logged_in(house.somebody("alice"))
    foreign = form_token(house.logged_in("mallory").get("/account"))
    visitors = form_token(house.client.get("/login"))

    answers = [
        browser.post(path, data=fields, headers=headers)
        for fields, headers in (({}, {}), ({"csrf_token": foreign}, {}), ({"csrf_token": visitors}, {}),
                                ({"csrf_token": "x"}, {}), ({}, {"X-CSRF-Token": foreign}))
    ]  # fmt: skip

    assert {one.status_code for one in answers} == {400}
    assert "This page was too old" in answers[0].text
    assert len(house.rows("SELECT FROM web_sessions WHERE ended_at IS NULL AND user_name = 'alice'")) == 1


def test_a_form_that_was_made_before_the_login_is_worth_nothing_after_it(house: House) -> None:
    house.somebody("alice")
    browser = house.client
    before = form_token(browser.get("/login"))
    log_in(browser, "alice")

    refused = browser.post("/logout", data={"csrf_token": before})

    assert refused.status_code == 400
    assert browser.get("/account").status_code == 200


def test_a_login_that_no_page_of_ours_sent_begins_nothing(house: House) -> None:
    house.somebody("alice")

    answer = house.client.post("/login", data={"name": "alice", "password": PASSWORD})

    assert answer.status_code == 400
    assert house.rows("SELECT FROM web_sessions") == []


def test_a_script_of_ours_may_show_the_form_token_in_a_header(house: House) -> None:
    browser = house.logged_in(house.somebody("alice"))
    token = form_token(browser.get("/account"))

    assert browser.post("/danger", headers={"X-CSRF-Token": token}).text == "done"


def step_up(browser: FlaskClient, password: str) -> int:
    return post(browser, "/step-up", password=password, next="/account").status_code


def test_the_password_once_more_opens_what_asks_for_it_for_five_minutes(house: House) -> None:
    browser = house.logged_in(house.somebody("alice"), stepped_up=False)
    headers = {"X-CSRF-Token": form_token(browser.get("/account"))}

    def dare() -> int:
        return browser.post("/danger", headers=headers).status_code

    before, wrong, between = dare(), step_up(browser, "a wrong password"), dare()
    right, after = step_up(browser, PASSWORD), dare()
    house.change("UPDATE web_sessions SET stepped_up_until = stepped_up_until - interval '5 minutes'")

    assert (before, wrong, between) == (403, 401, 403)
    assert (right, after) == (303, 200)
    assert dare() == 403


def test_wrong_passwords_beside_the_login_lock_the_name_too(house: House) -> None:
    browser = house.logged_in(house.somebody("alice"), stepped_up=False)

    for _ in range(5):
        step_up(browser, "a wrong password")

    assert locked_for_s(house) == pytest.approx(60, abs=5)
    assert step_up(browser, PASSWORD) == 401


def test_a_weaker_hash_is_made_anew_at_the_next_login(house: House) -> None:
    house.somebody("alice")
    weak = PasswordHasher(time_cost=1, memory_cost=1024, parallelism=1).hash(PASSWORD)
    house.change("UPDATE users SET password_hash = :weak", weak=weak)

    log_in(house.client, "alice")

    [row] = house.rows("SELECT password_hash FROM users")
    assert row["password_hash"].startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert passwords.matches(row["password_hash"], PASSWORD)


def test_sessions_that_ended_long_ago_are_forgotten(house: House) -> None:
    house.logged_in(house.somebody("alice", Role.VIEWER))
    house.change("UPDATE web_sessions SET expires_at = now() - interval '31 days'")

    log_in(house.client, "alice")

    assert len(house.rows("SELECT FROM web_sessions")) == 1


def test_without_the_database_nobody_is_let_in_and_the_answer_comes_in_time() -> None:
    with a_house("postgresql://nobody@127.0.0.1:1/nothing") as house:
        browser = house.client
        form = {"csrf_token": form_token(browser.get("/login")), "name": "alice", "password": PASSWORD}
        begun = time.monotonic()

        answers = [browser.post("/login", data=form)]
        browser.set_cookie(COOKIE, "x" * 43)
        answers += [browser.get("/"), house.client.get("/", headers={"Authorization": "Bearer x"})]

        assert [one.status_code for one in answers] == [503] * 3
        assert all("The database cannot be read" in one.text for one in answers)
        assert time.monotonic() - begun < 10


def test_a_database_that_answers_nothing_is_given_up_in_time() -> None:
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as silent,
        a_house(f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/nothing") as house,
    ):
        browser = house.client
        browser.set_cookie(COOKIE, "x" * 43)
        begun = time.monotonic()

        status = browser.get("/account").status_code

        assert status == 503
        assert time.monotonic() - begun < 2


def test_while_a_view_works_nothing_is_held_open(house: House) -> None:
    query = (
        "SELECT count(*) AS open FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL"
    )

    def look() -> str:
        return str(house.rows(query)[0]["open"])

    house.app.add_url_rule("/look", view_func=gate.needs(Scope.READ)(look))
    browser = house.logged_in(house.somebody("alice"))

    seen = [browser.get("/look").text, house.client.get("/look", headers=house.bearer("alice")).text]

    assert seen == ["1", "1"]  # the one that looks
