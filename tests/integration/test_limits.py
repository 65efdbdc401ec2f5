"""What guessing costs: limits by address before anybody is let in, and none for who has the right token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy
from sqlalchemy import event

from app.access.limits import Failures, KnownHashes, origin_of
from app.webhook.authenticator import Authenticator
from db.core.session import Database
from tests.support.builders.users import ConsoleApp, form_token, start_console_app
from tests.support.waiting import until
from tests.support.webhook import WebhookApp, start_webhook_app

ALERT = b'{"symbol": "BTCUSDT", "action": "buy"}'
WEBHOOK, BEARER, LOGIN = 60, 20, 20


@pytest.fixture
def webhook(database_url: str) -> Iterator[WebhookApp]:
    with start_webhook_app(database_url) as running:
        yield running


@pytest.fixture
def console(database_url: str) -> Iterator[ConsoleApp]:
    with start_console_app(database_url) as running:
        yield running


def posted(webhook: WebhookApp, token: str, *, address: str = "192.0.2.1", **headers: str) -> Any:
    return webhook.client.post(
        f"/webhook/{token}", data=ALERT, environ_overrides={"REMOTE_ADDR": address}, headers=headers
    )


@contextmanager
def counted() -> Iterator[list[str]]:
    """Count the statements that every database of this process is sent."""
    seen: list[str] = []

    def note(*given: Any) -> None:
        seen.append(given[2])

    event.listen(sqlalchemy.Engine, "before_cursor_execute", note)
    try:
        yield seen
    finally:
        event.remove(sqlalchemy.Engine, "before_cursor_execute", note)


def test_beyond_sixty_a_minute_a_wrong_token_is_told_to_wait(webhook: WebhookApp) -> None:
    answers = [posted(webhook, f"wrong{number}") for number in range(WEBHOOK + 2)]

    assert [one.status_code for one in answers] == [401] * WEBHOOK + [429] * 2
    assert answers[-1].get_json()["status"] == "too_many_requests"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60


def test_a_known_token_is_never_told_to_wait_whatever_came_from_its_address(webhook: WebhookApp) -> None:
    for number in range(WEBHOOK + 5):
        posted(webhook, f"wrong{number}")

    first = posted(webhook, webhook.token)
    later = [posted(webhook, one).status_code for _ in range(70) for one in ("wrong", webhook.token)]

    assert first.status_code == 200
    assert set(later[::2]) == {429}
    assert set(later[1::2]) == {200}


def test_a_token_that_is_new_is_known_within_a_second(webhook: WebhookApp) -> None:
    for number in range(WEBHOOK + 5):
        posted(webhook, f"wrong{number}")
    new = webhook.add_source(name="new")

    until(lambda: posted(webhook, new).status_code == 200, deadline_s=5, what="the new token")


def test_another_address_may_still_try(webhook: WebhookApp) -> None:
    for number in range(WEBHOOK + 1):
        posted(webhook, f"wrong{number}")

    assert posted(webhook, "wrong").status_code == 429
    assert posted(webhook, "wrong", address="192.0.2.2").status_code == 401


def test_a_whole_network_of_ipv6_counts_as_one_address(webhook: WebhookApp) -> None:
    for number in range(WEBHOOK):
        posted(webhook, "wrong", address=f"2001:db8::{number + 1:x}")

    assert posted(webhook, "wrong", address="2001:db8::ffff").status_code == 429
    assert posted(webhook, "wrong", address="2001:db8:0:1::1").status_code == 401


def test_senders_whose_address_is_not_told_count_as_one(webhook: WebhookApp) -> None:
    for number in range(WEBHOOK):
        posted(webhook, "wrong", address=f"pipe{number}")

    assert posted(webhook, "wrong", address="another").status_code == 429


def test_beyond_the_limit_guesses_cost_one_look_up_a_second_together(webhook: WebhookApp) -> None:
    for number in range(WEBHOOK):
        posted(webhook, f"wrong{number}")

    with counted() as statements:
        refused = [posted(webhook, f"more{number}").status_code for number in range(300)]

    assert set(refused) == {429}
    assert len([one for one in statements if "FROM sources" in one]) < 30


def test_a_token_of_a_disabled_source_is_answered_as_an_unknown_one(webhook: WebhookApp) -> None:
    webhook.rows("UPDATE sources SET enabled = false RETURNING 1")

    answers = [
        (posted(webhook, webhook.token).status_code, posted(webhook, "wrong").status_code) for _ in range(WEBHOOK)
    ]

    assert {pair[0] for pair in answers[: WEBHOOK // 2]} == {401}
    assert set(answers[WEBHOOK // 2 :]) == {(429, 429)}


def test_behind_proxies_of_ours_the_sender_counts_and_not_the_proxy(database_url: str) -> None:
    with start_webhook_app(database_url, environ={"TRUSTED_PROXIES": "1"}) as webhook:
        for number in range(WEBHOOK):
            posted(webhook, "wrong", **{"X-Forwarded-For": f"9.9.9.{number}, 192.0.2.7"})

        same = posted(webhook, "wrong", **{"X-Forwarded-For": "9.9.9.9, 192.0.2.7"})
        other = posted(webhook, "wrong", **{"X-Forwarded-For": "192.0.2.7, 192.0.2.8"})

    assert (same.status_code, other.status_code) == (429, 401)


def test_a_sender_that_is_not_listed_learns_nothing_of_a_token(database_url: str) -> None:
    environ = {"SENDER_ADDRESSES": "192.0.2.99", "TRUSTED_PROXIES": "0"}
    with start_webhook_app(database_url, environ=environ) as webhook:
        first = [posted(webhook, one).status_code for one in ("wrong", webhook.token)]
        for number in range(WEBHOOK):
            posted(webhook, f"wrong{number}")
        later = [posted(webhook, one).status_code for one in ("wrong", webhook.token)]
        listed = posted(webhook, webhook.token, address="192.0.2.99").status_code

    assert first == [401, 401]
    assert later == [429, 401]  # who has the right token is never told to wait
    assert listed == 200


def test_without_the_database_a_guess_beyond_the_limit_is_not_judged(webhook: WebhookApp, database_url: str) -> None:
    gone = Authenticator(Database("postgresql+psycopg://postgres@127.0.0.1:9/none"))
    webhook.app.extensions["orchestrator.receiver"]._authenticator = gone  # noqa: SLF001 - it went away
    for _ in range(WEBHOOK):
        gone._failures.count("192.0.2.1")  # noqa: SLF001 - as many wrong tokens

    assert posted(webhook, webhook.token).status_code == 503


def test_beyond_twenty_a_minute_a_wrong_bearers_token_is_told_to_wait_and_a_right_one_is_not(
    console: ConsoleApp,
) -> None:
    console.add_user("alice")
    headers = console.bearer("alice")

    wrong = [console.client.get("/", headers={"Authorization": f"Bearer x{number}"}) for number in range(BEARER + 2)]
    right = [console.client.get("/", headers=headers).status_code for _ in range(3)]

    assert [one.status_code for one in wrong] == [303] * BEARER + [429] * 2
    assert 1 <= int(wrong[-1].headers["Retry-After"]) <= 60
    assert right == [200] * 3


def test_a_wrong_bearers_token_at_the_api_is_told_to_wait_too(console: ConsoleApp) -> None:
    path, headers = "/api/v1/signals/rerun", {"Authorization": "Bearer wrong"}

    answers = [console.client.post(path, headers=headers) for _ in range(BEARER + 1)]

    assert [one.status_code for one in answers] == [401] * BEARER + [429]
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60


def test_without_credentials_nothing_counts(console: ConsoleApp) -> None:
    assert {console.client.get("/").status_code for _ in range(BEARER + 5)} == {303}


def test_beyond_twenty_a_minute_logins_from_an_address_are_told_to_wait(console: ConsoleApp) -> None:
    browser = console.client
    token = form_token(browser.get("/login"))

    def attempt(name: str) -> Any:
        return browser.post("/login", data={"csrf_token": token, "name": name, "password": "wrong"})

    answers = [attempt(f"nobody{number}") for number in range(LOGIN + 1)]

    assert [one.status_code for one in answers] == [401] * LOGIN + [429]
    assert "Too many attempts" in answers[-1].text
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 60


@pytest.mark.parametrize(
    ("environ", "proxies", "expected"),
    [
        ({"REMOTE_ADDR": "192.0.2.1"}, 0, "192.0.2.1"),
        ({"REMOTE_ADDR": "::ffff:192.0.2.1"}, 0, "192.0.2.1"),
        ({"REMOTE_ADDR": "2001:db8:1:2:3:4:5:6"}, 0, "2001:db8:1:2::/64"),
        ({"REMOTE_ADDR": "192.0.2.1", "HTTP_X_FORWARDED_FOR": "8.8.8.8"}, 0, "192.0.2.1"),
        ({"REMOTE_ADDR": "192.0.2.1"}, 1, "not told"),
        ({}, 0, "not told"),
    ],
)
def test_what_failures_count_under(environ: dict[str, str], proxies: int, expected: str) -> None:
    assert origin_of(environ, trusted_proxies=proxies) == expected


def test_the_limit_is_over_after_a_minute(monkeypatch: pytest.MonkeyPatch) -> None:
    failures, now = Failures(2), [1000.0]
    monkeypatch.setattr("limits.storage.memory.time.time", lambda: now[0])
    for _ in range(2):
        failures.count("x")
    before = failures.are_too_many("x")

    now[0] += 61

    assert (before, failures.are_too_many("x")) == (True, False)


def test_known_hashes_are_read_again_after_a_second() -> None:
    seconds, readings = [0.0], [frozenset({"a"}), frozenset({"b"})]
    load: Callable[[], frozenset[str]] = lambda: readings.pop(0)  # noqa: E731 - one line says it
    known = KnownHashes(load, clock=lambda: seconds[0])

    first = [known.contain("a"), known.contain("b")]
    seconds[0] = 1.0
    second = [known.contain("a"), known.contain("b")]

    assert (first, second) == ([True, False], [False, True])


def test_hashes_that_cannot_be_read_are_tried_again_after_a_second_and_not_by_each_who_asks() -> None:
    seconds, tries = [0.0], list[int]()

    def load() -> frozenset[str]:
        tries.append(1)
        if seconds[0] < 1:
            raise TimeoutError("away")
        return frozenset({"a"})

    known = KnownHashes(load, clock=lambda: seconds[0])

    for _ in range(3):
        with pytest.raises(TimeoutError):
            known.contain("a")
    seconds[0] = 1.0

    assert known.contain("a")
    assert len(tries) == 2
