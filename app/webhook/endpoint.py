"""The HTTP side of the receiver, whatever serves it: from the WSGI environment of a request to its encoded answer.

The token is checked before the body is looked at, so senders with a wrong one learn nothing more. A body that did not
arrive whole is refused with 503, so that the sender sends the alert again: a part of it may mean something else.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import IO, Any

import msgspec
import structlog
from structlog.contextvars import bind_contextvars, clear_contextvars

from app.access.limits import TooManyFailures
from app.web import headers, request_body
from app.web.request_body import BodyIncomplete
from app.webhook.authenticator import AuthUnavailable, Unauthorized
from app.webhook.receiver import MAX_BODY, PostedBody, Receiver, WebhookAnswer
from app.webhook.writer import WriterUnavailable

PREFIX = "/webhook/"
Environ = Mapping[str, Any]

_JSON = msgspec.json.Encoder()
_MEDIA_TYPE = "application/json"
log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class EncodedAnswer:
    """An answer with its body as JSON; `headers` are those beside the media type and the length."""

    status: int
    body: bytes
    headers: Mapping[str, str]


class AlertEndpoint:
    """Receives alerts posted to `/webhook/<token>`.

    Senders for which `is_allowed_sender` is false get the same 401 as an unknown token. `origin` returns the name under
    which failed requests of a sender are counted.
    """

    def __init__(
        self, receiver: Receiver, *, is_allowed_sender: Callable[[Environ], bool], origin: Callable[[Environ], str]
    ) -> None:
        self._receiver = receiver
        self._is_allowed_sender = is_allowed_sender
        self._origin = origin

    def answer(self, environ: Environ, token: str, *, body: IO[bytes], request_id: str) -> EncodedAnswer:
        """Receive one alert."""
        started = time.monotonic()
        answer = self._receive(environ, token, body, started=started)
        self._receiver.count_answer(answer.document["status"])
        answer.document["request_id"] = request_id
        answer.document["processing_time_ms"] = round((time.monotonic() - started) * 1000, 3)
        return _encode(answer)

    def _receive(self, environ: Environ, token: str, body: IO[bytes], *, started: float) -> WebhookAnswer:
        """Authenticate, read and store an alert; map refusals and outages to their HTTP statuses."""
        is_allowed = self._is_allowed_sender(environ)
        try:
            source = self._receiver.authenticate(
                token, origin=lambda: self._origin(environ), is_allowed_sender=is_allowed
            )
            raw = request_body.read(body, max_bytes=MAX_BODY)
            posted = PostedBody(raw=raw, content_type=environ.get("CONTENT_TYPE", ""))
            return self._receiver.receive(posted, source, started=started)
        except Unauthorized:
            log.info("webhook.unauthorized", is_listed=is_allowed)
            return WebhookAnswer(status=401, document={"status": "unauthorized"})
        except TooManyFailures as error:
            log.info("webhook.too_many_failures", is_listed=is_allowed)
            retry_after = {"Retry-After": str(error.retry_after_s)}
            return WebhookAnswer(status=429, document={"status": "too_many_requests"}, headers=retry_after)
        except BodyIncomplete as error:
            log.warning("webhook.incomplete", reason=error.description)
            return WebhookAnswer(status=503, document={"status": "incomplete", "errors": {"body": [error.description]}})
        except (AuthUnavailable, WriterUnavailable) as error:
            log.warning("webhook.unavailable", error=str(error))
            return WebhookAnswer(status=503, document={"status": "unavailable"})


class AlertShortcut:
    """Serves posted alerts without Flask, whose dispatch costs more than all else that the web process does for one.

    The same endpoint is a route of the Flask application, which serves whatever is not plainly an alert.
    """

    def __init__(self, endpoint: AlertEndpoint, next_request_id: Callable[[], str]) -> None:
        self._endpoint = endpoint
        self._next_request_id = next_request_id

    def __call__(self, environ: Environ) -> tuple[int, list[tuple[str, str]], bytes] | None:
        """Return status, headers and body of the answer; None for a request that is none of an alert."""
        path = environ["PATH_INFO"]
        if environ["REQUEST_METHOD"] != "POST" or not path.startswith(PREFIX):
            return None
        token = path[len(PREFIX) :]
        if not token or "/" in token or not token.isascii():
            return None
        request_id = self._next_request_id()
        clear_contextvars()
        bind_contextvars(request_id=request_id)
        answer = self._answer(environ, token, request_id)
        own_headers = [("Content-Type", _MEDIA_TYPE), ("Content-Length", str(len(answer.body)))]
        return answer.status, [*own_headers, *headers.EVERYWHERE, *answer.headers.items()], answer.body

    def _answer(self, environ: Environ, token: str, request_id: str) -> EncodedAnswer:
        """Return the endpoint's answer; one without details after an unexpected error, which is logged."""
        try:
            return self._endpoint.answer(environ, token, body=environ["wsgi.input"], request_id=request_id)
        except Exception:
            log.exception("request.failed")
            document = {"status": "internal_server_error", "request_id": request_id}
            return _encode(WebhookAnswer(status=500, document=document))


def _encode(answer: WebhookAnswer) -> EncodedAnswer:
    """Encode an answer with a line's end, so that a terminal's prompt begins on a line of its own."""
    return EncodedAnswer(status=answer.status, body=_JSON.encode(answer.document) + b"\n", headers=answer.headers or {})
