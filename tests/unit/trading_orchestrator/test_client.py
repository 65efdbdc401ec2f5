"""The client of the HTTP API, against a server that answers as the API does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from trading_orchestrator.client import ApiError, Client

TOKEN = "token-of-a-test"
PROBLEM = {"title": "Unprocessable Entity", "status": 422, "detail": "see errors", "errors": {"limit": ["too large"]}}


class Api(ThreadingHTTPServer):
    """Answers by path, and keeps what it was asked."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: list[tuple[str, str, str, Any]] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Api
    answers: dict[str, tuple[int, Any]] = {  # noqa: RUF012 - never changed
        "/api/v1/health": (200, {"ok": True}),
        "/api/v1/trades?book=paper": (200, {"items": [{"n": 1}, {"n": 2}], "next": "c2"}),
        "/api/v1/trades?book=paper&cursor=c2": (200, {"items": [{"n": 3}], "next": None}),
        "/api/v1/policy/pause": (200, {"paused": True}),
        "/api/v1/signals?limit=9999": (422, PROBLEM),
    }

    def do_GET(self) -> None:
        self._answer(None)

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, body: Any) -> None:
        self.server.asked.append((self.command, self.path, self.headers["Authorization"], body))
        status, document = self.answers.get(self.path, (200, {}))
        if self.path == "/api/v1/elsewhere":
            status, document = 302, "no JSON"
        text = b"not JSON" if document == "no JSON" else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(text)))
        self.send_header("Location", f"{self.server.url}/api/v1/health")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *given: Any) -> None:
        """Keep quiet."""


@pytest.fixture
def api() -> Iterator[Api]:
    """Give a running server."""
    with Api() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_a_document_is_asked_for_with_the_token(api: Api) -> None:
    assert Client(f"{api.url}/", TOKEN).get("/health") == {"ok": True}
    assert api.asked == [("GET", "/api/v1/health", f"Bearer {TOKEN}", None)]


def test_a_list_is_read_to_its_last_page(api: Api) -> None:
    items = list(Client(api.url, TOKEN).items("/trades", book="paper"))

    assert items == [{"n": 1}, {"n": 2}, {"n": 3}]


def test_values_of_a_query_are_written_as_the_api_reads_them(api: Api) -> None:
    Client(api.url, TOKEN).get("/signals", since=datetime(2026, 1, 2, tzinfo=UTC), enabled=True, book=None)

    assert api.asked[0][1] == "/api/v1/signals?since=2026-01-02T00%3A00%3A00%2B00%3A00&enabled=true"


def test_an_act_sends_its_fields_as_json(api: Api) -> None:
    done = Client(api.url, TOKEN).post("/policy/pause", book="paper", reason="the feed looks wrong")

    assert done == {"paused": True}
    assert api.asked[0][3] == {"book": "paper", "reason": "the feed looks wrong"}


def test_a_refusal_is_an_error_that_tells_what_would_be_right(api: Api) -> None:
    with pytest.raises(ApiError, match=r"HTTP status 422: Unprocessable Entity: see errors: .*too large") as caught:
        Client(api.url, TOKEN).get("/signals", limit=9999)

    assert (caught.value.status, caught.value.document) == (422, PROBLEM)


def test_a_redirect_is_an_error_and_not_followed(api: Api) -> None:
    with pytest.raises(ApiError, match="HTTP status 302"):
        Client(api.url, TOKEN).get("/elsewhere")

    assert len(api.asked) == 1


def test_an_address_that_is_no_http_url_is_refused() -> None:
    with pytest.raises(ValueError, match="http://"):
        Client("file:///etc", TOKEN)
