"""The headers of answers: what browsers may do with pages, and that the webhook carries no more than it must."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from tests.support.builders.example_study import a_small_study
from tests.support.builders.users import ConsoleApp, start_console_app
from tests.support.webhook import start_webhook_app

ALERT = b'{"symbol": "BTCUSDT", "action": "buy"}'
PAGES = ("/", "/account", "/step-up", "/login")


@pytest.fixture
def console(database_url: str) -> Iterator[ConsoleApp]:
    with start_console_app(database_url) as running:
        running.add_user("alice")
        with running.database.transaction() as session:
            a_small_study(session)
        yield running


@pytest.mark.parametrize("path", ["/console/static//console.css", "/api/v1//health", "/account//x", "//webhook//x"])
def test_no_redirect_goes_to_a_host_that_the_sender_names(console: ConsoleApp, path: str) -> None:
    answer = console.client.get(
        "/", base_url="http://evil.example", environ_overrides={"PATH_INFO": path}, headers=console.bearer("alice")
    )

    assert "evil.example" not in answer.headers.get("Location", "")
    assert answer.status_code in (404, 405)


def test_every_page_and_refusal_tells_browsers_what_it_may_not_do(console: ConsoleApp) -> None:
    browser = console.logged_in("alice")
    answers = [browser.get(path) for path in PAGES]
    answers += [console.client.get("/"), console.client.get("/no/such/page"), console.client.post("/logout")]

    for headers in (one.headers for one in answers):
        policy = dict(one.strip().split(" ", 1) for one in headers["Content-Security-Policy"].split(";"))
        assert policy == {
            "default-src": "'self'",
            "base-uri": "'none'",
            "form-action": "'self'",
            "frame-ancestors": "'none'",
            "object-src": "'none'",
        }
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
        assert "camera=()" in headers["Permissions-Policy"]
        assert "Strict-Transport-Security" not in headers


@pytest.mark.parametrize("path", PAGES)
def test_no_page_needs_what_the_policy_forbids(console: ConsoleApp, path: str) -> None:
    page = (console.client if path == "/login" else console.logged_in("alice")).get(path)

    assert page.status_code == 200
    assert re.findall(r"<style|<script|<base|<object|<iframe|\sstyle=|\son[a-z]+=|https?://", page.text) == []
    assert {one[:1] for one in re.findall(r'action="([^"]*)"', page.text)} <= {"/"}


def test_by_https_browsers_are_told_to_stay_with_it(database_url: str) -> None:
    with start_console_app(database_url, PUBLIC_URL="https://alerts.example") as console:
        answer = console.client.get("/login")

    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_the_webhook_looks_up_no_session_and_gives_no_cookie(database_url: str) -> None:
    with start_webhook_app(database_url, environ={"PUBLIC_URL": "https://alerts.example"}) as webhook:
        client = webhook.client
        client.set_cookie("orchestrator-session", "x" * 43)

        answers = [client.post(f"/webhook/{one}", data=ALERT) for one in (webhook.token, "wrong")]

    assert [one.status_code for one in answers] == [200, 401]
    for answer in answers:
        assert "Set-Cookie" not in answer.headers
        assert {name for name, _ in answer.headers} == {
            "Content-Type",
            "Content-Length",
            "X-Content-Type-Options",
            "Content-Security-Policy",
            "Cache-Control",
            "Referrer-Policy",
        }
