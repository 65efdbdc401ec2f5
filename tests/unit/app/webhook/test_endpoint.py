"""Alerts that are served beside Flask's dispatch: which requests those are, and that both ways answer alike."""

from __future__ import annotations

import io
import json
from types import SimpleNamespace
from typing import IO, Any, cast

import pytest

from app.factory import ALERT_SHORTCUT, create_app
from app.webhook import endpoint as endpoint_module
from app.webhook.endpoint import AlertEndpoint, AlertShortcut, EncodedAnswer, Environ
from stack.servers import ServerUrls
from tests.support.pipeline import settings_for

_OTHER_REQUESTS = [
    ("GET", "/webhook/token"),
    ("POST", "/webhook/"),
    ("POST", "/webhook"),
    ("POST", "/webhook/token/"),
    ("POST", "/webhook/token/more"),
    ("POST", "/webhook/t\xc3\xb6ken"),
    ("POST", "/api/v1/webhook/token"),
    ("POST", "//webhook/token"),
]


class _Endpoint:
    """Keeps the tokens it is asked about; fails for one of them."""

    def __init__(self) -> None:
        self.tokens: list[str] = []

    def answer(self, environ: Environ, token: str, *, body: IO[bytes], request_id: str) -> EncodedAnswer:
        self.tokens.append(token)
        if token == "failing":
            raise RuntimeError("a reason that nobody outside may read")
        return EncodedAnswer(status=200, body=body.read() + request_id.encode(), headers={"Retry-After": "7"})


def make_shortcut(endpoint: _Endpoint) -> AlertShortcut:
    return AlertShortcut(cast("AlertEndpoint", endpoint), lambda: "an id")


def make_environ(method: str, path: str, body: bytes = b"") -> dict[str, Any]:
    return {"REQUEST_METHOD": method, "PATH_INFO": path, "wsgi.input": io.BytesIO(body)}


def test_a_posted_alert_is_answered_with_length_type_and_security_headers() -> None:
    endpoint = _Endpoint()

    answer = make_shortcut(endpoint)(make_environ("POST", "/webhook/abc", b"buy "))

    assert answer is not None
    status, headers, body = answer
    assert (status, body, endpoint.tokens) == (200, b"buy an id", ["abc"])
    named = dict(headers)
    assert (named["Content-Length"], named["Content-Type"], named["Retry-After"]) == ("9", "application/json", "7")
    assert named["X-Content-Type-Options"] == "nosniff"
    assert named["Cache-Control"] == "no-store"


@pytest.mark.parametrize(("method", "path"), _OTHER_REQUESTS)
def test_whatever_is_not_plainly_an_alert_is_left_to_the_application(method: str, path: str) -> None:
    endpoint = _Endpoint()

    assert make_shortcut(endpoint)(make_environ(method, path)) is None
    assert endpoint.tokens == []


def test_an_unexpected_error_is_logged_and_answered_without_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    monkeypatch.setattr(endpoint_module, "log", SimpleNamespace(exception=logged.append))

    answer = make_shortcut(_Endpoint())(make_environ("POST", "/webhook/failing"))

    assert answer is not None
    status, _, body = answer
    assert status == 500
    assert json.loads(body) == {"status": "internal_server_error", "request_id": "an id"}
    assert logged == ["request.failed"]


def test_both_ways_answer_an_unknown_token_alike(database_url: str, server_urls: ServerUrls) -> None:
    app = create_app(settings_for(database_url, server_urls.redis_url))
    shortcut: AlertShortcut = app.extensions[ALERT_SHORTCUT]

    by_route = app.test_client().post("/webhook/unknown", data=b"buy")
    direct = shortcut({**make_environ("POST", "/webhook/unknown", b"buy"), "REMOTE_ADDR": "127.0.0.1"})

    assert direct is not None
    status, headers, body = direct
    assert (status, sorted(headers)) == (by_route.status_code, sorted(_without_length(headers, by_route.headers)))
    assert _fixed_part(body) == _fixed_part(by_route.data)


def _without_length(headers: list[tuple[str, str]], of_route: Any) -> list[tuple[str, str]]:
    """Return the route's headers, with the length of the direct answer: the time in both documents differs."""
    lengths = {"Content-Length": dict(headers)["Content-Length"]}
    return [(name, lengths.get(name, value)) for name, value in of_route.items()]


def _fixed_part(body: bytes) -> dict[str, Any]:
    document = json.loads(body)
    return {name: document[name] for name in document if name not in ("request_id", "processing_time_ms")}
