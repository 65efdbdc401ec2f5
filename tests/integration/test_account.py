"""The account page: one's own sessions, tokens and password, and nobody else's."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from config import tokens
from domain.access import Role
from operations import password_hashing
from tests.support.builders.users import COOKIE, PASSWORD, ConsoleApp, a_token, post, start_console_app

NEW = "ebb and flood tides"


@pytest.fixture
def console(database_url: str) -> Iterator[ConsoleApp]:
    with start_console_app(database_url) as running:
        yield running


def test_one_ends_another_session_of_ones_own(console: ConsoleApp) -> None:
    here, there = console.logged_in(console.add_user("alice")), console.logged_in("alice")
    [shown] = re.findall(r'action="/account/sessions/([0-9a-f]+)/end"', here.get("/account").text)

    ended = post(here, f"/account/sessions/{shown}/end")

    assert ended.status_code == 303
    assert (here.get("/account").status_code, there.get("/account").status_code) == (200, 303)


def test_a_token_without_an_end_date_is_shown_as_one_without_end(console: ConsoleApp) -> None:
    name = console.add_user("alice")
    console.bearer(name)

    page = console.logged_in(name).get("/account").text

    assert "<td>no end</td>" in page
    assert "revoked" not in page


@pytest.mark.parametrize("shown", ["0" * 16, "x", "%00", "0"])
def test_a_session_that_is_not_there_cannot_be_ended(console: ConsoleApp, shown: str) -> None:
    browser = console.logged_in(console.add_user("alice"))

    assert post(browser, f"/account/sessions/{shown}/end").status_code == 404


def test_nobody_ends_sessions_or_tokens_of_others(console: ConsoleApp) -> None:
    alice, mallory = (
        console.logged_in(console.add_user("alice")),
        console.logged_in(console.add_user("mallory", Role.ADMIN)),
    )
    [row] = console.rows("SELECT session_hash FROM web_sessions WHERE user_name = 'alice'")
    token_id, token = a_token(console.database, "alice")

    answers = [
        post(mallory, f"/account/sessions/{row['session_hash'][:16]}/end"),
        post(mallory, f"/account/tokens/{token_id}/revoke"),
    ]

    assert [one.status_code for one in answers] == [404, 404]
    assert alice.get("/account").status_code == 200
    assert console.client.get("/", headers={"Authorization": f"Bearer {token}"}).status_code == 200


def test_a_token_that_is_made_is_shown_once_and_lets_in(console: ConsoleApp) -> None:
    browser = console.logged_in(console.add_user("alice", Role.OPERATOR))

    made = post(browser, "/account/tokens", label="<b>deploy</b>", scope=["read", "operate"], days="30")

    token = re.findall(r'<code id="token">([^<]+)</code>', made.text)[0]
    assert console.client.get("/", headers={"Authorization": f"Bearer {token}"}).status_code == 200
    later = browser.get("/account").text
    assert token not in later
    assert "&lt;b&gt;deploy&lt;/b&gt;" in later
    [row] = console.rows("SELECT token_hash, scopes, expires_at - created_at AS lasts FROM api_tokens")
    assert (row["token_hash"], row["scopes"]) == (tokens.hash_token(token), ["read", "operate"])
    assert row["lasts"].days in (29, 30)


def test_one_revokes_a_token_of_ones_own(console: ConsoleApp) -> None:
    browser = console.logged_in(console.add_user("alice"))
    token_id, token = a_token(console.database, "alice")

    revoked = post(browser, f"/account/tokens/{token_id}/revoke")

    assert revoked.status_code == 303
    assert console.client.get("/", headers={"Authorization": f"Bearer {token}"}).status_code == 303
    [entry] = console.rows("SELECT actor, action, subject FROM audit_log")
    assert (entry["actor"], entry["action"], entry["subject"]) == ("alice", "token.revoked", str(token_id))


def test_making_a_token_asks_for_the_password_once_more_and_comes_back(console: ConsoleApp) -> None:
    browser = console.logged_in(console.add_user("alice"), stepped_up=False)

    sent = post(browser, "/account/tokens?next=/account", label="x", scope=["read"], days="30")

    assert (sent.status_code, sent.headers["Location"]) == (303, "/step-up?next=/account")
    assert console.rows("SELECT FROM api_tokens") == []


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        ({"label": " "}, "label", "Label: must be a line of 1 to 100"),
        ({"days": "0"}, "days", "Valid for (days): must be 1 to 3650"),
        ({"days": "9999"}, "days", "Valid for (days): must be 1 to 3650"),
        ({"days": "soon"}, "days", "Valid for (days): must be 1 to 3650"),
        ({"days": "٣"}, "days", "Valid for (days): must be 1 to 3650"),
        ({"scope": []}, "scope", "Scopes: must be at least one of"),
        ({"scope": ["all"]}, "scope", "Scopes: must be at least one of"),
        ({"scope": ["admin"]}, "scope", "Scopes: the role of &#39;alice&#39; has no admin"),
    ],
)
def test_a_token_that_cannot_be_made_names_the_field(
    console: ConsoleApp, fields: dict[str, Any], field: str, told: str
) -> None:
    browser = console.logged_in(console.add_user("alice"))

    answer = post(browser, "/account/tokens", **({"label": "x", "scope": ["read"], "days": "30"} | fields))

    assert answer.status_code == 422
    assert f'id="{field}-error">{told}' in answer.text
    assert re.search(rf'aria-describedby="[^"]*{field}-error', answer.text)
    assert console.rows("SELECT FROM api_tokens") == []


def test_a_changed_password_ends_all_sessions_and_gives_this_browser_a_new_one(console: ConsoleApp) -> None:
    here, there = console.logged_in(console.add_user("alice")), console.logged_in("alice")
    before = here.get_cookie(COOKIE)

    changed = post(here, "/account/password", present=PASSWORD, new=NEW, again=NEW)

    after = here.get_cookie(COOKIE)
    assert changed.status_code == 303
    assert before is not None
    assert after is not None
    assert before.value != after.value
    assert (here.get("/account").status_code, there.get("/account").status_code) == (200, 303)
    [row] = console.rows("SELECT password_hash FROM users")
    assert password_hashing.matches_hash(row["password_hash"], NEW)
    assert "user.password_set" in {one["action"] for one in console.rows("SELECT action FROM audit_log")}


@pytest.mark.parametrize(
    ("fields", "field", "told"),
    [
        ({"present": "wrong"}, "present", "is not your password"),
        ({"again": "another one entirely"}, "again", "is not the same as the new one"),
        ({"new": "short", "again": "short"}, "new", "must have 12 to 200 characters"),
        ({"new": "password1234", "again": "password1234"}, "new", "is one that attackers try first"),
    ],
)
def test_a_password_that_cannot_be_changed_names_the_field(
    console: ConsoleApp, fields: dict[str, str], field: str, told: str
) -> None:
    browser = console.logged_in(console.add_user("alice"))

    answer = post(browser, "/account/password", **({"present": PASSWORD, "new": NEW, "again": NEW} | fields))

    assert answer.status_code == 422
    assert re.search(rf'id="{field}-error">[^<]*{told}', answer.text)
    assert re.search(rf'id="{field}"[^>]*aria-invalid="true"[^>]*aria-describedby="{field}-error', answer.text)
    [row] = console.rows("SELECT password_hash FROM users")
    assert password_hashing.matches_hash(row["password_hash"], PASSWORD)
