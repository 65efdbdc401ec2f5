"""The front page, on the rows of a small study, as somebody who is logged in."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from flask.testing import FlaskClient

from app.access import permissions
from app.access.permissions import By, Principal
from db.core.session import Database
from db.queries import reports
from domain.access import Role
from reporting import document, formatting
from tests.support.builders.example_study import a_small_study
from tests.support.builders.users import COOKIE, ConsoleApp, a_session, start_console_app


@pytest.fixture
def console(database_url: str) -> Iterator[ConsoleApp]:
    """Give the web application with the user `reader`."""
    with start_console_app(database_url) as running:
        running.add_user("reader")
        yield running


@pytest.fixture
def database(console: ConsoleApp) -> Database:
    """Give the test's database."""
    return console.database


@pytest.fixture
def client(console: ConsoleApp) -> FlaskClient:
    """Give a browser in which a viewer is logged in."""
    return console.logged_in("reader")


def test_the_front_page_shows_the_report_from_the_database(database: Database, client: FlaskClient) -> None:
    with database.transaction() as session:
        a_small_study(session)
        built = document.build_report(reports.load(session))

    answer = client.get("/")

    assert answer.status_code == 200
    assert formatting.format_bps(built["difference"]["estimate"]) in answer.text
    assert "The newest signal was stored less than a minute ago" in answer.text


def test_the_front_pages_stylesheet_is_served(client: FlaskClient, database: Database) -> None:
    with database.transaction() as session:
        a_small_study(session)
    href = client.get("/").text.partition('rel="stylesheet" href="')[2].partition('"')[0]

    answer = client.get(href)

    assert answer.status_code == 200
    assert answer.mimetype == "text/css"
    answer.close()


def test_the_front_page_says_that_there_is_no_study(client: FlaskClient) -> None:
    answer = client.get("/")

    assert answer.status_code == 200
    assert "there is no study yet" in answer.text


def test_the_front_page_says_that_the_database_is_away() -> None:
    with start_console_app("postgresql://nobody@127.0.0.1:1/nothing") as away:
        reader = Principal(name="reader", scopes=Role.VIEWER.scopes, by=By.TOKEN, has_stepped_up=False)
        away.app.extensions[permissions.IDENTIFIER] = lambda: reader

        answer = away.client.get("/")

    assert answer.status_code == 503
    assert "The database cannot be read" in answer.text
    assert "<table" not in answer.text


def test_the_front_page_says_who_is_logged_in_and_lets_them_log_out(client: FlaskClient) -> None:
    answer = client.get("/")

    assert 'Logged in as <a href="/account">reader</a>' in answer.text
    assert '<form method="post" action="/logout">' in answer.text


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "alerts.example.org", "10.0.0.7:8000"])
def test_the_front_page_is_open_by_any_name_to_who_is_logged_in_and_to_nobody_else(
    console: ConsoleApp, host: str
) -> None:
    with console.database.transaction() as session:
        a_small_study(session)
    cookie = {"Cookie": f"{COOKIE}={a_session(console.database, 'reader')}"}
    browser = console.app.test_client(use_cookies=False)

    let_in, turned_away = (browser.get("/", headers={"Host": host} | more) for more in (cookie, {}))

    assert let_in.status_code == 200
    assert (turned_away.status_code, turned_away.headers["Location"]) == (303, "/login")
    assert "<table" not in turned_away.text
