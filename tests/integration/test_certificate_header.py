"""The header of the certificate on the real web server, which gets what a proxy and whoever stands behind it sent."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from urllib.parse import SplitResult, urlsplit

import pytest

from stack.servers import ServerUrls
from tests.support.servers.alert_sender import an_alert
from tests.support.servers.stacks import Stack, a_stack

REDIS_DB = 6
OURS = r"CN=TradingView Webhooks,O=TradingView\, Inc.,C=US"
EVIL = "CN=TradingView Webhooks,O=Evil"


@pytest.fixture(scope="module")
def stack(server_urls: ServerUrls, template_database: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    directory = tmp_path_factory.mktemp("certificate")
    environ = {"CLIENT_CERTIFICATE_HEADER": "ClientSubject", "TRUSTED_PROXIES": "1"}
    with a_stack(server_urls, template_database, directory, redis_db=REDIS_DB, **environ) as made:
        made.start_web()
        yield made


@pytest.fixture(scope="module")
def url(stack: Stack) -> SplitResult:
    return urlsplit(f"{stack.web_url}/webhook/{stack.asked('sources', 'add', 'desk')['token']}")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ([("ClientSubject", OURS)], 200),
        ([("clientsubject", OURS)], 200),
        ([], 401),
        ([("ClientSubject", EVIL)], 401),
        ([("ClientSubject", OURS), ("ClientSubject", OURS)], 401),
        ([("ClientSubject", EVIL), ("ClientSubject", OURS)], 401),
        ([("ClientSubject", EVIL), ("Client_Subject", OURS)], 401),
        ([("ClientSubject", EVIL), ("Client-Subject", OURS)], 401),
    ],
)
def test_only_one_header_of_the_right_name_and_subject_lets_an_alert_in(
    url: SplitResult, headers: list[tuple[str, str]], status: int
) -> None:
    body = json.dumps(an_alert()).encode()

    connection = http.client.HTTPConnection("127.0.0.1", url.port, timeout=10)
    connection.putrequest("POST", url.path)
    for name, value in [("Content-Length", str(len(body))), *headers]:
        connection.putheader(name, value)
    connection.endheaders(body)
    answer = connection.getresponse()
    document = json.load(answer)
    connection.close()

    assert answer.status == status, document
