"""The report page in a real browser, served by the real web process."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By

from stack.servers import ServerUrls
from tests.browser.conftest import overflow_px, show_on_telephone
from tests.support.builders.users import COOKIE, a_session, a_user
from tests.support.fakes.scripted_engines import answer_entering, answer_reject, scripted_panel
from tests.support.pipeline import add_trend, prepared, run_all, store_signal
from tests.support.servers.processes import Processes

pytestmark = pytest.mark.browser


@pytest.fixture
def page(browser: webdriver.Chrome, database_url: str, server_urls: ServerUrls, tmp_path: Path) -> Iterator[str]:
    """Serve a book in which A entered three times and B once, all of it still open but one that both refused.

    The browser is logged in there.
    """
    parts = prepared(database_url, server_urls.redis_url)
    add_trend(parts.database)
    both, only_a = (
        replace(parts, engines=scripted_panel(answer_entering(), answer_entering())),
        replace(parts, engines=scripted_panel(answer_entering(), answer_reject)),
    )
    neither = replace(parts, engines=scripted_panel(answer_reject, answer_reject))
    for number, acting in enumerate((both, only_a, only_a, neither)):
        run_all(acting, [store_signal(parts.database, strategy=f"s{number}")])
    a_user(parts.database, "reader")
    session = a_session(parts.database, "reader")
    parts.database.dispose()
    with Processes(database_url=database_url, redis_url=server_urls.redis_url, directory=tmp_path) as processes:
        url = processes.start_web()
        browser.get(f"{url}/login")
        browser.add_cookie({"name": COOKIE, "value": session})
        yield url


def test_the_page_shows_the_figures_of_the_database_without_an_error_in_the_console(
    browser: webdriver.Chrome, page: str
) -> None:
    browser.get(page)

    heading = browser.find_element(By.TAG_NAME, "h1").text
    text = browser.find_element(By.TAG_NAME, "body").text
    cells = [row.text for row in browser.find_elements(By.CSS_SELECTOR, "tbody tr")]
    assert heading == "Engine A against engine B"
    assert "decisions 4 4" in cells
    assert "NOT YET" in text
    assert "4 entry signals, 1 pair" in text
    said = browser.get_log("browser")  # type: ignore[no-untyped-call]
    assert [one for one in said if one["level"] == "SEVERE"] == []


def test_the_stylesheet_is_applied_under_the_content_security_policy(browser: webdriver.Chrome, page: str) -> None:
    browser.get(page)

    width = browser.execute_script("return getComputedStyle(document.querySelector('table')).borderCollapse")
    rules = browser.execute_script("return [...document.styleSheets].map(sheet => sheet.cssRules.length)")
    assert width == "collapse"
    assert all(count > 10 for count in rules)


def test_the_page_fits_a_telephone(browser: webdriver.Chrome, page: str) -> None:
    show_on_telephone(browser)

    browser.get(page)

    assert overflow_px(browser) == 0
