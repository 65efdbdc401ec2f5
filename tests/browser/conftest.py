"""A real browser for the tests of the console."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-sync",
    "--disable-background-networking",
    "--disable-component-update",
    "--window-size=1280,1600",
)


def show_on_telephone(browser: webdriver.Chrome, *, width: int = 360) -> None:
    """Lay pages out as a telephone does; the window itself cannot be made as narrow."""
    metrics = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)


def overflow_px(browser: webdriver.Chrome, *, width: int = 360) -> int:
    """Return by how much the page is wider than the telephone."""
    wide: int = browser.execute_script("return document.documentElement.scrollWidth")
    return max(0, wide - width)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[webdriver.Chrome]:
    """Give a headless Chromium with a profile of its own; skip without one unless REQUIRE_BROWSER is set."""
    if CHROMIUM is None or DRIVER is None:
        if os.environ.get("REQUIRE_BROWSER"):
            pytest.fail("chromium and chromedriver must be installed here")
        pytest.skip("chromium and chromedriver are not installed")
    options = Options()
    options.binary_location = CHROMIUM
    for argument in (*ARGUMENTS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    yield driver
    driver.quit()
