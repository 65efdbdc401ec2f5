"""The page about sources in a real browser: a message is pasted and read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from config.vault import TokenVault
from db import books
from db.core import migrate
from db.core.session import Database
from domain.access import Role
from operations import source_tokens
from stack.servers import ServerUrls
from tests.browser.conftest import overflow_px, show_on_telephone
from tests.browser.test_login_page import fill, heading, log_in, press
from tests.support.builders.users import PASSWORD, a_user
from tests.support.servers.processes import Processes
from tests.support.webhook import SOURCE

pytestmark = pytest.mark.browser


@pytest.fixture
def console(database_url: str, server_urls: ServerUrls, tmp_path: Path) -> Iterator[str]:
    """Serve a console with the operator alice and a source."""
    database = Database(migrate.driver_url(database_url))
    a_user(database, "alice", Role.OPERATOR)
    with database.transaction() as session:
        books.ensure_standing(session)
        source_tokens.issue(session, TokenVault("not shown to operators"), SOURCE)
    database.dispose()
    with Processes(database_url=database_url, redis_url=server_urls.redis_url, directory=tmp_path) as processes:
        yield processes.start_web()


def test_a_pasted_message_is_read_on_a_telephone_without_an_error_in_the_console(
    browser: webdriver.Chrome, console: str
) -> None:
    show_on_telephone(browser)
    browser.get(f"{console}/sources")
    log_in(browser, PASSWORD)

    fill(browser, message='{"ticker": "ETHUSDT", "action": "exit", "direction": "short"}')
    press(browser, "Read message")

    text = browser.find_element(By.TAG_NAME, "main").text
    said = browser.get_log("browser")  # type: ignore[no-untyped-call]
    assert heading(browser) == "Sources"
    assert "exit short ETHUSDT (spot), no price" in text
    assert "Only admins see the webhook URLs" in text
    assert overflow_px(browser) == 0
    assert [one for one in said if one["level"] == "SEVERE"] == []
