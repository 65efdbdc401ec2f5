"""Those who send slowly, on the real web server: none of its threads waits for them."""

from __future__ import annotations

import json
import re
import select
import socket
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest

from stack.servers import ServerUrls
from tests.support.builders.users import PASSWORD, a_user
from tests.support.servers.alert_sender import an_alert
from tests.support.servers.stacks import Stack, a_stack
from tests.support.waiting import until

REDIS_DB = 6
MANY = 300
FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def stack(server_urls: ServerUrls, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with a_stack(server_urls, template_database, tmp_path_factory.mktemp("slow"), redis_db=REDIS_DB) as made:
        made.start_web()
        yield made


@contextmanager
def slow(stack: Stack, path: str, *, count: int = 80) -> Iterator[list[socket.socket]]:
    """Hold more connections than there are threads, each of which has sent a part of its body."""
    port = urlsplit(stack.web_url).port
    head = f"POST {path} HTTP/1.1\r\nHost: here\r\nContent-Type: {FORM}\r\nContent-Length: 60000\r\n\r\nname="
    with ExitStack() as open_ones:
        made = [
            open_ones.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10)) for _ in range(count)
        ]
        for one in made:
            one.sendall(head.encode())
        yield made


def alerted(url: str) -> int:
    body = json.dumps(an_alert()).encode()
    with urllib.request.urlopen(urllib.request.Request(url, data=body), timeout=3) as answer:
        status: int = answer.status
        return status


def answered_statuses(senders: list[socket.socket]) -> list[int]:
    """Return the statuses of those that were answered so far; what is read here stays to be read."""
    ready = select.select(senders, [], [], 0)[0]
    return [int(one.recv(64, socket.MSG_PEEK).split(b" ")[1]) for one in ready]


@pytest.mark.parametrize("path", ["/login", "/webhook/wrong", "/api/v1/sources", "/account/tokens"])
def test_strangers_who_send_slowly_keep_no_alert_waiting(stack: Stack, path: str) -> None:
    url = f"{stack.web_url}/webhook/{stack.asked('sources', 'add', 'desk')['token']}"

    with slow(stack, path):
        statuses = [alerted(url) for _ in range(4)]

    assert statuses == [200] * 4


def test_slow_bodies_with_the_right_token_keep_no_alert_waiting(stack: Stack) -> None:
    url = f"{stack.web_url}/webhook/{stack.asked('sources', 'add', 'desk')['token']}"

    with slow(stack, urlsplit(url).path, count=MANY) as senders:
        statuses = [alerted(url) for _ in range(20)]
        answered = answered_statuses(senders)
        until(lambda: len(answered_statuses(senders)) == MANY, deadline_s=30, what="the refusal of each slow body")
        refused = answered_statuses(senders)

    assert statuses == [200] * 20
    assert len(answered) < MANY, "they were still being sent while the alerts were answered"
    assert set(refused) == {503}
    assert stack.rows("SELECT count(*) AS stored FROM webhook_events") == [{"stored": 0}]


def test_slow_logins_are_refused_and_keep_no_login_waiting(stack: Stack) -> None:
    with slow(stack, "/login") as senders:
        assert logged_in(stack) == 401
        until(lambda: len(answered_statuses(senders)) == len(senders), deadline_s=20, what="the refusals")

        assert set(answered_statuses(senders)) == {503}


def test_who_logs_in_among_many_others_either_does_or_is_told_to_try_again(stack: Stack) -> None:
    a_user(stack.database, "alice")

    with ThreadPoolExecutor(40) as pool:
        answers = list(pool.map(lambda _: logged_in(stack), range(40)))

    assert set(answers) <= {303, 503}
    assert 303 in answers


class _Stay(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """Follow no redirect."""


def logged_in(stack: Stack) -> int:
    opener = urllib.request.build_opener(_Stay, urllib.request.HTTPCookieProcessor())
    page = opener.open(f"{stack.web_url}/login", timeout=20).read().decode()
    token = re.search(r'name="csrf_token" value="([^"]+)"', page)
    assert token is not None
    form = urlencode({"csrf_token": token[1], "name": "alice", "password": PASSWORD}).encode()
    try:
        status: int = opener.open(f"{stack.web_url}/login", form, timeout=20).status
    except urllib.error.HTTPError as error:
        status = error.code
    return status
