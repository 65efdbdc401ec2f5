"""Every route there is, as a stranger, with what holds no longer, and in each role: whoever adds one is covered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest
from flask import Flask
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from domain.access import Role, Scope
from tests.support.builders.users import COOKIE, ConsoleApp, form_token, start_console_app

PUBLIC = {
    ("webhook.receive", "POST"),
    ("health.healthz", "GET"),
    ("health.readyz", "GET"),
    ("console.static", "GET"),
    ("access.login_page", "GET"),
    ("access.login", "POST"),
}
PAGES = {"console", "access", "account", "sources"}  # their strangers are sent to log in
PEOPLES = {"access", "account"}  # what only somebody who is logged in can use
SAMPLES: dict[str, Any] = {"UUIDConverter": uuid4(), "IntegerConverter": 1, "FloatConverter": 1.0}


@pytest.fixture
def console(database_url: str) -> Iterator[ConsoleApp]:
    with start_console_app(database_url, API_TOKEN="an-api-token-for-tests-of-32-and-more") as running:
        for role in Role:
            running.add_user(role.value, role)
        yield running


def routes(app: Flask) -> list[tuple[Rule, str]]:
    """Return every rule and method that is not for everybody."""
    found = [(rule, method) for rule in app.url_map.iter_rules() for method in sorted(rule.methods or ())]
    return [one for one in found if one[1] != "HEAD" and (one[0].endpoint, one[1]) not in PUBLIC]


def view_of(app: Flask, rule: Rule, method: str) -> Any:
    """Return the function that answers; of a view made of a class, its method."""
    view = app.view_functions[rule.endpoint]
    view_class = getattr(view, "view_class", None)
    return view if view_class is None else getattr(view_class, method.lower())


def path_of(app: Flask, rule: Rule) -> str:
    """Return a path that the rule matches."""
    values = {
        name: SAMPLES.get(type(converter).__name__, "x")
        for name, converter in rule._converters.items()  # noqa: SLF001 - there is no other way to see them
    }
    with app.test_request_context():
        return str(app.url_map.bind("localhost").build(rule.endpoint, values, force_external=False))


def ask(console: ConsoleApp, rule: Rule, method: str, **how: Any) -> TestResponse:
    client = how.pop("client", None) or console.client
    answer: TestResponse = client.open(path_of(console.app, rule), method=method, **how)
    return answer


def is_turned_away(answer: TestResponse, rule: Rule) -> bool:
    """Say whether a stranger was sent to log in, or told that nothing is told."""
    if rule.endpoint.partition(".")[0] in PAGES:
        return answer.status_code == 303 and answer.headers["Location"].startswith("/login")
    return answer.status_code == 401


def test_every_route_that_is_not_for_everybody_says_what_it_needs(console: ConsoleApp) -> None:
    found = routes(console.app)

    bare = [
        (rule.rule, method)
        for rule, method in found
        if not isinstance(getattr(view_of(console.app, rule, method), "needs_scope", None), Scope)
    ]

    assert len(found) > 8
    assert bare == []
    there = {(rule.endpoint, method) for rule in console.app.url_map.iter_rules() for method in rule.methods or ()}
    assert there >= PUBLIC


def test_every_write_needs_more_than_to_read_except_on_ones_own_account(console: ConsoleApp) -> None:
    writes = [(rule, method) for rule, method in routes(console.app) if method != "GET"]

    lax = [
        rule.endpoint
        for rule, method in writes
        if view_of(console.app, rule, method).needs_scope in (Scope.READ, Scope.METRICS)
        and rule.endpoint.partition(".")[0] not in PEOPLES
    ]

    assert writes
    assert lax == []


def test_every_route_turns_strangers_away(console: ConsoleApp) -> None:
    console.add_user("gone", Role.ADMIN)
    expired, revoked, disabled = (console.bearer(name) for name in ("admin", "admin", "gone"))
    console.change("UPDATE api_tokens SET expires_at = now() WHERE ctid = (SELECT min(ctid) FROM api_tokens)")
    console.change("UPDATE api_tokens SET revoked_at = now() WHERE expires_at IS NULL AND user_name = 'admin'")
    idle, over, ended = (console.logged_in("admin") for _ in range(3))
    console.change("UPDATE web_sessions SET expires_at = now()")
    shut = console.logged_in("gone")
    console.change("UPDATE users SET enabled = false WHERE name = 'gone'")
    unheard = console.client
    unheard.set_cookie(COOKIE, "x" * 43)
    hows: list[dict[str, Any]] = [{}, *({"client": one} for one in (idle, over, ended, shut, unheard))]
    hows += [
        {"headers": one}
        for one in (
            expired,
            revoked,
            disabled,
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Basic YWRtaW46YWRtaW4="},
        )
    ]

    let_in = [
        (rule.rule, method, number)
        for origin, (rule, method) in enumerate(routes(console.app))
        for number, how in enumerate(hows)
        if not is_turned_away(ask(console, rule, method, environ_base={"REMOTE_ADDR": f"10.0.{origin}.1"}, **how), rule)
    ]

    assert let_in == []


@pytest.mark.parametrize("role", Role)
def test_every_route_that_needs_more_than_a_role_has_is_refused_to_it(console: ConsoleApp, role: Role) -> None:
    headers = console.bearer(role.value)
    beyond = [one for one in routes(console.app) if view_of(console.app, *one).needs_scope not in role.scopes]

    answers = [(rule.rule, ask(console, rule, method, headers=headers).status_code) for rule, method in beyond]

    assert beyond or role is not Role.VIEWER
    assert [one for one in answers if one[1] != 403] == []


@pytest.mark.parametrize("role", Role)
def test_every_route_that_needs_more_than_a_role_has_is_refused_to_its_session(console: ConsoleApp, role: Role) -> None:
    browser = console.logged_in(role.value)
    headers = {"X-CSRF-Token": form_token(browser.get("/account"))}
    beyond = [one for one in routes(console.app) if view_of(console.app, *one).needs_scope not in role.scopes]

    answers = [
        (rule.rule, ask(console, rule, method, client=browser, headers=headers).status_code) for rule, method in beyond
    ]

    assert [one for one in answers if one[1] != 403] == []


def test_a_token_without_a_scope_opens_nothing_that_needs_it(console: ConsoleApp) -> None:
    for scope in Scope:
        headers = console.bearer("admin", [one for one in Scope if one is not scope])
        needing = [one for one in routes(console.app) if view_of(console.app, *one).needs_scope is scope]

        answers = [(rule.rule, ask(console, rule, method, headers=headers).status_code) for rule, method in needing]

        assert [one for one in answers if one[1] != 403] == []


def test_every_write_that_comes_by_session_must_show_that_a_page_of_ours_sent_it(console: ConsoleApp) -> None:
    browser = console.logged_in("admin")
    writes = [(rule, method) for rule, method in routes(console.app) if method != "GET"]

    answers = [(rule.rule, ask(console, rule, method, client=browser).status_code) for rule, method in writes]

    assert [one for one in answers if one[1] != 400] == []


def test_every_route_that_asks_for_the_password_once_more_does_so(console: ConsoleApp) -> None:
    browser = console.logged_in("admin", stepped_up=False)
    headers = {"X-CSRF-Token": form_token(browser.get("/account"))}
    stepped = [one for one in routes(console.app) if view_of(console.app, *one).needs_step_up]

    answers = [(rule, ask(console, rule, method, client=browser, headers=headers)) for rule, method in stepped]

    through = [
        rule.rule
        for rule, answer in answers
        if answer.status_code != 403 and not answer.headers.get("Location", "").startswith("/step-up")
    ]
    assert stepped
    assert through == []
    assert console.rows("SELECT FROM api_tokens") == []


def test_no_route_tells_which_methods_it_has(console: ConsoleApp) -> None:
    answers = {ask(console, rule, "OPTIONS").status_code for rule in console.app.url_map.iter_rules()}

    assert answers <= {401, 405}
