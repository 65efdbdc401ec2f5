"""The console's page about sources: what they do, what to paste, and what a message would be read as."""

from __future__ import annotations

import html
import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from config.vault import TokenVault
from db import books, incidents
from domain.access import Role
from operations import source_tokens
from tests.support.builders.users import ConsoleApp, form_token, post, start_console_app
from tests.support.webhook import SOURCE
from tests.unit.alerts.test_formats import FORMATS

SECRET = "hunter2hunter2"
DESK = replace(SOURCE, name="desk", book="paper")
TOLD = {"ticker": "BINANCE:BTCUSDT.P", "action": "buy", "price": "43000.5", "interval": "60", "passphrase": SECRET}


@pytest.fixture
def console(database_url: str) -> Iterator[ConsoleApp]:
    with start_console_app(database_url) as running:
        for role in Role:
            running.add_user(role.value, role)
        yield running


@pytest.fixture
def url(console: ConsoleApp) -> str:
    """Make a source and return the URL that its alerts go to."""
    with console.database.transaction() as session:
        books.ensure_standing(session)
        token = source_tokens.issue(session, TokenVault("a-secret-key-for-tests"), DESK)
    return f"http://localhost/webhook/{token}"


def read(console: ConsoleApp, message: str, *, source: str = "desk", who: str = "operator") -> tuple[int, str]:
    answer = post(console.logged_in(who), "/sources/read", page="/sources", source=source, message=message)
    return answer.status_code, html.unescape(answer.text)


def test_what_a_source_does_and_what_is_the_matter_with_it_is_shown(console: ConsoleApp, url: str) -> None:
    console.client.post(url, json={"symbol": "BTCUSDT", "action": "dance"})
    with console.database.transaction() as session:
        incidents.open_(session, kind="source_silent", subject="desk", detail={})

    page = console.logged_in("viewer").get("/sources").text

    row = page[page.index('<th scope="row">desk</th>') :].partition("</tr>")[0]
    assert "<td>paper</td><td>yes</td>" in row
    assert "never" not in row
    assert "<td>1</td>" in row
    assert "source_silent" in row


@pytest.mark.parametrize("role", Role)
def test_the_url_is_shown_to_those_who_may_let_somebody_in_only(console: ConsoleApp, url: str, role: Role) -> None:
    page = console.logged_in(role.value).get("/sources").text

    assert (url in page) is (role is Role.ADMIN)
    assert url.rpartition("/")[2] not in page or role is Role.ADMIN
    assert "{{strategy.order.action}}" in page
    assert ("<textarea" in page) is (role is not Role.VIEWER)


def test_a_message_is_told_as_what_it_would_be_read_and_nothing_is_kept(console: ConsoleApp, url: str) -> None:
    status, page = read(console, json.dumps(TOLD))

    assert status == 200
    assert "entry long BTCUSDT</strong> (perp) on BINANCE at 43000.5, bars of 1h" in page
    assert "symbol from ticker" in page
    assert "Nothing was stored or traded" in page
    assert console.rows("SELECT FROM signals") == console.rows("SELECT FROM webhook_events") == []


def test_every_form_of_alert_is_shown_as_what_it_would_be_read(console: ConsoleApp, url: str) -> None:
    browser = console.logged_in("operator")
    token = form_token(browser.get("/sources"))

    for message in [*(message for _, message, *_ in FORMATS), json.dumps(TOLD | {"confidence": 80})]:
        form = {"csrf_token": token, "source": "desk", "message": message}
        answer = browser.post("/sources/read", data=form)
        assert (answer.status_code, "Nothing was stored or traded" in answer.text) == (200, True), message


@pytest.mark.property_id(44)
def test_the_secret_of_a_message_is_not_shown_again(console: ConsoleApp, url: str) -> None:
    broken = f'{{"ticker": "BTCUSDT", "action": "{SECRET}", "key": "{SECRET}"}}'

    pages = [read(console, message)[1] for message in (json.dumps(TOLD), broken, SECRET, f"{{{SECRET}: 1}}")]

    assert [page for page in pages if SECRET in page] == []


def test_what_could_not_be_read_is_told_by_field_and_each_part_alone(console: ConsoleApp, url: str) -> None:
    _, page = read(console, '[{"symbol": "BTCUSDT", "action": "dance"}, {"symbol": "ETHUSDT", "side": "short"}]')

    assert "<strong>action</strong>: is not known" in page
    assert "entry short ETHUSDT</strong> (spot)" in page


@pytest.mark.parametrize(
    ("source", "message", "told"),
    [
        ("nobody", "buy BTCUSDT", "Choose one of the sources."),
        ("desk", "  ", "Paste a message of at most 65536 bytes."),
        ("desk", "x" * 65_537, "Paste a message of at most 65536 bytes."),
    ],
)
def test_what_cannot_be_tried_says_what_would_be_right(
    console: ConsoleApp, url: str, source: str, message: str, told: str
) -> None:
    status, page = read(console, message, source=source)

    assert (status, told in page) == (422, True)


def test_a_program_has_no_page(console: ConsoleApp, url: str) -> None:
    answer = console.client.get("/sources", headers=console.bearer("admin"))

    assert answer.status_code == 403
