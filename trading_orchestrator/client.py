"""A small client of the HTTP API, on the standard library alone.

    api = Client("http://127.0.0.1:8000", token)
    api.get("/health")
    for signal in api.items("/signals", book="paper", status="dead"):
        print(signal["signal_id"])
    api.post("/policy/pause", book="paper", reason="the feed looks wrong")

Paths are those of docs/api.md, below `/api/v1`. Money, prices and quantities come as decimal strings, times as
ISO 8601.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit

_BASE = "/api/v1"


class ApiError(Exception):
    """The API answered with an error status; `document` is the whole answer, when it was JSON."""

    def __init__(self, status: int, document: Any) -> None:
        problem = document if isinstance(document, dict) else {}
        texts = [str(problem[name]) for name in ("title", "detail", "errors") if problem.get(name)]
        super().__init__(": ".join((f"HTTP status {status}", *texts)))
        self.status = status
        self.document = document


class Client:
    """Talks to one instance with one token, one request at a time."""

    def __init__(self, url: str, token: str, *, timeout_s: float = 30.0) -> None:
        if urlsplit(url).scheme not in ("http", "https"):
            raise ValueError(f"{url!r} is not a URL that begins with http:// or https://")
        self._base = url.rstrip("/") + _BASE
        self._token = token
        self._timeout_s = timeout_s
        self._opener = urllib.request.build_opener(_NoRedirect)

    def get(self, path: str, **query: object) -> Any:
        """Return the document at a path; query values that are None are left out.

        Raises:
            ApiError: when the answer is not a success.
            OSError: when there is no answer.
        """
        parameters = {name: _format_parameter(value) for name, value in query.items() if value is not None}
        return self._send("GET", path + (f"?{urlencode(parameters)}" if parameters else ""), body=None)

    def items(self, path: str, **query: object) -> Iterator[dict[str, Any]]:
        """Yield every item of a list, page by page; raises as `get` does."""
        cursor = None
        while True:
            page = self.get(path, **{**query, "cursor": cursor})
            yield from page["items"]
            cursor = page["next"]
            if cursor is None:
                return

    def post(self, path: str, **body: object) -> Any:
        """Post a JSON body to a path and return the answer; raises as `get` does."""
        return self._send("POST", path, body=json.dumps(body, default=_format_parameter).encode())

    def _send(self, method: str, path: str, *, body: bytes | None) -> Any:
        headers = {"Authorization": f"Bearer {self._token}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
        request = urllib.request.Request(self._base + path, data=body, headers=headers, method=method)  # noqa: S310 - http(s), checked above
        try:
            with self._opener.open(request, timeout=self._timeout_s) as answer:
                return json.loads(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                raise ApiError(error.code, _decode_document(error.read())) from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """Refuses redirects: the API sends none, and following one would send the token elsewhere."""

    def redirect_request(self, *_: Any, **__: Any) -> None:
        """Follow no redirect; the answer becomes an error."""


def _format_parameter(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _decode_document(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return None
