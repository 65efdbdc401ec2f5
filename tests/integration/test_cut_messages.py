"""Messages that break off, on the real web server: each is refused so that it is sent again, and none is stored."""

from __future__ import annotations

import re
import socket
import urllib.request
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import pytest

from stack.servers import ServerUrls
from tests.support.servers.stacks import Stack, a_stack
from tests.support.waiting import until
from tests.unit.alerts.other_formats import BROKEN, OTHERS
from tests.unit.alerts.service_formats import SERVICES

REDIS_DB = 6
MESSAGES = [message.encode() for *_, message, _, _ in OTHERS + SERVICES] + [message.encode() for _, message in BROKEN]
RISKY = b"6123456789,buy,BTCUSDT,risk=1,sl="
CHUNK = 24
STORED = "SELECT (SELECT count(*) FROM signals) AS signals, (SELECT count(*) FROM webhook_events) AS messages"


@pytest.fixture(scope="module")
def stack(server_urls: ServerUrls, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with a_stack(server_urls, template_database, tmp_path_factory.mktemp("cut"), redis_db=REDIS_DB) as made:
        made.start_web()
        yield made


@pytest.fixture(scope="module")
def url(stack: Stack) -> str:
    return f"{stack.web_url}/webhook/{stack.asked('sources', 'add', 'desk')['token']}"


def announced(message: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the header and every proper beginning of a message sent with its length."""
    for sent in range(len(message)):
        yield f"Content-Length: {len(message)}\r\n".encode(), message[:sent]


def in_chunks(message: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield the header and every proper beginning of a message sent in chunks."""
    whole = chunked(message)
    for sent in range(len(whole)):
        yield b"Transfer-Encoding: chunked\r\n", whole[:sent]


def chunked(message: bytes) -> bytes:
    pieces = [message[start : start + CHUNK] for start in range(0, len(message), CHUNK)]
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in [*pieces, b""])


def post(url: str, header: bytes, body: bytes, *, end: bool = True) -> tuple[int, bytes]:
    """Send a request, end the sending there, and return the status and the whole answer."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=20) as connection:
        head = f"POST {parts.path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n".encode()
        connection.sendall(head + header + b"\r\n" + body)
        if end:
            connection.shutdown(socket.SHUT_WR)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    return int(answer.split(b" ", 2)[1]), answer


def statuses(url: str, requests: Iterable[tuple[bytes, bytes]]) -> set[int]:
    with ThreadPoolExecutor(12) as pool:
        return set(pool.map(lambda request: post(url, *request)[0], requests))


@pytest.mark.parametrize("cut", [announced, in_chunks])
def test_no_beginning_of_any_message_is_accepted_or_stored(stack: Stack, url: str, cut: object) -> None:
    assert callable(cut)
    before = stack.rows(STORED)

    found = statuses(url, (request for message in MESSAGES for request in cut(message)))

    assert found == {503}
    assert stack.rows(STORED) == before


@pytest.mark.parametrize(
    ("header", "body"),
    [
        (b"Content-Length: 40\r\n", RISKY),
        (b"Content-Length: 70000\r\n", b"x" * 69_999),
        (b"Transfer-Encoding: chunked\r\n", chunked(RISKY)[:-5]),
        (b"Transfer-Encoding: chunked\r\n", chunked(RISKY)[:-5] + b"zz\r\n"),
        (b"Transfer-Encoding: chunked\r\n", chunked(RISKY * 3000)[:-5]),
    ],
)
def test_the_sender_of_a_cut_message_is_asked_to_send_it_again(
    stack: Stack, url: str, header: bytes, body: bytes
) -> None:
    before = stack.rows(STORED)

    status, answer = post(url, header, body)

    assert status == 503
    assert b'"status":"incomplete"' in answer
    assert b"the body broke off before its end; send it again" in answer
    assert stack.rows(STORED) == before


def test_a_whole_message_in_chunks_is_accepted(stack: Stack, url: str) -> None:
    before = stack.rows(STORED)[0]["signals"]

    status, _ = post(url, b"Transfer-Encoding: chunked\r\n", chunked(OTHERS[0][1].encode()), end=False)

    assert status == 200
    assert stack.rows(STORED)[0]["signals"] == before + 1


@pytest.mark.parametrize("head", [b"Content-Length: 70000\r\n", b"Transfer-Encoding: chunked\r\n"])
def test_a_whole_message_that_is_too_long_is_refused_as_before(url: str, head: bytes) -> None:
    body = b"x" * 70_000

    status, answer = post(url, head, chunked(body) if b"chunked" in head else body, end=False)

    assert status == 413
    assert b"must be at most 65536 bytes" in answer


def test_cut_messages_are_counted(stack: Stack, url: str) -> None:
    token = (stack.processes.directory / "api_token").read_text().strip()
    post(url, b"Content-Length: 40\r\n", RISKY)

    def counted() -> bool:
        request = urllib.request.Request(f"{stack.web_url}/metrics", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=20) as answer:
            return bool(
                re.search(r'webhook_answers_total\{process="\d+",status="incomplete"\} [1-9]', answer.read().decode())
            )

    until(counted, deadline_s=20, what="the count of the process that answered")


def test_answers_do_not_name_the_server(url: str) -> None:
    _, answer = post(url, b"Content-Length: 40\r\n", RISKY)

    assert re.search(rb"^server: *\r$", answer, re.MULTILINE)
    assert b"granian" not in answer.lower()


def test_a_header_with_an_underscore_stands_for_no_other(
    server_urls: ServerUrls, template_database: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    settings = {"SENDER_ADDRESSES": "52.89.214.238", "TRUSTED_PROXIES": "1"}
    with a_stack(
        server_urls, template_database, tmp_path_factory.mktemp("names"), redis_db=REDIS_DB, **settings
    ) as made:
        made.start_web()
        url = f"{made.web_url}/webhook/{made.asked('sources', 'add', 'desk')['token']}"
        body = OTHERS[0][1].encode()
        length = b"Content-Length: %d\r\n" % len(body)
        stranger, listed = b"X-Forwarded-For: 9.9.9.9\r\n", b"X-Forwarded-For: 52.89.214.238\r\n"

        statuses = [
            post(url, length + headers, body, end=False)[0]
            for headers in (
                stranger + listed.replace(b"-", b"_", 2),
                listed + stranger,
                stranger + listed,
            )
        ]

    assert statuses == [401, 401, 200]
