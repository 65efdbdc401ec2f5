"""Logging in, the account and logging out in a real browser, served by the real web process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from db.core import migrate
from db.core.session import Database
from domain.access import Role
from stack.servers import ServerUrls
from tests.browser.conftest import overflow_px, show_on_telephone
from tests.support.builders.users import PASSWORD, a_session, a_token, a_user
from tests.support.servers.processes import Processes
from tests.support.waiting import until

pytestmark = pytest.mark.browser
WRONG = "a wrong password"
NEW = "ebb and flood tides"


@pytest.fixture
def console(database_url: str, server_urls: ServerUrls, tmp_path: Path) -> Iterator[str]:
    """Serve a console with the user alice."""
    database = Database(migrate.driver_url(database_url))
    a_user(database, "alice", Role.OPERATOR)
    database.dispose()
    with Processes(database_url=database_url, redis_url=server_urls.redis_url, directory=tmp_path) as processes:
        yield processes.start_web()


def fill(browser: webdriver.Chrome, **fields: str) -> None:
    """Write into fields by their names."""
    for name, text in fields.items():
        field = browser.find_element(By.NAME, name)
        field.clear()
        field.send_keys(text)


def press(browser: webdriver.Chrome, name: str) -> None:
    """Press the button that begins so and wait until another page has come."""
    page = browser.find_element(By.TAG_NAME, "html")
    button(browser, name).click()
    until(lambda: browser.find_elements(By.TAG_NAME, "html") not in ([], [page]), what="another page")


def button(browser: webdriver.Chrome, name: str) -> WebElement:
    return next(one for one in browser.find_elements(By.TAG_NAME, "button") if one.text.startswith(name))


def heading(browser: webdriver.Chrome) -> str:
    return browser.find_element(By.TAG_NAME, "h1").text


def log_in(browser: webdriver.Chrome, password: str = PASSWORD) -> None:
    fill(browser, name="alice", password=password)
    press(browser, "Log in")


def errors(browser: webdriver.Chrome) -> list[str]:
    """Return what the browser complained of, but for the 4xx that a refusal is."""
    said = browser.get_log("browser")  # type: ignore[no-untyped-call]
    return [one["message"] for one in said if one["level"] == "SEVERE" and "status of 4" not in one["message"]]


def test_a_wrong_password_is_told_beside_the_fields_and_a_right_one_leads_to_what_was_asked_for(
    browser: webdriver.Chrome, console: str
) -> None:
    browser.get(f"{console}/account")
    asked = heading(browser)
    log_in(browser, WRONG)
    password = browser.find_element(By.NAME, "password")
    told = browser.find_element(By.ID, password.get_attribute("aria-describedby") or "").text
    shown = password.get_attribute("value")
    log_in(browser)

    assert asked == "Log in"
    assert "The name or the password is wrong" in told
    assert shown == ""
    assert browser.current_url == f"{console}/account"
    assert heading(browser) == "Account of alice"
    assert errors(browser) == []


def test_no_script_sees_the_session(browser: webdriver.Chrome, console: str) -> None:
    browser.get(f"{console}/login")
    log_in(browser)

    assert browser.execute_script("return document.cookie") == ""
    assert [one["httpOnly"] for one in browser.get_cookies()] == [True] * len(browser.get_cookies())


def test_who_logged_out_is_asked_again(browser: webdriver.Chrome, console: str) -> None:
    browser.get(f"{console}/login")
    log_in(browser)

    press(browser, "Log out")
    after = heading(browser)
    browser.back()
    browser.get(f"{console}/account")

    assert (after, heading(browser)) == ("Log in", "Log in")


def test_a_token_is_made_on_the_account_page_and_revoked_there(browser: webdriver.Chrome, console: str) -> None:
    browser.get(f"{console}/login?next=/account")
    log_in(browser)
    fill(browser, label="deploy")

    press(browser, "Add token")
    token = browser.find_element(By.ID, "token").text
    press(browser, "Revoke")

    assert len(token) >= 43
    assert "You have no tokens." in browser.find_element(By.TAG_NAME, "body").text
    assert errors(browser) == []


def test_the_password_is_changed_on_the_account_page_and_the_new_one_counts(
    browser: webdriver.Chrome, console: str
) -> None:
    browser.get(f"{console}/login?next=/account")
    log_in(browser)

    fill(browser, present=PASSWORD, new=NEW, again=NEW)
    press(browser, "Change password")
    still_in = heading(browser)
    press(browser, "Log out")
    log_in(browser)
    refused = heading(browser)
    log_in(browser, NEW)

    assert (still_in, refused) == ("Account of alice", "Log in")
    assert browser.current_url == f"{console}/"


@pytest.mark.parametrize("path", ["/login", "/account", "/step-up"])
def test_the_pages_fit_a_telephone_and_every_field_has_a_label(
    browser: webdriver.Chrome, console: str, path: str
) -> None:
    show_on_telephone(browser)
    browser.get(f"{console}/login")
    if path != "/login":
        log_in(browser)
        browser.get(console + path)

    nameless = browser.execute_script(
        "return [...document.querySelectorAll('input:not([type=hidden])')].filter(one => !one.labels.length).length"
    )
    assert overflow_px(browser) == 0
    assert nameless == 0


def test_an_account_with_tokens_and_sessions_fits_a_telephone(
    browser: webdriver.Chrome, console: str, database_url: str
) -> None:
    database = Database(migrate.driver_url(database_url))
    a_token(database, "alice")
    a_session(database, "alice")
    database.dispose()
    show_on_telephone(browser)
    browser.get(f"{console}/login?next=/account")
    log_in(browser)

    assert "no end" in browser.find_element(By.TAG_NAME, "main").text
    assert overflow_px(browser) == 0


def test_a_page_that_is_not_there_is_said_in_a_page(browser: webdriver.Chrome, console: str) -> None:
    browser.get(f"{console}/no-such-page")

    assert heading(browser) == "No such page"
    assert errors(browser) == []


def test_what_has_the_keyboards_focus_is_outlined(browser: webdriver.Chrome, console: str) -> None:
    browser.get(f"{console}/login")

    focused = browser.execute_script("return document.activeElement.name")
    outline = browser.execute_script("return getComputedStyle(document.activeElement).outlineStyle")

    assert focused == "name"
    assert outline == "solid"
