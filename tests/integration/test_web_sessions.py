"""Sessions in browsers: how long they last, what their forms must show, and giving the password once more."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest
from flask.testing import FlaskClient

from app.access import permissions
from app.web.deadlines import Deadlines
from domain.access import Role, Scope
from tests.support.builders.users import COOKIE, PASSWORD, ConsoleApp, form_token, log_in, post, start_console_app


@pytest.fixture
def console(database_url: str) -> Iterator[ConsoleApp]:
    with start_console_app(database_url) as running:
        running.app.add_url_rule(
            "/danger", view_func=permissions.needs(Scope.READ, step_up=True)(lambda: "done"), methods=["POST"]
        )
        yield running


def test_a_session_ends_half_an_hour_after_it_was_used_last(console: ConsoleApp) -> None:
    browser = console.logged_in(console.add_user("alice"))

    console.change("UPDATE web_sessions SET seen_at = clock_timestamp() - interval '29 minutes'")
    used = browser.get("/account").status_code
    console.change("UPDATE web_sessions SET seen_at = clock_timestamp() - interval '30 minutes'")

    assert (used, browser.get("/account").status_code) == (200, 303)


def test_a_session_ends_twelve_hours_after_it_began_however_much_it_is_used(console: ConsoleApp) -> None:
    browser = console.logged_in(console.add_user("alice"))

    console.change("UPDATE web_sessions SET expires_at = clock_timestamp()")

    assert browser.get("/account").status_code == 303


def test_when_a_session_was_used_is_written_once_a_minute(console: ConsoleApp) -> None:
    browser = console.logged_in(console.add_user("alice"))

    def seen() -> Any:
        return console.rows("SELECT seen_at FROM web_sessions")[0]["seen_at"]

    times = [seen()]
    browser.get("/account")
    times.append(seen())
    console.change("UPDATE web_sessions SET seen_at = seen_at - interval '61 seconds'")
    browser.get("/account")

    assert times[0] == times[1]
    assert seen() > times[0]


def test_each_login_has_a_session_of_its_own_and_ends_the_one_the_browser_had(console: ConsoleApp) -> None:
    console.add_user("alice")
    browser = console.client
    log_in(browser, "alice")
    first = browser.get_cookie(COOKIE)
    page = browser.get("/account")

    again = browser.post("/login", data={"csrf_token": form_token(page), "name": "alice", "password": PASSWORD})

    second = browser.get_cookie(COOKIE)
    assert again.status_code == 303
    assert first is not None
    assert second is not None
    assert first.value != second.value
    assert len(console.rows("SELECT FROM web_sessions WHERE ended_at IS NULL")) == 1


def test_after_logging_out_the_old_cookie_opens_nothing(console: ConsoleApp) -> None:
    browser = console.logged_in(console.add_user("alice"))
    cookie = browser.get_cookie(COOKIE)
    assert cookie is not None

    answer = post(browser, "/logout")

    thief = console.client
    thief.set_cookie(COOKIE, cookie.value)
    assert (answer.status_code, answer.headers["Location"]) == (303, "/login")
    assert browser.get_cookie(COOKIE) is None
    assert thief.get("/account").status_code == 303


FORMS = ("/logout", "/step-up", "/account/tokens", "/account/password", "/account/sessions/x/end")


@pytest.mark.parametrize("path", FORMS)
def test_a_write_that_no_page_of_ours_sent_is_refused(console: ConsoleApp, path: str) -> None:
    console.add_user("mallory")
    browser = console.logged_in(console.add_user("alice"))
    foreign = form_token(console.logged_in("mallory").get("/account"))
    visitors = form_token(console.client.get("/login"))

    answers = [
        browser.post(path, data=fields, headers=headers)
        for fields, headers in (
            ({}, {}),
            ({"csrf_token": foreign}, {}),
            ({"csrf_token": visitors}, {}),
            ({"csrf_token": "x"}, {}),
            ({}, {"X-CSRF-Token": foreign}),
        )
    ]

    assert {one.status_code for one in answers} == {400}
    assert "This page was too old" in answers[0].text
    assert len(console.rows("SELECT FROM web_sessions WHERE ended_at IS NULL AND user_name = 'alice'")) == 1


def test_a_form_that_was_made_before_the_login_is_worth_nothing_after_it(console: ConsoleApp) -> None:
    console.add_user("alice")
    browser = console.client
    before = form_token(browser.get("/login"))
    log_in(browser, "alice")

    refused = browser.post("/logout", data={"csrf_token": before})

    assert refused.status_code == 400
    assert browser.get("/account").status_code == 200


def test_a_login_that_no_page_of_ours_sent_begins_nothing(console: ConsoleApp) -> None:
    console.add_user("alice")

    answer = console.client.post("/login", data={"name": "alice", "password": PASSWORD})

    assert answer.status_code == 400
    assert console.rows("SELECT FROM web_sessions") == []


def test_a_script_of_ours_may_show_the_form_token_in_a_header(console: ConsoleApp) -> None:
    browser = console.logged_in(console.add_user("alice"))
    token = form_token(browser.get("/account"))

    assert browser.post("/danger", headers={"X-CSRF-Token": token}).text == "done"


def step_up(browser: FlaskClient, password: str) -> int:
    return post(browser, "/step-up", password=password, next="/account").status_code


def test_the_password_once_more_opens_what_asks_for_it_for_five_minutes(console: ConsoleApp) -> None:
    browser = console.logged_in(console.add_user("alice"), stepped_up=False)
    headers = {"X-CSRF-Token": form_token(browser.get("/account"))}

    def dare() -> int:
        return browser.post("/danger", headers=headers).status_code

    before, wrong, between = dare(), step_up(browser, "a wrong password"), dare()
    right, after = step_up(browser, PASSWORD), dare()
    console.change("UPDATE web_sessions SET stepped_up_until = stepped_up_until - interval '5 minutes'")

    assert (before, wrong, between) == (403, 401, 403)
    assert (right, after) == (303, 200)
    assert dare() == 403


def test_wrong_passwords_beside_the_login_lock_the_name_too(console: ConsoleApp) -> None:
    browser = console.logged_in(console.add_user("alice"), stepped_up=False)

    for _ in range(5):
        step_up(browser, "a wrong password")

    assert console.locked_for_s() == pytest.approx(60, abs=5)
    assert step_up(browser, PASSWORD) == 401


def test_whether_the_password_was_given_once_more_stands_in_the_audit_log(console: ConsoleApp) -> None:
    browser = console.logged_in(console.add_user("alice"), stepped_up=False)

    step_up(browser, "a wrong password")
    step_up(browser, PASSWORD)

    assert console.rows("SELECT actor, action, subject, detail FROM audit_log ORDER BY entry_id") == [
        {"actor": "alice", "action": f"user.password_{what}", "subject": "alice", "detail": {"address": "127.0.0.1"}}
        for what in ("refused", "given")
    ]


def test_sessions_that_ended_long_ago_are_forgotten(console: ConsoleApp) -> None:
    console.logged_in(console.add_user("alice", Role.VIEWER))
    console.change("UPDATE web_sessions SET expires_at = now() - interval '31 days'")

    log_in(console.client, "alice")

    assert len(console.rows("SELECT FROM web_sessions")) == 1


def test_a_database_that_answers_nothing_is_given_up_in_time() -> None:
    with (
        closing(socket.create_server(("127.0.0.1", 0))) as silent,
        start_console_app(
            f"postgresql://nobody@127.0.0.1:{silent.getsockname()[1]}/nothing", deadlines=Deadlines()
        ) as console,
    ):
        browser = console.client
        browser.set_cookie(COOKIE, "x" * 43)
        begun = time.monotonic()

        status = browser.get("/account").status_code

        assert status == 503
        assert time.monotonic() - begun < 2


def test_while_a_view_works_nothing_is_held_open(console: ConsoleApp) -> None:
    query = (
        "SELECT count(*) AS open FROM pg_stat_activity WHERE datname = current_database() AND xact_start IS NOT NULL"
    )

    def look() -> str:
        return str(console.rows(query)[0]["open"])

    console.app.add_url_rule("/look", view_func=permissions.needs(Scope.READ)(look))
    browser = console.logged_in(console.add_user("alice"))

    seen = [browser.get("/look").text, console.client.get("/look", headers=console.bearer("alice")).text]

    assert seen == ["1", "1"]  # the one that looks
