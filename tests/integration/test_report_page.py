"""The front page, on the rows of a small study."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.console.page import blueprint
from app.reporting import document, plain
from db import migrate, reports
from db.session import Database
from tests.small_study import a_small_study


@pytest.fixture
def database(database_url: str) -> Iterator[Database]:
    """Give the test's database."""
    database = Database(migrate.driver_url(database_url))
    yield database
    database.dispose()


@pytest.fixture
def client(database: Database) -> FlaskClient:
    """Give a browser's view of the console, bound to the loopback address."""
    return a_console(database, bind="127.0.0.1").test_client()


def a_console(database: Database, *, bind: str) -> Flask:
    """Make an app with the front page alone."""
    app = Flask(__name__, static_folder=None)
    app.config["DATABASE"] = database
    app.config["SETTINGS"] = SimpleNamespace(bind=bind)
    app.register_blueprint(blueprint)
    return app


def test_the_front_page_shows_the_report_from_the_database(database: Database, client: FlaskClient) -> None:
    with database.transaction() as session:
        a_small_study(session)
        built = document.build(reports.load(session))

    answer = client.get("/")

    assert answer.status_code == 200
    assert plain.bps(built["difference"]["estimate"]) in answer.text
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
    away = Database("postgresql+psycopg://nobody@127.0.0.1:1/nothing")

    answer = a_console(away, bind="127.0.0.1").test_client().get("/")

    assert answer.status_code == 503
    assert "The database cannot be read" in answer.text
    assert "<table" not in answer.text


@pytest.mark.parametrize("bind", ["0.0.0.0", "::", "192.168.1.10", "example.org"])
def test_the_front_page_is_closed_on_a_public_address(database: Database, bind: str) -> None:
    with database.transaction() as session:
        a_small_study(session)

    answer = a_console(database, bind=bind).test_client().get("/")

    assert answer.status_code == 403
    assert "no logins yet" in answer.text
    assert "<table" not in answer.text


@pytest.mark.parametrize(
    "host", ["alerts.example.org", "alerts.example.org:443", "10.0.0.7:8000", "evil.localhost.org"]
)
def test_the_front_page_is_closed_through_a_tunnel(client: FlaskClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 403


@pytest.mark.parametrize("host", ["localhost", "localhost:8000", "127.0.0.1:8000", "[::1]:8000", "[::1]"])
def test_the_front_page_is_open_on_this_machine(client: FlaskClient, host: str) -> None:
    assert client.get("/", headers={"Host": host}).status_code == 200
