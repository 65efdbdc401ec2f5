"""Tokens for programs: what they let in, as what, and until when."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from click.testing import CliRunner, Result

from app.access.permissions import principal
from app.cli.tokens import command
from config import tokens
from domain.access import Role, Scope
from tests.support.builders.users import ConsoleApp, a_token, start_console_app

API = "/api/v1/signals/rerun"


@pytest.fixture
def console(database_url: str) -> Iterator[ConsoleApp]:
    with start_console_app(database_url, API_TOKEN="an-api-token-for-tests-of-32-and-more") as running:
        yield running


def run(url: str, *arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, env={"DATABASE_URL": url})


def listed(url: str) -> list[dict[str, Any]]:
    found = json.loads(run(url, "list", "--json").stdout)["tokens"]
    assert isinstance(found, list)
    return found


def status(console: ConsoleApp, headers: dict[str, str], path: str = API) -> int:
    return console.client.post(path, json={}, headers=headers).status_code


def test_a_token_is_shown_once_lets_in_and_only_its_hash_is_kept(database_url: str, console: ConsoleApp) -> None:
    console.add_user("alice", Role.OPERATOR)
    arguments = ("--user", "alice", "--label", "deploy", "--scope", "read", "--scope", "operate", "--days", "30")

    added = run(database_url, "add", *arguments)

    token = added.stdout.strip()
    [one] = listed(database_url)
    [row] = console.rows("SELECT token_hash FROM api_tokens")
    assert added.exit_code == 0, added.output
    assert status(console, {"Authorization": f"Bearer {token}"}) == 422
    assert row["token_hash"] == tokens.hash_token(token)
    assert (one["user"], one["label"], one["scopes"], one["holds"]) == ("alice", "deploy", ["read", "operate"], True)
    assert token not in json.dumps(listed(database_url))
    [entry] = console.rows("SELECT action, subject, detail::text AS detail FROM audit_log")
    assert (entry["action"], entry["subject"]) == ("token.added", one["token_id"])
    assert token not in entry["detail"]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--user", "nobody", "--label", "x", "--scope", "read"), "--user: there is no user named 'nobody'"),
        (("--user", "alice", "--label", " ", "--scope", "read"), "--label: must be a line of 1 to 100"),
        (("--user", "alice", "--label", "a\nb", "--scope", "read"), "--label: must be a line of 1 to 100"),
        (("--user", "alice", "--label", "x" * 101, "--scope", "read"), "--label: must be a line of 1 to 100"),
        (("--user", "alice", "--label", "x", "--scope", "operate"), "--scope: the role of 'alice' has no operate"),
        (("--user", "alice", "--label", "x", "--scope", "all"), "'--scope'"),
        (("--user", "alice", "--label", "x"), "'--scope'"),
        (("--user", "alice", "--label", "x", "--scope", "read", "--days", "0"), "--days: must be 1 to 3650"),
        (("--user", "alice", "--label", "x", "--scope", "read", "--days", "9999"), "--days: must be 1 to 3650"),
    ],
)
def test_a_token_that_cannot_be_made_ends_with_2_and_names_what_is_wrong(
    database_url: str, console: ConsoleApp, arguments: tuple[str, ...], told: str
) -> None:
    console.add_user("alice", Role.VIEWER)

    refused = run(database_url, "add", *arguments)

    assert refused.exit_code == 2
    assert told in refused.stderr
    assert listed(database_url) == []


def test_a_revoked_token_is_a_strangers_at_once(database_url: str, console: ConsoleApp) -> None:
    console.add_user("alice", Role.OPERATOR)
    token_id, token = a_token(console.database, "alice")
    headers = {"Authorization": f"Bearer {token}"}
    before = status(console, headers)

    revoked = run(database_url, "revoke", str(token_id))

    assert revoked.exit_code == 0, revoked.output
    assert (before, status(console, headers)) == (422, 401)
    assert [one["holds"] for one in listed(database_url)] == [False]
    assert [row["action"] for row in console.rows("SELECT action FROM audit_log")] == ["token.revoked"]


def test_a_token_that_is_not_there_cannot_be_revoked(database_url: str) -> None:
    refused = run(database_url, "revoke", str(uuid4()))

    assert refused.exit_code == 2
    assert "there is no token" in refused.stderr


def test_an_expired_token_is_a_strangers(console: ConsoleApp) -> None:
    console.add_user("alice", Role.OPERATOR)
    headers = console.bearer("alice", days=1)
    before = status(console, headers)

    console.change("UPDATE api_tokens SET expires_at = clock_timestamp()")

    assert (before, status(console, headers)) == (422, 401)


def test_a_token_may_do_what_both_its_scopes_and_its_owners_present_role_allow(console: ConsoleApp) -> None:
    console.add_user("alice", Role.ADMIN)
    headers = console.bearer("alice", [Scope.READ, Scope.OPERATE, Scope.ADMIN])

    seen = {}
    for role in Role:
        console.change("UPDATE users SET role = :role", role=role.value)
        with console.app.test_request_context("/", headers=headers):
            who = principal()
            assert who is not None
            seen[role] = who.scopes

    assert seen == {
        Role.VIEWER: {Scope.READ},
        Role.OPERATOR: {Scope.READ, Scope.OPERATE},
        Role.ADMIN: {Scope.READ, Scope.OPERATE, Scope.ADMIN},
    }


def test_who_asks_by_token_is_named_by_the_user_and_the_label(console: ConsoleApp) -> None:
    console.add_user("alice", Role.ADMIN)

    with console.app.test_request_context("/", headers=console.bearer("alice")):
        who = principal()

    assert who is not None
    assert who.name == "alice/tests"


def test_when_a_token_was_used_is_noted_once_a_minute(console: ConsoleApp) -> None:
    console.add_user("alice", Role.OPERATOR)
    headers = console.bearer("alice")

    def used() -> Any:
        return console.rows("SELECT last_used_at FROM api_tokens")[0]["last_used_at"]

    seen = [used()]
    for _ in range(2):
        status(console, headers)
        seen.append(used())
    console.change("UPDATE api_tokens SET last_used_at = last_used_at - interval '61 seconds'")
    status(console, headers)

    never, once, twice, later = *seen, used()
    assert never is None
    assert once is not None
    assert twice == once
    assert later > once


def test_a_bearers_token_counts_before_the_cookie_and_a_wrong_one_is_not_made_good_by_it(console: ConsoleApp) -> None:
    browser = console.logged_in(console.add_user("alice", Role.ADMIN))

    answer = browser.get("/account", headers={"Authorization": "Bearer wrong"})

    assert answer.status_code == 303


def test_a_program_cannot_use_what_is_for_people(console: ConsoleApp) -> None:
    console.add_user("alice", Role.ADMIN)

    answers = [
        console.client.get("/account", headers=console.bearer("alice")),
        console.client.post("/account/tokens", headers=console.bearer("alice")),
        console.client.post("/account/password", headers=console.bearer("alice")),
        console.client.post("/step-up", headers={"Authorization": "Bearer an-api-token-for-tests-of-32-and-more"}),
    ]

    assert [one.status_code for one in answers] == [403] * 4
