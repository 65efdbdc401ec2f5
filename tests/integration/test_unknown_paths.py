"""What a path that is not there answers: a page to a browser, JSON to a program."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.builders.users import ConsoleApp, start_console_app

BROWSER = "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"


@pytest.fixture
def console(database_url: str) -> Iterator[ConsoleApp]:
    with start_console_app(database_url) as running:
        yield running


def test_a_browser_gets_a_page(console: ConsoleApp) -> None:
    answer = console.client.get("/no-such-page", headers={"Accept": BROWSER})

    assert (answer.status_code, answer.mimetype) == (404, "text/html")
    assert "<h1>No such page</h1>" in answer.text


@pytest.mark.parametrize("accept", [None, "*/*", "application/json", "application/json, text/html;q=0.5"])
def test_a_program_gets_json(console: ConsoleApp, accept: str | None) -> None:
    answer = console.client.get("/no-such-page", headers={} if accept is None else {"Accept": accept})

    assert (answer.status_code, answer.mimetype) == (404, "application/json")
    assert answer.get_json()["status"] == "not_found"


@pytest.mark.parametrize("path", ["/webhook/a/b", "/webhook//a", "/webhook/"])
def test_a_sender_of_alerts_gets_json_whatever_it_accepts(console: ConsoleApp, path: str) -> None:
    answer = console.client.post(path, headers={"Accept": BROWSER})

    assert (answer.status_code, answer.mimetype) == (404, "application/json")


def test_the_api_answers_a_browser_with_problem_details(console: ConsoleApp) -> None:
    console.add_user("alice")
    browser = console.logged_in("alice")

    answer = browser.get("/api/v1/no-such-thing", headers={"Accept": BROWSER})

    assert (answer.status_code, answer.mimetype) == (404, "application/problem+json")
